"""A job trains as a loop does, bit for bit, and says how it goes; what it cannot do it refuses before any step."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from asg_builder.data import Batches
from asg_builder.training import RunningFigures
from asg_executor.access.principal import Scope
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.access import bearer
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import (
    Setup,
    add_dataset,
    create_session,
    data,
    events_of,
    start_job,
    trained,
    wait,
)
from executor_harness.problems import problem

HEADERS = {"Content-Type": MEDIA_TYPE}


LONG = 100_000
"""Epochs of a job that is cancelled: it would take minutes."""


@pytest.mark.parametrize("seed", [None, 0, 7])
@pytest.mark.parametrize("drop_last", [False, True])
def test_a_job_is_a_loop_over_the_builders_batches(
    server: Server, setup: Setup, seed: int | None, drop_last: bool
) -> None:
    """With Adam, dropout, an average of the weights, and a last batch that is smaller."""
    job = setup.run(epochs=3, drop_last=drop_last, shuffle_seed=seed)
    oracle = trained(3, 16, seed=seed, drop_last=drop_last)
    assert job["step"] == job["steps_total"] == oracle.number
    assert server.digest(setup.session) == oracle.digest()
    again = setup.run(epochs=1, batch_size=50)
    assert again["first_step"] == oracle.number
    oracle.step(data())
    assert server.digest(setup.session) == oracle.digest()


def test_figures_are_those_of_a_loop(setup: Setup) -> None:
    job = setup.run(epochs=3, shuffle_seed=7, validation={"dataset": setup.test, "batch_size": 7})
    oracle = trained(0, 16)
    batches = Batches(data(), 16, shuffle=True, seed=7)
    for number, report in enumerate(job["history"], 1):
        figures, validation = RunningFigures(), RunningFigures()
        for batch in batches:
            figures.update(oracle.step(batch, ["loss", "accuracy"]), len(batch["y"]))
        for batch in Batches(data(20, 1), 7):
            validation.update(oracle.run("validate", batch), len(batch["y"]))
        found = validation.result()
        confusion = found.pop("confusion")
        expected = {**figures.result(), **{f"val_{name}": value for name, value in found.items()}}
        assert report["figures"] == expected, "the same bits"
        assert (report["epoch"], report["step"], report["ends_epoch"]) == (number, 4 * number, True)
        assert report["arrays"] == {
            "val_confusion": {"dtype": "int64", "shape": [3, 3], "data": confusion.reshape(-1).tolist()}
        }
    assert len(job["history"]) == 3
    assert job["figures"] == job["history"][-1]["figures"]


def test_a_job_in_one_request(server: Server, setup: Setup) -> None:
    fields = {"epochs": "2", "batch_size": "16", "shuffle_seed": "7", "checkpoints": '{"prefix": "one"}'}
    body = write_safetensors(data(), fields)
    response = server.http.post(f"{setup.session}/jobs", content=body, headers=HEADERS)
    assert response.status_code == 202, response.text
    assert response.json()["settings"]["dataset"] == setup.train, "it is the same data set"
    job = wait(server.http, response.headers["Location"])
    assert job["checkpoints"] == ["one-step-4", "one-step-8"]
    assert server.digest(setup.session) == trained(2, 16).digest()


def test_while_a_job_trains_nothing_else_changes_the_session(server: Server, setup: Setup) -> None:
    http, session = server.http, setup.session
    assert http.post(f"{session}/checkpoints", json={"name": "before"}).status_code == 201
    job = setup.start(epochs=LONG)
    step = {"inputs": {name: array.tolist() for name, array in data(4).items()}}
    number = http.get(session).json()["step"] + 1
    refused = [
        http.put(f"{session}/steps/{number}", json=step),
        http.put(f"{session}/parameters", json={"parameters": {}}),
        http.post(f"{session}/checkpoints/before/restore", json={}),
        http.post(f"{session}/jobs", json={"dataset": setup.train, "batch_size": 16}),
    ]
    for response in refused[1:]:
        assert job.rpartition("/")[2] in problem(response, "session_busy")["detail"]
    assert refused[0].json()["code"] in ("session_busy", "step_gap", "step_passed", "step_mismatch"), "n may be over"
    assert http.post(f"{session}/run", json={"graph": "validate", **step}).status_code == 200
    assert http.get(f"{session}/parameters").status_code == 200
    assert http.post(f"{session}/checkpoints", json={"name": "meanwhile"}).status_code == 201
    assert http.get("/v1/jobs").json()["jobs"][0]["state"] in ("queued", "running")
    assert http.get(f"{session}/jobs").json()["jobs"][0]["id"] == job.rpartition("/")[2]
    problem(http.delete(job), "job_active")
    problem(http.delete(f"/v1/datasets/{setup.train}"), "dataset_in_use")
    cancelled = http.post(f"{job}/cancel").json()
    assert cancelled["state"] == "cancelled"
    assert http.post(f"{job}/cancel").json() == cancelled
    steps = cancelled["step"]
    assert server.digest(session) == trained(steps // 4 + 1, 16, seed=None, steps=steps).digest()
    assert http.put(f"{session}/steps/{steps + 1}", json=step).status_code == 200
    problem(http.post(f"{job}/resume"), "job_not_resumable")
    assert http.delete(f"/v1/datasets/{setup.train}").status_code == 204
    assert http.delete(job).status_code == 204
    problem(http.get(job), "unknown_job")


def test_a_cancelled_job_goes_on_when_asked_to(server: Server, setup: Setup) -> None:
    job = setup.start(epochs=40, shuffle_seed=7)
    server.http.get(job, params={"after": 2, "wait": 30})  # until its first report
    cancelled = server.http.post(f"{job}/cancel").json()
    assert 4 <= cancelled["step"] < 160
    response = server.http.post(f"{job}/resume")
    assert response.status_code == 202
    assert server.http.post(f"{job}/resume").status_code == 202, "it goes on anyway"
    found = wait(server.http, job)
    assert found["step"] == 160
    assert server.digest(setup.session) == trained(40, 16).digest()
    assert [report["step"] for report in found["history"]] == list(range(4, 164, 4))
    types = [kind for _, kind, _ in events_of(server, job) if kind != "report"]
    assert types == ["queued", "running", "cancelling", "cancelled", "queued", "running", "succeeded"]
    problem(server.http.post(f"{job}/resume"), "job_not_resumable")


def test_to_delete_the_session_cancels_its_job(server: Server, setup: Setup) -> None:
    job = setup.start(epochs=LONG)
    tag = {"If-Match": '"0000"'}
    problem(server.http.delete(setup.session, headers=tag), "state_changed")
    assert server.http.get(job).json()["state"] in ("queued", "running"), "what was refused changed nothing"
    assert server.http.delete(setup.session).status_code == 204
    assert server.http.get(job).json()["state"] == "cancelled"
    problem(server.http.post(f"{job}/resume"), "job_not_resumable")
    problem(server.http.get(setup.session), "unknown_session")


def test_a_step_that_fails_ends_the_job(server: Server) -> None:
    bad = data()
    bad["y"][40] = 3  # there are three classes, and batches of 10
    session = create_session(server.http)
    digest = add_dataset(server.http, bad)
    job = start_job(server.http, session, dataset=digest, batch_size=10)
    found = wait(server.http, job, "failed")
    assert found["error"]["code"] == "index_out_of_range"
    assert found["error"]["retryable"] is False
    assert (found["step"], server.http.get(session).json()["step"]) == (4, 4)
    assert server.http.post(f"{job}/resume").status_code == 202
    assert wait(server.http, job, "failed")["step"] == 4
    step = {"inputs": {name: array.tolist() for name, array in data(4).items()}}
    assert server.http.put(f"{session}/steps/5", json=step).status_code == 200, "the session is free"


@pytest.mark.parametrize(("policy", "state"), [("fail", "failed"), ("skip", "succeeded"), ("apply", "succeeded")])
def test_steps_that_are_not_finite(server: Server, policy: str, state: str) -> None:
    bad = data()
    bad["x"][20] = np.inf
    session = create_session(server.http, non_finite=policy)
    job = start_job(server.http, session, dataset=add_dataset(server.http, bad), batch_size=16)
    found = wait(server.http, job, state)
    if policy == "fail":
        assert found["error"]["code"] == "step_not_finite"
        assert (found["step"], found["history"]) == (1, [])
    else:
        assert found["step"] == 4
        assert found["history"][0]["figures"]["loss"] == "nan"
        parameters = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"}).json()
        values = parameters["parameters"]["net.0.weight"]["data"]
        assert ("nan" in values) is (policy == "apply")


def test_a_key_makes_one_job(server: Server, setup: Setup) -> None:
    path, headers = f"{setup.session}/jobs", {"Idempotency-Key": "mine"}
    request = {"dataset": setup.train, "batch_size": 16}

    async def send(count: int) -> list[tuple[int, str, str | None]]:
        async with server.asynchronous() as http:
            found = await asyncio.gather(*(http.post(path, json=request, headers=headers) for _ in range(count)))
            return [(r.status_code, r.json()["id"], r.headers.get("Idempotent-Replayed")) for r in found]

    answers = server.runner.run(send(8))
    assert {(status, id) for status, id, _ in answers} == {(202, answers[0][1])}
    assert sorted(replayed or "" for _, _, replayed in answers) == ["", *["true"] * 7]
    job = f"/v1/jobs/{answers[0][1]}"
    wait(server.http, job)
    body = write_safetensors(data(), {"batch_size": "16"})
    again = server.http.post(path, content=body, headers={**headers, **HEADERS})
    assert (again.json()["id"], again.headers["Idempotent-Replayed"]) == (answers[0][1], "true")
    problem(server.http.post(path, json={**request, "epochs": 2}, headers=headers), "creation_mismatch")
    problem(server.http.post(path, json=request, headers={"Idempotency-Key": "a b"}), "invalid_request")
    assert setup.run()["id"] != answers[0][1], "another wish is another job"


def test_jobs_wait_for_each_other_and_no_more_are_kept_than_may_be(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=2, max_running_jobs=1, max_jobs=2) as server:
        first, second, third = (Setup(server) if index == 0 else create_session(server.http) for index in range(3))
        assert isinstance(first, Setup)
        running = first.start(epochs=LONG)
        waiting = start_job(server.http, str(second), dataset=first.train, batch_size=16)
        server.http.get(running, params={"after": 2, "wait": 30})
        assert server.http.get(running).json()["state"] == "running"
        assert server.http.get(waiting).json()["state"] == "queued"
        request = {"dataset": first.train, "batch_size": 16}
        problem(server.http.post(f"{third}/jobs", json=request), "too_many_jobs")
        assert server.http.get(str(third)).status_code == 200
        metrics = server.http.get("/metrics").text
        assert 'asg_jobs{state="running"} 1.0' in metrics
        assert 'asg_jobs{state="queued"} 1.0' in metrics
        server.http.post(f"{running}/cancel")
        wait(server.http, waiting)
        newest = start_job(server.http, str(third), **request)
        problem(server.http.get(running), "unknown_job")
        wait(server.http, newest)


def test_a_tenant_with_many_jobs_makes_nobody_elses_go(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=2, max_jobs=3, require_key=True) as server:
        keys = server.app.state.service.keys
        few, many = (bearer(keys.create(name, name, Scope.TRAIN)[0]) for name in ("few", "many"))
        server.http.headers.update(few)
        kept = Setup(server).run()["id"]
        server.http.headers.update(many)
        setup = Setup(server)
        own = [setup.run()["id"] for _ in range(4)]
        assert [job["id"] for job in server.http.get("/v1/jobs").json()["jobs"]] == own[-2:]
        server.http.headers.update(few)
        assert [job["id"] for job in server.http.get("/v1/jobs").json()["jobs"]] == [kept]


def test_a_job_that_waits_is_cancelled_at_once(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, workers=2, max_running_jobs=1) as server:
        first = Setup(server)
        running = first.start(epochs=LONG)
        session = create_session(server.http)
        waiting = start_job(server.http, session, dataset=first.train, batch_size=16)
        assert server.http.post(f"{waiting}/cancel").json()["state"] == "cancelled"
        assert server.http.post(f"{waiting}/resume").status_code == 202
        server.http.post(f"{running}/cancel")
        assert wait(server.http, waiting)["step"] == 4


def test_a_waiting_answer_comes_at_once_where_there_is_news(server: Server, setup: Setup) -> None:
    job = setup.start(epochs=2)
    found = wait(server.http, job)
    last = server.http.get(job, params={"after": 3, "wait": 60}).json()
    assert [report["step"] for report in last["history"]] == [8]
    assert server.http.get(job, params={"after": found["last_event"], "wait": 60}).json()["history"] == []
    for text in ("-1", "a", "1.5", "9" * 30):
        problem(server.http.get(job, params={"after": text}), "invalid_request")


def test_settings_as_json_are_read_again() -> None:
    settings = JobSettings.parse(
        {"dataset": "d", "batch_size": 4, "checkpoints": {"keep_best": 1}, "early_stopping": {"patience": 0}}
    )
    assert JobSettings.parse(settings.to_json()) == settings
