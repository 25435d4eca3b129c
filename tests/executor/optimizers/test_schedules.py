"""Schedules by hand: at their edges, far out, and what a wrong one is told."""

import math
from typing import Any

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.errors import LearningRateError, OptimizerError
from asg_executor.optimizers.schedules.choice import learning_rate_at
from asg_schema.document import Document
from executor_harness.quadratic import CURVATURES, START, pulls, quadratic

pytestmark = pytest.mark.usefixtures("each_engine")


def rates(schedule: dict[str, Any], *times: int) -> list[float]:
    rate = parse_optimizer({"kind": "sgd", "learning_rate": schedule}).rule.rate
    assert rate is not None
    return [learning_rate_at(rate, t) for t in times]


@pytest.mark.parametrize(
    ("schedule", "times", "expected"),
    [
        ({"kind": "constant", "learning_rate": 0.5}, [0, 1, 10**9], [0.5, 0.5, 0.5]),
        ({"kind": "constant", "learning_rate": 0.5, "factor": 0.5, "total_iters": 2}, [0, 1, 2], [0.25, 0.25, 0.5]),
        ({"kind": "step", "learning_rate": 1, "step_size": 3, "gamma": 0.5}, [0, 2, 3, 5, 6], [1, 1, 0.5, 0.5, 0.25]),
        ({"kind": "multi_step", "learning_rate": 1, "milestones": [2, 2, 4], "gamma": 0.5}, [1, 4], [1, 1 / 8]),
        ({"kind": "multi_step", "learning_rate": 1, "milestones": []}, [0, 99], [1, 1]),
        ({"kind": "exponential", "learning_rate": 1, "gamma": 0.5}, [0, 1, 10, 10**9], [1, 0.5, 2**-10, 0]),
        ({"kind": "exponential", "learning_rate": 1, "gamma": 0}, [0, 1, 2], [1, 0, 0]),
        ({"kind": "step", "learning_rate": 1, "step_size": 3, "gamma": 0}, [0, 2, 3, 9], [1, 1, 0, 0]),
        ({"kind": "multi_step", "learning_rate": 1, "milestones": [2], "gamma": 0}, [0, 1, 2], [1, 1, 0]),
        ({"kind": "cosine", "learning_rate": 1, "T_max": 4, "eta_min": 0.5}, [0, 2, 4, 6, 8], [1, 0.75, 0.5, 0.75, 1]),
        ({"kind": "cosine", "learning_rate": 1, "T_max": 2}, [10**18], [1]),
        ({"kind": "cosine_restarts", "learning_rate": 1, "T_0": 4}, [0, 2, 4, 4 * 10**17 + 2], [1, 0.5, 1, 0.5]),
        ({"kind": "cosine_restarts", "learning_rate": 1, "T_0": 2, "T_mult": 2}, [0, 1, 2, 4, 6, 10], [1, 0.5] * 3),
        ({"kind": "linear_warmup", "learning_rate": 1, "start_factor": 0, "total_iters": 4}, [0, 1, 9], [0, 0.25, 1]),
        (
            {"kind": "warmup_cosine", "learning_rate": 1, "warmup_steps": 2, "total_steps": 6},
            [0, 1, 2, 4, 6, 99],
            [0, 0.5, 1, 0.5, 0, 0],
        ),
        ({"kind": "warmup_cosine", "learning_rate": 1, "warmup_steps": 0, "total_steps": 2}, [0, 1, 2], [1, 0.5, 0]),
        ({"kind": "polynomial", "learning_rate": 1, "total_iters": 4, "power": 2}, [0, 2, 4, 99], [1, 0.25, 0, 0]),
        ({"kind": "piecewise", "boundaries": [2, 5], "values": [1, 2, 3]}, [0, 1, 2, 4, 5, 99], [1, 1, 2, 2, 3, 3]),
        ({"kind": "piecewise", "boundaries": [], "values": [1]}, [0, 99], [1, 1]),
    ],
    ids=str,
)  # fmt: skip
def test_values(schedule: dict[str, Any], times: list[int], expected: list[float]) -> None:
    np.testing.assert_allclose(rates(schedule, *times), expected, rtol=1e-12, atol=1e-15)


