"""A damaged session: listed as such, its checkpoints at hand, restored from one of them, and nothing deleted."""

import asyncio
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import safetensors.numpy

from asg_executor import Session
from asg_executor.store import damage, durable_files
from asg_executor.store.database import Database
from asg_executor.store.errors import StorageFullError
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression, regression_data, regression_gradient

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9}


def take(server: Server, session: str, *numbers: int) -> None:
    for number in numbers:
        inputs = {name: value.tolist() for name, value in regression_data(seed=number).items()}
        response = server.http.put(f"{session}/steps/{number}", json={"inputs": inputs})
        assert response.status_code == 200, response.text


def oracle(steps: int) -> Session:
    session = Session({"predict": regression(), "train": regression_gradient()}, ADAM, seed=5)
    for number in range(1, steps + 1):
        session.step(regression_data(seed=number))
    return session


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)


def flip_log(folder: Path) -> None:
    (path,) = folder.glob("logs/*/*.log")
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)


def flip_snapshots(folder: Path) -> None:
    for path in folder.glob("snapshots/*/state.safetensors"):
        flip(path)


def lose_snapshots(folder: Path) -> None:
    shutil.rmtree(folder / "snapshots")


def lose_both(folder: Path) -> None:
    shutil.rmtree(folder / "snapshots")
    shutil.rmtree(folder / "logs")


def flip_settings(folder: Path) -> None:
    flip(folder / "session.json")


def damaged(tmp_path: Path, harm: Callable[[Path], None]) -> str:
    """A session of four steps with a checkpoint after two, whose files were then harmed."""
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        take(server, session, 1, 2)
        made = server.http.post(f"{session}/checkpoints", json={"name": "two", "metrics": {"loss": 0.5}})
        assert made.status_code == 201
        take(server, session, 3, 4)
    harm(tmp_path / "sessions" / session.rpartition("/")[2])
    return session


