"""At the end every session is saved: several at a time, with probes answered. A second signal does not wait for it."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from asg_executor.api.server import Server, url_of
from asg_executor.app import create_app
from asg_executor.serve_command import _listen as listen  # pyright: ignore[reportPrivateUsage] - the socket of a server
from asg_executor.sessions.durability import SnapshotEvery
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.saving import save_changed
from asg_executor.settings import Settings
from asg_executor.store.errors import StorageFullError
from executor_harness.in_process import Server as InProcess
from executor_harness.in_process import in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_data, regression_gradient

STEP = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}


class Saving:
    """What the sessions of a test are saved by: it waits for `go`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[HeldSession] = []
        self.begin, self.go = threading.Semaphore(0), threading.Event()
        save = HeldSession.save_if_changed

        def wait_and_save(held: HeldSession) -> None:
            self.begun.append(held)
            self.begin.release()
            assert self.go.wait(60)
            save(held)

        monkeypatch.setattr(HeldSession, "save_if_changed", wait_and_save)


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> Saving:
    return Saving(monkeypatch)


def step(server: InProcess, **fields: object) -> str:
    session = server.create_session(**fields)
    assert server.http.put(f"{session}/steps/1", json=STEP).status_code == 200
    return session


def test_several_are_saved_at_a_time_and_only_what_changed(tmp_path: Path, saving: Saving) -> None:
    with in_process(data_dir=tmp_path) as server:
        changed = {step(server).rpartition("/")[2] for _ in range(3)}
        server.create_session()
        held = server.app.state.service.sessions

        def release() -> None:
            for _ in changed:
                assert saving.begin.acquire(timeout=60)  # all of them have begun before one is done
            saving.go.set()

        thread = threading.Thread(target=release)
        thread.start()
        server.runner.run(save_changed(held))
        thread.join(60)
        assert {item.id for item in saving.begun} == changed
        assert not any(item.is_changed for item in held)


def test_those_come_first_whose_steps_are_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saving: Saving
) -> None:
    monkeypatch.setattr("asg_executor.sessions.saving._THREADS", 1)
    saving.go.set()
    with in_process(data_dir=tmp_path) as server:
        for durability in ("every_step", "checkpoint_only", "every_step", {"snapshot_every": 9}):
            step(server, durability=durability)
        server.runner.run(save_changed(server.app.state.service.sessions))
    found = [held.settings.durability for held in saving.begun]
    assert found[:2] == ["checkpoint_only", SnapshotEvery(snapshot_every=9)]
    assert found[2:] == ["every_step", "every_step"]


def test_one_that_cannot_be_saved_is_told_and_keeps_no_other_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with in_process(data_dir=tmp_path) as server:
        bad, good = (server.app.state.service.sessions.get(step(server).rpartition("/")[2]) for _ in range(2))
        assert bad is not None
        assert good is not None

        def refuse(*_: object) -> None:
            raise StorageFullError("there is no room")

        monkeypatch.setattr("asg_executor.store.session_files.write_state", refuse)
        server.runner.run(save_changed([bad]))
        monkeypatch.undo()
        assert f"session {bad.id}: no snapshot at the end" in caplog.text
        assert bad.is_changed
        server.runner.run(save_changed([bad, good]))
        assert not bad.is_changed
        assert not good.is_changed


class Running(NamedTuple):
    """A server with a session that has to be saved, and a connection to it."""

    server: Server
    http: httpx.Client
    session: str
    thread: threading.Thread


@contextmanager
def running(directory: Path) -> Generator[Running]:
    ready = threading.Event()
    settings = Settings(port=0, data_dir=directory)
    listener = listen(settings)
    server = Server(settings, lambda: create_app(settings), lambda _: ready.set())
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert ready.wait(60)
        with httpx.Client(base_url=url_of(listener), timeout=60) as http:
            graph = http.post("/v1/graphs", content=regression_gradient().to_json()).json()["digest"]
            body = {"graphs": {"train": graph}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
            session = http.post("/v1/sessions", json=body).headers["Location"]
            assert http.put(f"{session}/steps/1", json=STEP).status_code == 200
            yield Running(server, http, session, thread)
    finally:
        server.request_stop()
        thread.join(60)
        assert not thread.is_alive()


def test_while_the_sessions_are_saved_probes_are_answered(tmp_path: Path, saving: Saving) -> None:
    with running(tmp_path) as run:
        run.server.request_stop()
        assert saving.begin.acquire(timeout=60)
        assert run.http.get("/healthz/live").json() == {"live": True}
        assert run.http.get("/healthz/ready").status_code == 503
        problem(run.http.put(f"{run.session}/steps/2", json=STEP), "draining")
        saving.go.set()
        run.thread.join(60)
        assert not run.server.has_abandoned_work
    assert len(saving.begun) == 1


def test_a_second_signal_does_not_wait_for_the_sessions(tmp_path: Path, saving: Saving) -> None:
    with running(tmp_path) as run:
        run.server.request_stop()
        assert saving.begin.acquire(timeout=60)
        run.server.handle_exit(signal.SIGTERM, None)
        run.thread.join(60)
        assert not run.thread.is_alive()
        assert run.server.has_abandoned_work
        saving.go.set()
