"""A job whose steps take their rows in micro-batches: bit for bit a loop that does so."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asg_builder.data import Batches, micro_batches
from asg_builder.training import RunningFigures
from asg_executor import Session
from asg_executor.jobs import bounds
from asg_executor.jobs.batch_order import micro_batch_rows, micro_batch_sizes
from asg_executor.plan.arrays import Array
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import Setup, add_dataset, create_session, data, network, start_job, trained, wait
from executor_harness.problems import problem


def oracle(count: int, epochs: int = 2) -> Iterator[tuple[Session, dict[str, Any]]]:
    """A session in this process after each epoch of such a loop, and the figures of the epoch."""
    session = trained(0, 16)
    batches = Batches(data(), 16, shuffle=True, seed=7)
    for _ in range(epochs):
        figures = RunningFigures()
        for batch in batches:
            parts: list[Mapping[str, Array]] = [*micro_batches(batch, count)]
            for part, answer in zip(parts, session.step_micro_batches(parts, ["loss", "accuracy"]), strict=True):
                figures.update(answer, len(part["y"]))
        yield session, figures.result()


@pytest.mark.parametrize("count", [1, 3, 16])
def test_a_job_of_micro_batches_is_a_loop_of_them(server: Server, setup: Setup, count: int) -> None:
    """With dropout, whose keys each micro-batch has of its own, and a last batch of 2 rows."""
    job = setup.run(epochs=2, shuffle_seed=7, micro_batches=count)
    loop = [(session.digest(), figures) for session, figures in oracle(count)]
    assert [report["figures"] for report in job["history"]] == [figures for _, figures in loop], "the same bits"
    digest = loop[-1][0]
    assert server.digest(setup.session) == digest
    if count > 1:
        assert digest != trained(2, 16).digest(), "the division shows"


def test_it_goes_on_after_a_restart_with_the_same_bits(tmp_path: Path) -> None:
    """From the middle of an epoch: the figures of the step before come from its micro-batches again."""
    with in_process(data_dir=tmp_path, workers=2) as server:
        setup = Setup(server)
        job = setup.start(epochs=30, shuffle_seed=7, micro_batches=3)
        server.http.get(job, params={"after": 2, "wait": 30})
    with in_process(data_dir=tmp_path, workers=2) as server:
        found = wait(server.http, job)
        *_, (session, figures) = oracle(3, 30)
        assert server.digest(setup.session) == session.digest()
        assert found["history"][-1]["figures"] == figures


def test_a_job_broken_off_after_each_step_has_the_figures_of_one_that_was_not(server: Server, setup: Setup) -> None:
    job = setup.start(epochs=2, shuffle_seed=7, micro_batches=3)
    found = server.http.post(f"{job}/cancel").json()
    while found["state"] == "cancelled":
        server.http.post(f"{job}/resume")
        server.http.get(job, params={"after": found["last_event"] + 2, "wait": 1})
        found = server.http.post(f"{job}/cancel").json()
    assert found["state"] == "succeeded"
    reports = server.http.get(job).json()["history"]
    assert [report["figures"] for report in reports] == [figures for _, figures in oracle(3)]


def test_micro_batches_that_cannot_be(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    path, request = f"{setup.session}/jobs", {"dataset": setup.train, "batch_size": 16}
    for count in (0, -1, 1.5, True, "2", 10**30):
        found = problem(setup.http.post(path, json={**request, "micro_batches": count}), "invalid_job")
        assert [item["pointer"] for item in found["problems"]] == ["/micro_batches"], count
    found = problem(setup.http.post(path, json={**request, "micro_batches": 17}), "invalid_job")
    assert "17 micro-batches of 16 rows; at most 16" in found["detail"]
    monkeypatch.setattr(bounds, "_MOST_MICRO_BATCH_INPUTS", 31)
    found = problem(setup.http.post(path, json={**request, "micro_batches": 16}), "invalid_job")
    assert "the 16 micro-batches have 32 inputs; a step has at most 31" in found["detail"]
    assert setup.run(micro_batches=15)["step"] == 4


def test_a_graph_of_a_fixed_size_needs_micro_batches_of_it(server: Server) -> None:
    digest = server.add_graph(network(training=True).to_json().replace('"batch"', "4"))
    body = {"graphs": {"train": digest}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    session = server.http.post("/v1/sessions", json=body).headers["Location"]
    dataset = add_dataset(server.http, data())
    request = {"dataset": dataset, "batch_size": 16, "drop_last": True}
    found = problem(server.http.post(f"{session}/jobs", json={**request, "micro_batches": 3}), "invalid_job")
    assert found["problems"][0]["code"] == "batch_size_mismatch"
    assert "batches have 6 and 5 rows; batches of 4 alone are needed" in found["detail"]
    assert wait(server.http, start_job(server.http, session, **request, micro_batches=4))["step"] == 3


def test_one_key_with_and_without_micro_batches_is_two_wishes(server: Server) -> None:
    session, dataset = create_session(server.http), add_dataset(server.http, data())
    request, headers = {"dataset": dataset, "batch_size": 16}, {"Idempotency-Key": "mine"}
    first = server.http.post(f"{session}/jobs", json=request, headers=headers)
    other = server.http.post(f"{session}/jobs", json={**request, "micro_batches": 2}, headers=headers)
    problem(other, "creation_mismatch")
    assert "micro_batches" not in first.json()["settings"], "as a service that did not know them has it"
    wait(server.http, first.headers["Location"])


@pytest.mark.parametrize("size", [1, 2, 7, 16])
@pytest.mark.parametrize("count", [None, 1, 2, 3, 7, 20])
def test_rows_are_divided_as_the_builder_divides_them(size: int, count: int | None) -> None:
    rows = np.arange(size) * 3
    found = micro_batch_rows(rows, count)
    assert [part["x"].tolist() for part in micro_batches({"x": rows}, count or 1)] == [part.tolist() for part in found]
    assert {len(part) for part in found} == micro_batch_sizes(size, count)
