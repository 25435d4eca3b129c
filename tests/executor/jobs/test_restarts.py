"""A job goes on after its server ended, however it ended, and leaves what an undisturbed one leaves."""

import errno
import random
import signal
import threading
from pathlib import Path
from typing import Any

import httpx
import pytest

from executor_harness.in_process import in_process
from executor_harness.jobs import add_dataset, create_session, data, events_of, messages, start_job, trained, wait
from executor_harness.problems import problem
from executor_harness.server_process import serving
from fault_harness.faulty_disk import FaultyDisk

EPOCHS = 60
DURABILITIES = ["every_step", {"snapshot_every": 7}, "checkpoint_only"]


def settings_of(http: httpx.Client) -> dict[str, Any]:
    train, test = add_dataset(http, data()), add_dataset(http, data(20, 1))
    return {
        "dataset": train,
        "batch_size": 16,
        "epochs": EPOCHS,
        "shuffle_seed": 7,
        "validation": {"dataset": test, "every_epochs": 2},
        "checkpoints": {"every_epochs": 5, "keep_last": 2, "prefix": "kept"},
    }


def told(job: dict[str, Any]) -> list[Any]:
    """What of a history does not depend on the time."""
    return [{key: value for key, value in report.items() if key != "time"} for report in job["history"]]


def unnumbered(history: list[Any]) -> list[Any]:
    """A history of a job that had further events between its reports."""
    return [{key: value for key, value in report.items() if key != "event"} for report in history]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    with in_process(data_dir=tmp_path_factory.mktemp("undisturbed"), workers=2) as server:
        session = create_session(server.http)
        job = wait(server.http, start_job(server.http, session, **settings_of(server.http)))
        assert server.digest(session) == trained(EPOCHS, 16).digest()
        return {"history": told(job), "digest": server.digest(session)}


@pytest.mark.parametrize("durability", DURABILITIES, ids=str)
def test_a_job_goes_on_after_kills(tmp_path: Path, durability: Any, undisturbed: dict[str, Any]) -> None:
    """Its weights, history and events are those of one that was not disturbed, bit for bit."""
    choose = random.Random(f"kills {durability}")
    job = session = ""
    kills, ids = 0, list[int]()
    while True:
        with serving(["--data-dir", str(tmp_path)]) as process, httpx.Client(base_url=process.url, timeout=60) as http:
            if not job:
                session = create_session(http, durability=durability)
                job = start_job(http, session, **settings_of(http))
            if kills == 2:
                found = wait(http, job)
                digest = http.get(session).json()["digest"]
                break
            timer = threading.Timer(choose.uniform(0.05, 0.6), process.popen.kill)
            timer.start()
            ids += seen_events(http, job, ids[-1] if ids else 0)
            process.popen.wait()
            timer.join()
            kills += 1
    assert told(found) == undisturbed["history"]
    assert digest == undisturbed["digest"]
    assert ids == list(range(1, len(ids) + 1)), "no event was lost, and none came twice"
    assert [report["event"] for report in found["history"]] == list(range(3, 3 + EPOCHS))


def seen_events(http: httpx.Client, job: str, after: int) -> list[int]:
    """The numbers of the events that came until the server was gone, or the job ended."""
    text = ""
    try:
        with http.stream("GET", f"{job}/events", headers={"Last-Event-ID": str(after)}) as response:
            for piece in response.iter_text():
                text += piece
    except httpx.TransportError:
        pass
    whole = text[: text.rfind("\n\n")] if "\n\n" in text else ""
    return [int(id) for id, _, _ in messages(whole) if id]


