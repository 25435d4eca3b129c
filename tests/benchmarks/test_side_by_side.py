"""A run of the benchmark that takes no longer than it must: what it finds has to be there, however long it takes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from asg_executor.engines.lookup import engine_names
from benchmarks.asg_steps import LocalSteps, RemoteSteps, first_weights
from benchmarks.busy_cores import busy_seconds
from benchmarks.candidate import Candidate, CandidateError
from benchmarks.candidate_process import COMPARED_STEPS
from benchmarks.carrying import measure_carrying
from benchmarks.concurrency import measure_concurrency
from benchmarks.profiling import product_operations, profiled
from benchmarks.side_by_side import figures_difference, measure_row
from benchmarks.steps import ASG, Steps
from benchmarks.workloads import WORKLOADS, workload_named

ROOT = Path(__file__).parents[2]
DEMO = workload_named("demo block")


@pytest.fixture
def in_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are modules of this folder, and are found where they are started."""
    monkeypatch.chdir(ROOT)


@pytest.mark.usefixtures("in_root")
def test_candidates_are_measured_in_turns_and_compared() -> None:
    row = measure_row(DEMO, [ASG, "nobody"], seconds=0.1, rounds=2, start_seconds=60)
    assert set(row.timed) == {ASG}
    timed = row.timed[ASG]
    assert len(timed.rounds) == 2
    assert timed.steps >= 2
    assert 0 < timed.minimum <= timed.median
    assert timed.first_step_seconds > 0
    assert timed.later_first_step_seconds > 0
    assert row.most_difference == 0
    assert row.others_share is None or 0 <= row.others_share < 1.1
    assert row.problems == {"nobody": "the process ended with 1: KeyError: 'nobody'"}
    assert 0 < row.product_share < 1
    assert row.fastest_peer is None


def losses_of(steps: Steps) -> list[float]:
    return [float(np.asarray(steps.step())) for _ in range(COMPARED_STEPS)]


def test_a_round_begins_with_the_first_weights_in_the_process_and_over_http() -> None:
    weights = first_weights(DEMO)
    local, remote = LocalSteps(DEMO, weights), RemoteSteps(DEMO, weights)
    try:
        losses = losses_of(local)
        assert losses[-1] < 0.5 * losses[0], "the losses that are compared change"
        over_http = losses_of(remote)
        np.testing.assert_allclose(over_http, losses, rtol=1e-5)
        for steps, first in ((local, losses), (remote, over_http)):
            steps.restart()
            assert losses_of(steps) == first
    finally:
        remote.close()


@pytest.mark.parametrize("name", ["demo block", "small block", "MLP"])
@pytest.mark.parametrize("engine", engine_names())
def test_every_engine_takes_the_same_steps_in_each_session(engine: str, name: str) -> None:
    workload = workload_named(name)
    weights = first_weights(workload)
    expected = losses_of(LocalSteps(workload, weights, "numpy"))
    found = [losses_of(LocalSteps(workload, weights, engine)) for _ in range(4)]
    np.testing.assert_allclose(found[0], expected, rtol=1e-4)
    assert found[1:] == found[:1] * 3, "steps are the same bits in each session of a process"


def test_an_answer_over_http_is_that_of_the_process() -> None:
    workload = workload_named("MLP, 1 example")
    weights = first_weights(workload)
    remote = RemoteSteps(workload, weights)
    try:
        answer = np.asarray(LocalSteps(workload, weights).step())
        np.testing.assert_allclose(np.asarray(remote.step()), answer, rtol=1e-5)
        remote.restart()
        np.testing.assert_allclose(np.asarray(remote.step()), answer, rtol=1e-5)
    finally:
        remote.close()


