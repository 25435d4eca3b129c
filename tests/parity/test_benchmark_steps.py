"""What `make bench` times beside ASG computes the same losses and answers, from the same weights and data."""

import numpy as np
import pytest

from benchmarks.asg_steps import LocalSteps, first_weights
from benchmarks.side_by_side import figures_difference
from benchmarks.steps import JAX, TORCH, Steps, maker_named
from benchmarks.workloads import WORKLOADS, Workload

STEPS = 4


def figures(workload: Workload, steps: Steps) -> list[float]:
    if workload.optimizer is None:
        return np.asarray(steps.step()).ravel().tolist()
    return [float(np.asarray(steps.step())) for _ in range(STEPS)]


@pytest.mark.parametrize("peer", [TORCH, JAX])
@pytest.mark.parametrize("workload", WORKLOADS, ids=[workload.name for workload in WORKLOADS])
def test_a_peer_computes_the_same_and_can_begin_again(workload: Workload, peer: str) -> None:
    weights = first_weights(workload)
    expected = figures(workload, LocalSteps(workload, weights))
    steps = maker_named(peer).load()(workload, weights)
    found = figures(workload, steps)
    assert figures_difference(found, expected) < 1e-4
    if workload.optimizer is not None:
        decrease, own = found[0] - found[-1], expected[0] - expected[-1]
        assert decrease == pytest.approx(own, rel=0.02), "the weights change by as much"
    steps.restart()
    np.testing.assert_allclose(figures(workload, steps), found, rtol=1e-5)