def test_sigterm_pauses_a_job_and_ends_its_streams(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    with serving(["--data-dir", str(tmp_path)]) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        session = create_session(http)
        job = start_job(http, session, **settings_of(http))
        http.get(job, params={"after": 4, "wait": 30})
        with http.stream("GET", f"{job}/events") as response:
            pieces = response.iter_text()
            next(pieces)
            process.popen.send_signal(signal.SIGTERM)
            text = "".join(pieces)  # it ends, and is not cut off
        assert ": the server is shutting down" in text or '"type": "succeeded"' in text
        assert process.popen.wait(timeout=60) == 0
    with in_process(data_dir=tmp_path, workers=2) as server:
        assert server.http.get(session).json()["step"] > 0
        assert told(wait(server.http, job)) == undisturbed["history"]
        assert server.digest(session) == undisturbed["digest"]
        types = [kind for _, kind, _ in events_of(server, job)]
        assert types == ["queued", "running", *["report"] * EPOCHS, "succeeded"]


@pytest.fixture
def paused(tmp_path: Path) -> tuple[Path, str, str]:
    """A data directory whose job is in the midst of its steps, with the paths of session and job."""
    with in_process(data_dir=tmp_path, workers=2) as server:
        session = create_session(server.http)
        job = start_job(server.http, session, **settings_of(server.http))
        server.http.get(job, params={"after": 4, "wait": 30})
        server.runner.run(server.app.state.service.jobs.drain())
    return tmp_path, session, job


def test_a_damaged_event_is_named_and_other_jobs_go_on(paused: tuple[Path, str, str]) -> None:
    directory, session, job = paused
    with in_process(data_dir=directory, workers=2) as server:
        database = server.app.state.service.directory.database
        with database.transaction() as connection:
            connection.execute("UPDATE job_events SET content = replace(content, 'loss', 'lose') WHERE number = 3")
        server.runner.run(server.app.state.service.jobs.drain())
    with in_process(data_dir=directory, workers=2) as server:
        problem(server.http.get(job), "job_damaged")
        (damaged,) = server.http.get("/v1/jobs").json()["damaged"]
        assert damaged["id"] == job.rpartition("/")[2]
        digest = server.http.get("/v1/datasets").json()["datasets"][0]["digest"]
        assert server.http.delete(job).status_code == 204
        problem(server.http.get(job), "unknown_job")
        wait(server.http, start_job(server.http, session, dataset=digest, batch_size=25))


def test_a_cancelled_job_stays_so_though_the_server_was_killed_before_it_ended(paused: tuple[Path, str, str]) -> None:
    directory, session, job = paused
    with in_process(data_dir=directory, workers=2) as server:
        service = server.app.state.service
        found = service.jobs.get(job.rpartition("/")[2])
        event = {"type": "cancelling", "time": 0.0, "step": found.position}
        service.directory.jobs.append(found.id, found.last_event + 1, event)
    with in_process(data_dir=directory, workers=2) as server:
        step = wait(server.http, job, "cancelled")["step"]
        assert server.http.get(session).json()["step"] == step
        assert server.http.post(f"{job}/resume").status_code == 202
        assert wait(server.http, job)["step"] == 4 * EPOCHS


@pytest.mark.parametrize("durability", DURABILITIES, ids=str)
def test_a_full_disk_ends_a_job_that_goes_on_once_there_is_room(
    tmp_path: Path, durability: Any, undisturbed: dict[str, Any]
) -> None:
    with FaultyDisk(tmp_path, fault=errno.ENOSPC) as disk, in_process(data_dir=tmp_path, workers=2) as server:
        session = create_session(server.http, durability=durability)
        job = start_job(server.http, session, **settings_of(server.http))
        server.http.get(job, params={"after": 4, "wait": 30})
        disk.fail_from_now_on()
        found = wait(server.http, job, "failed")
        disk.mend()
        assert (found["error"]["code"], found["error"]["retryable"]) == ("storage_full", True)
        assert server.http.post(f"{job}/resume").status_code == 202
        assert unnumbered(told(wait(server.http, job))) == unnumbered(undisturbed["history"])
        assert server.digest(session) == undisturbed["digest"]


def test_a_job_that_was_accepted_goes_on_though_no_new_one_would_be(
    paused: tuple[Path, str, str], undisturbed: dict[str, Any]
) -> None:
    directory, session, job = paused
    with in_process(data_dir=directory, workers=2, max_job_steps=3, max_jobs=1, max_body_bytes=100) as server:
        assert told(wait(server.http, job)) == undisturbed["history"]
        assert server.digest(session) == undisturbed["digest"]


def test_a_session_that_was_changed_behind_its_job_is_not_trained_on(paused: tuple[Path, str, str]) -> None:
    directory, session, job = paused
    with in_process(data_dir=directory, workers=2) as server:
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        held.job = None
        number = held.session.number
        body = {"inputs": {name: array.tolist() for name, array in data().items()}}
        assert server.http.put(f"{session}/steps/{number + 1}", json=body).status_code == 200
        assert wait(server.http, job, "failed")["error"]["code"] == "job_out_of_step"
        assert server.http.get(session).json()["step"] == number + 1


def flushes(directory: Path, batch_size: int) -> int:
    """How often files are flushed in a job of one epoch over 50 rows, and commits are made, from its creation on."""
    with FaultyDisk(directory, follows=False) as disk, in_process(data_dir=directory, workers=2) as server:
        session, dataset = create_session(server.http), add_dataset(server.http, data())
        begin = len(disk.operations)
        wait(server.http, start_job(server.http, session, dataset=dataset, batch_size=batch_size))
        return sum(item.startswith(("fsync", "fdatasync", "commit")) for item in disk.operations[begin:])


def test_a_step_of_a_job_waits_for_the_disk_once_as_any_step_does(tmp_path: Path) -> None:
    assert flushes(tmp_path / "many", 1) - flushes(tmp_path / "few", 10) == 50 - 5