def contents(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file below a folder, by its path there."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


HARMS = [flip_log, flip_snapshots, lose_snapshots, lose_both]


@pytest.mark.parametrize("harm", HARMS)
def test_a_damaged_session_goes_on_from_its_checkpoint(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    session = damaged(tmp_path, harm)
    folder = tmp_path / "sessions" / session.rpartition("/")[2]
    with in_process(data_dir=tmp_path) as server:
        detail = problem(server.http.get(session), "session_damaged")["detail"]
        assert "restore" in detail
        (listed,) = server.http.get("/v1/sessions").json()["sessions"]
        assert listed["id"] == folder.name
        assert listed["damaged"] in detail
        (checkpoint,) = server.http.get(f"{session}/checkpoints").json()["checkpoints"]
        assert (checkpoint["name"], checkpoint["step"], checkpoint["metrics"]) == ("two", 2, {"loss": 0.5})
        headers = {"Accept": "application/vnd.safetensors"}
        found = safetensors.numpy.load(server.http.get(f"{session}/checkpoints/two", headers=headers).content)
        assert {name: array.tolist() for name, array in found.items()} == {
            name: array.tolist() for name, array in oracle(2).parameters().items()
        }
        problem(server.http.post(f"{session}/checkpoints/three/restore"), "unknown_checkpoint")
        problem(server.http.post(f"{session}/checkpoints"), "session_damaged")
        before = {name: digest for name, digest in contents(folder).items() if name.startswith(("snapshots", "logs"))}

        response = server.http.post(f"{session}/checkpoints/two/restore")
        assert response.status_code == 200, response.text
        assert (response.json()["step"], response.json()["digest"]) == (2, oracle(2).digest())
        aside = folder / response.json()["set_aside"]
        kept = contents(aside)
        reason = json.loads((aside / "damage.json").read_text())["reason"]
        assert reason == listed["damaged"]
        assert {name: digest for name, digest in kept.items() if name != "damage.json"} == before
        assert "damaged" not in server.http.get("/v1/sessions").json()["sessions"][0]
        take(server, session, 3, 4)
        assert server.digest(session) == oracle(4).digest()
    with in_process(data_dir=tmp_path) as server:
        take(server, session, 5)
        assert server.digest(session) == oracle(5).digest()
        assert contents(aside) == kept
        assert server.http.delete(session).status_code == 204
    assert not folder.exists()


def test_without_the_optimizer_its_slots_begin_anew(tmp_path: Path) -> None:
    session = damaged(tmp_path, flip_log)
    with in_process(data_dir=tmp_path) as server:
        response = server.http.post(f"{session}/checkpoints/two/restore", json={"optimizer": False})
        assert response.json()["step"] == 2
        digest = response.json()["digest"]
        assert digest != oracle(2).digest()
        weights = safetensors.numpy.load(server.http.get(f"{session}/parameters").content)
        assert {name: array.tolist() for name, array in weights.items()} == {
            name: array.tolist() for name, array in oracle(2).parameters().items()
        }
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == digest


def test_what_a_session_was_made_with_is_needed(tmp_path: Path) -> None:
    session = damaged(tmp_path, flip_settings)
    with in_process(data_dir=tmp_path) as server:
        detail = problem(server.http.post(f"{session}/checkpoints/two/restore"), "session_damaged")["detail"]
        assert "session.json" in detail
        headers = {"Accept": "application/vnd.safetensors"}
        assert server.http.get(f"{session}/checkpoints/two", headers=headers).status_code == 200
        assert server.http.delete(session).status_code == 204
        problem(server.http.get(session), "unknown_session")


def test_a_damaged_checkpoint_restores_nothing(tmp_path: Path) -> None:
    session = damaged(tmp_path, flip_log)
    folder = tmp_path / "sessions" / session.rpartition("/")[2]
    (path,) = folder.glob("checkpoints/*/state.safetensors")
    flip(path)
    before = contents(folder)
    with in_process(data_dir=tmp_path) as server:
        assert str(path) in problem(server.http.post(f"{session}/checkpoints/two/restore"), "damaged_file")["detail"]
        problem(server.http.get(session), "session_damaged")
        assert server.http.delete(f"{session}/checkpoints/two").status_code == 204
    assert {name for name in before if not name.startswith("checkpoints")} == contents(folder).keys()


def test_files_of_a_session_that_the_database_does_not_know_are_left_alone(tmp_path: Path) -> None:
    session = damaged(tmp_path, lambda _: None)
    other = tmp_path / "sessions" / ("0" * 32)
    shutil.copytree(tmp_path / "sessions" / session.rpartition("/")[2], other)
    before = contents(other)
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(f"/v1/sessions/{other.name}/checkpoints").json() == {"checkpoints": []}
        problem(server.http.post(f"/v1/sessions/{other.name}/checkpoints/two/restore"), "unknown_checkpoint")
    assert contents(other) == before


@pytest.mark.parametrize("failing", range(12))
def test_on_a_full_disk_everything_is_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int) -> None:
    """The disk is full from the n-th write, link or commit of the restoring on."""
    session = damaged(tmp_path, flip_log)
    folder = tmp_path / "sessions" / session.rpartition("/")[2]
    counted = [0]

    def failing_from(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            counted[0] += 1
            if counted[0] > failing:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return function(*arguments, **options)

        return call

    def full_database(self: Database) -> Any:
        counted[0] += 1
        if counted[0] > failing:
            raise StorageFullError("asg.sqlite3: database or disk is full; nothing was changed")
        return transaction(self)

    transaction = Database.transaction
    with in_process(data_dir=tmp_path) as server:
        before = contents(folder)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", failing_from(os.write))
            patch.setattr(os, "link", failing_from(os.link))
            patch.setattr(Database, "transaction", full_database)
            response = server.http.post(f"{session}/checkpoints/two/restore")
        if response.status_code != 200:
            problem(response, "storage_full")
            assert contents(folder) == before
            problem(server.http.get(session), "session_damaged")
            assert server.http.post(f"{session}/checkpoints/two/restore").status_code == 200
        take(server, session, 3)
        assert server.digest(session) == oracle(3).digest()
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == oracle(3).digest()


def test_where_the_system_has_no_links_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: str, target: str) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"content")
    monkeypatch.setattr(os, "link", refuse)
    aside = damage.set_aside(tmp_path, ["a", "missing"], {"reason": "why"})
    assert (aside / "a" / "b").read_bytes() == b"content"
    assert (aside / "a" / "b").stat().st_nlink == 1
    assert not list(tmp_path.glob(f"{durable_files.TEMPORARY_PREFIX}*"))


def test_of_simultaneous_restorings_each_is_answered(tmp_path: Path) -> None:
    session = damaged(tmp_path, flip_log)
    with in_process(data_dir=tmp_path, workers=2) as server:

        async def send_all() -> list[httpx.Response]:
            async with server.asynchronous() as http:
                return await asyncio.gather(*(http.post(f"{session}/checkpoints/two/restore") for _ in range(4)))

        responses = server.runner.run(send_all())
        assert [response.status_code for response in responses] == [200] * 4
        assert sum("set_aside" in response.json() for response in responses) == 1
        take(server, session, 3)
        assert server.digest(session) == oracle(3).digest()


def test_a_condition_holds_in_no_state_of_a_damaged_session(tmp_path: Path) -> None:
    session = damaged(tmp_path, flip_log)
    with in_process(data_dir=tmp_path) as server:
        headers = {"If-Match": f'"{oracle(4).digest()}"'}
        problem(server.http.post(f"{session}/checkpoints/two/restore", headers=headers), "state_changed")