@pytest.mark.usefixtures("in_root")
def test_a_candidate_answers_errors_and_goes_on(tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    np.savez(weights, allow_pickle=False, **first_weights(DEMO))
    with Candidate(ASG, DEMO.name, weights, {}, 60) as candidate:
        with pytest.raises(CandidateError, match="AttributeError"):
            candidate.round(0.01)  # before it was started
        losses = candidate.start().figures
        assert len(losses) == COMPARED_STEPS
        found = candidate.round(0.01)
        assert found.milliseconds
        assert found.processor_seconds > 0
        held = candidate.memory()
        if held.most_bytes is not None and held.stepping_bytes is not None:
            assert 0 <= held.stepping_bytes <= held.most_bytes


@pytest.mark.usefixtures("in_root")
def test_a_candidate_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    weights = tmp_path / "weights.npz"
    np.savez(weights, allow_pickle=False, **first_weights(DEMO))
    with (
        Candidate(ASG, DEMO.name, weights, {}, 0.0) as candidate,
        pytest.raises(CandidateError, match="no answer within 0 s"),
    ):
        candidate.start()
    assert candidate.ended


@pytest.mark.parametrize("figures", [[1.0, 2.01], [1.0, float("nan")], [1.0]])
def test_figures_that_differ_are_no_candidate(figures: list[float]) -> None:
    with pytest.raises(CandidateError, match="something else"):
        figures_difference(figures, [1.0, 2.0])


def test_figures_may_differ_by_rounding() -> None:
    assert figures_difference([1.0, 2.0001], [1.0, 2.0]) == pytest.approx(5e-5, rel=1e-3)


@pytest.mark.usefixtures("in_root")
def test_two_sessions_take_steps_at_once() -> None:
    found = measure_concurrency(DEMO.name, 0.2)
    assert found.workload == DEMO.name
    assert found.alone > 0
    assert found.together > 0
    assert found.ratio > 0


@pytest.mark.usefixtures("in_root")
def test_the_bytes_of_a_step_go_to_a_bare_application() -> None:
    found = measure_carrying([DEMO, workload_named("MLP")], 0.1)
    assert [item.workload for item in found] == [DEMO.name, "MLP"]
    assert [item.bytes for item in found] == [2 * 4 * 4, 128 * (784 * 4 + 8)]
    assert all(0 < item.minimum <= item.median for item in found)


def test_a_profile_has_the_products_of_a_model() -> None:
    workload = workload_named("MLP, 1 example")
    steps = LocalSteps(workload, first_weights(workload))
    profile = profiled(steps.session, steps.step, seconds=0.01)
    assert product_operations(steps.session) == 2 * (784 * 512 + 512 * 256 + 256 * 10)
    assert sum(piece.has_product for piece in profile.pieces) == 3
    assert {len(piece.each) for piece in profile.pieces} == {len(profile.each)}
    assert {piece.calls for piece in profile.pieces if piece.has_product} == {1}
    assert 0 < profile.product_share < 1
    assert profile.product_share < profile.part(profile.pieces) < 1


def test_a_profile_has_the_optimizer() -> None:
    steps = LocalSteps(DEMO, first_weights(DEMO))
    profile = profiled(steps.session, steps.step, seconds=0.01)
    assert {piece.graph for piece in profile.pieces} == {"train", "optimizer"}


def test_the_profile_is_printed() -> None:
    done = run_module("benchmarks.profile", DEMO.name, "--seconds", "0.05")
    assert done.returncode == 0, done.stderr
    assert "matmul" in done.stdout
    assert "optimizer" in done.stdout
    assert "Matrix products and convolutions" in done.stdout


def test_a_profile_of_mixed_precision_has_its_conversions() -> None:
    done = run_module("benchmarks.profile", DEMO.name, "--seconds", "0.05", "--mixed")
    assert done.returncode == 0, done.stderr
    assert "matmul astype" in done.stdout


def test_an_unknown_workload_is_refused() -> None:
    done = run_module("benchmarks.profile", "demo")
    assert done.returncode == 2
    assert 'no workload "demo"' in done.stderr


def run_module(name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", name, *arguments]
    environment = {**os.environ, "COLUMNS": "160", "TERM": "dumb"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)


def test_the_names_of_workloads_are_different() -> None:
    assert len({workload.name for workload in WORKLOADS}) == len(WORKLOADS)


def test_the_cores_are_as_busy_as_this_process_makes_them() -> None:
    before = busy_seconds()
    if before is None:
        pytest.skip("the system does not tell, or the process may not use all cores")
    own = time.process_time()
    while time.process_time() < own + 0.3:
        pass
    after = busy_seconds()
    assert after is not None
    assert after - before >= 0.2