def test_one_cycle_rises_falls_and_stays() -> None:
    # The peak is at t = 0.3 · 20 - 1 = 5.
    cycle = {"kind": "one_cycle", "max_learning_rate": 1, "total_steps": 20, "div_factor": 10, "final_div_factor": 10}
    assert rates(cycle, 0, 5, 19) == pytest.approx([0.1, 1.0, 0.01])
    assert rates(cycle, 20, 10**6) == pytest.approx([0.01, 0.01])
    found = rates(cycle, *range(20))
    assert found[:6] == sorted(found[:6])
    assert found[5:] == sorted(found[5:], reverse=True)


@pytest.mark.parametrize("pct_start", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("total_steps", [1, 2, 10])
@pytest.mark.parametrize("three_phase", [False, True])
@pytest.mark.parametrize("anneal_strategy", ["cos", "linear"])
def test_one_cycle_is_finite_wherever_the_peak_is(
    pct_start: float, total_steps: int, three_phase: bool, anneal_strategy: str
) -> None:
    cycle = {
        "kind": "one_cycle",
        "max_learning_rate": 1,
        "total_steps": total_steps,
        "pct_start": pct_start,
        "three_phase": three_phase,
        "anneal_strategy": anneal_strategy,
    }
    assert all(math.isfinite(rate) for rate in rates(cycle, *range(total_steps + 2)))


@pytest.mark.parametrize(
    ("schedule", "pointer", "code"),
    [
        ({}, "/kind", "missing_field"),
        ({"kind": "stp"}, "/kind", "unknown_kind"),
        ({"kind": "step", "learning_rate": 0.1}, "/step_size", "missing_field"),
        ({"kind": "step", "step_size": 1}, "/learning_rate", "missing_field"),
        ({"kind": "step", "learning_rate": 0.1, "step_size": 0}, "/step_size", "invalid_value"),
        ({"kind": "step", "learning_rate": 0.1, "step_size": 2**63}, "/step_size", "invalid_value"),
        ({"kind": "step", "learning_rate": 0.1, "step_size": 1.0}, "/step_size", "invalid_value"),
        ({"kind": "step", "learning_rate": -0.1, "step_size": 1}, "/learning_rate", "invalid_value"),
        ({"kind": "step", "learning_rate": 0.1, "step_size": 1, "gama": 0.1}, "/gama", "unknown_field"),
        ({"kind": "exponential", "learning_rate": 0.1, "gamma": -0.1}, "/gamma", "invalid_value"),
        ({"kind": "exponential", "learning_rate": 0.1, "gamma": math.inf}, "/gamma", "invalid_value"),
        ({"kind": "multi_step", "learning_rate": 0.1, "milestones": [3, 2]}, "", "invalid_value"),
        ({"kind": "multi_step", "learning_rate": 0.1, "milestones": [-1]}, "/milestones/0", "invalid_value"),
        ({"kind": "cosine", "learning_rate": 0.1, "T_max": True}, "/T_max", "invalid_value"),
        ({"kind": "linear_warmup", "learning_rate": 0.1, "start_factor": 1.1}, "/start_factor", "invalid_value"),
        ({"kind": "warmup_cosine", "learning_rate": 1, "warmup_steps": 3, "total_steps": 3}, "", "invalid_value"),
        ({"kind": "one_cycle","max_learning_rate": 1, "total_steps": 1, "pct_start": 2}, "/pct_start", "invalid_value"),
        ({"kind": "piecewise", "boundaries": [1, 1], "values": [1, 1, 1]}, "", "invalid_value"),
        ({"kind": "piecewise", "boundaries": [1], "values": [1]}, "", "invalid_value"),
        ({"kind": "piecewise", "boundaries": [1], "values": [1, "2"]}, "/values/1", "invalid_value"),
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("place", ["learning_rate", "groups/0/learning_rate"])
def test_a_wrong_schedule_is_refused_at_its_place(schedule: Any, pointer: str, code: str, place: str) -> None:
    form: dict[str, Any] = {"kind": "adam", "learning_rate": schedule}
    if place != "learning_rate":
        form = {"kind": "adam", "groups": [{"parameters": "*", "learning_rate": schedule}]}
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer(form)
    found = [(problem.pointer, problem.code) for problem in caught.value.problems]
    assert found == [(f"/optimizer/{place}{pointer}", code)]


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        (
            {"kind": "multi_step", "learning_rate": 0.1, "milestones": [1, 1, 3, 2]},
            "the milestone 2 stands after 3; ascending ones are needed",
        ),
        (
            {"kind": "piecewise", "boundaries": [1, 2, 2], "values": [1, 1, 1, 1]},
            "the boundary 2 stands after 2; each above the one before it is needed",
        ),
        (
            {"kind": "warmup_cosine", "learning_rate": 1, "warmup_steps": 3, "total_steps": 3},
            "warmup_steps is 3; less than total_steps, 3, is needed",
        ),
        ({"kind": "exponential", "learning_rate": 0.1, "gamma": math.nan}, "gamma is nan; a finite number is needed"),
    ],
    ids=str,
)
def test_the_message_says_what_is_needed(schedule: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer({"kind": "adam", "learning_rate": schedule})
    assert [problem.message for problem in caught.value.problems] == [message]


def test_step_n_has_the_rate_of_n_minus_1_steps() -> None:
    schedule = {"kind": "piecewise", "boundaries": [1, 2], "values": [0.5, 0.25, 0.0]}
    session = Session({"train": quadratic()}, {"kind": "sgd", "learning_rate": schedule}, parameters=START)
    expected = START["bias"]
    for step, rate in ((1, 0.5), (2, 0.25), (3, 0.0)):
        session.step(pulls(step))
        expected = expected - rate * (CURVATURES["bias"] * expected + pulls(step)["bias.pull"])
        np.testing.assert_allclose(session.parameters()["bias"], expected, rtol=1e-14)


def test_a_rate_that_overflows_fails_the_step_and_changes_nothing() -> None:
    schedule = {"kind": "step", "learning_rate": 1e300, "step_size": 1, "gamma": 1e10}
    session = Session({"train": quadratic()}, {"kind": "sgd", "learning_rate": schedule}, parameters=START)
    session.step(pulls(1))
    before = session.digest()
    with pytest.raises(LearningRateError, match="the learning rate of step 2 is inf"):
        session.step(pulls(2))
    assert session.digest() == before
    assert session.number == 1


def test_a_rate_that_overflows_in_the_dtype_of_the_update_fails_the_step() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "parameters": [{"id": "p", "dtype": "bfloat16", "shape": [2]}],
            "nodes": [
                {"id": "loss", "op": "full", "dtype": "float32", "shape": [], "value": 0.0},
                {"id": "zero", "op": "full", "dtype": "bfloat16", "shape": [2], "value": 0.0},
            ],
            "outputs": [
                {"name": "loss", "value": "loss"},
                {"name": "g", "value": "zero", "role": {"kind": "gradient", "of": "loss", "wrt": "p"}},
            ],
        }
    )
    schedule = {"kind": "piecewise", "boundaries": [1], "values": [3e38, 1e39]}
    session = Session({"train": document}, {"kind": "sgd", "learning_rate": schedule})
    session.step({})
    with pytest.raises(LearningRateError, match=r"step 2 is 1e\+39, .*; one that does not overflow float32 is needed"):
        session.step({})
    np.testing.assert_array_equal(session.parameters()["p"].astype(float), [0.0, 0.0])
