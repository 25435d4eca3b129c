"""Whatever has become of the files of a data directory, the service starts, names it, and removes nothing unasked."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asg_executor.store.errors import StoreError
from asg_executor.store.ownership import DirectoryLock
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, regression_data
from fault_harness.faulty_disk import FaultyDisk

BODY: dict[str, Any] = {"inputs": {name: value.tolist() for name, value in regression_data().items()}}
Harm = Callable[[Path], None]


def in_its_place(name: str) -> Harm:
    """A directory where a file was, or a file where a directory was: nobody can read or write that."""

    def harm(session: Path) -> None:
        path = session / name
        path.rename(session.parent.parent / "aside")
        if (session.parent.parent / "aside").is_dir():
            path.write_bytes(b"")
        else:
            path.mkdir()

    return harm


def two_sessions(server: Server) -> tuple[str, str]:
    first, second = server.create_session(), server.create_session()
    for session in (first, second):
        assert server.http.put(f"{session}/steps/1", json=BODY).status_code == 200
    return first, second


@pytest.mark.parametrize("name", ["session.json", "snapshots", "logs", "checkpoints"])
def test_a_session_whose_files_cannot_be_used_does_not_keep_the_service_from_starting(
    tmp_path: Path, name: str
) -> None:
    with in_process(data_dir=tmp_path) as server:
        first, second = two_sessions(server)
    in_its_place(name)(tmp_path / "sessions" / first.rpartition("/")[2])
    with in_process(data_dir=tmp_path) as server:
        assert name in problem(server.http.get(first), "session_damaged")["detail"]
        assert server.http.put(f"{second}/steps/2", json=BODY).status_code == 200
        assert server.http.delete(first).status_code == 204
        problem(server.http.get(first), "unknown_session")


def test_a_session_that_the_database_lost_is_kept_and_named(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        first, second = two_sessions(server)
        id = first.rpartition("/")[2]
        with server.app.state.service.directory.database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", [id])
    files = sorted((tmp_path / "sessions" / id).rglob("*"))
    with in_process(data_dir=tmp_path) as server:
        assert "the database does not know it" in problem(server.http.get(first), "session_damaged")["detail"]
        assert server.http.get(second).status_code == 200
        assert sorted((tmp_path / "sessions" / id).rglob("*")) == files, "nothing is removed unasked"
        assert server.http.delete(first).status_code == 204
    assert not (tmp_path / "sessions" / id).exists()


def test_what_nobody_knows_in_a_data_directory_is_left_alone_but_for_what_a_crash_left(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        first, _ = two_sessions(server)
    (tmp_path / "sessions" / "notes.txt").write_text("mine")
    (tmp_path / "sessions" / ".writing-1").write_text("torn")
    (tmp_path / "sessions" / ".writing-2").mkdir()
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(first).status_code == 200
    names = {path.name for path in (tmp_path / "sessions").iterdir() if not path.is_dir() or path.name[0] == "."}
    assert names == {"notes.txt"}


@pytest.mark.parametrize("harm", ["flipped", "missing"])
def test_a_graph_whose_file_is_damaged_is_written_anew_when_it_is_sent_again(tmp_path: Path, harm: str) -> None:
    with in_process(data_dir=tmp_path) as server:
        digest = server.add_graph(REGRESSION)
    (path,) = (tmp_path / "graphs").iterdir()
    content = path.read_bytes()
    if harm == "missing":
        path.unlink()
    else:
        path.write_bytes(content[:-2] + b" }")
    with in_process(data_dir=tmp_path) as server:
        if harm == "flipped":
            assert server.http.get(f"/v1/graphs/{digest}").status_code == 500
        assert server.add_graph(REGRESSION) == digest
        assert server.http.get(f"/v1/graphs/{digest}").status_code == 200
    assert path.read_bytes() == content


def test_a_deletion_that_the_disk_refuses_leaves_the_session_as_it_was(tmp_path: Path) -> None:
    with FaultyDisk(tmp_path, fault=errno.ENOSPC) as disk, in_process(data_dir=tmp_path) as server:
        first, _ = two_sessions(server)
        state = server.digest(first)
        disk.fail_from_now_on()
        problem(server.http.delete(first), "storage_full")
        disk.mend()
        assert server.digest(first) == state
        assert server.http.put(f"{first}/steps/2", json=BODY).status_code == 200
        assert server.http.delete(first).status_code == 204
    with in_process(data_dir=tmp_path) as server:
        problem(server.http.get(first), "unknown_session")


def test_a_full_disk_does_not_keep_the_service_from_owning_its_directory(tmp_path: Path) -> None:
    DirectoryLock(tmp_path).release()
    with FaultyDisk(tmp_path, at=0, fault=errno.ENOSPC) as disk:
        lock = DirectoryLock(tmp_path)
    assert disk.happened
    lock.release()


def test_a_lock_that_is_released_twice_closes_nothing_else(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path)
    lock.release()
    reader, writer = os.pipe()
    lock.release()
    assert os.write(writer, b"open") == 4
    os.close(reader)
    os.close(writer)


def test_a_log_that_lost_acknowledged_steps_is_named_wherever_it_was_cut(tmp_path: Path) -> None:
    directory, copy = tmp_path / "data", tmp_path / "copy"
    with in_process(data_dir=directory) as server:
        session = server.create_session()
        for number in (1, 2, 3):
            assert server.http.put(f"{session}/steps/{number}", json=BODY).status_code == 200
    (log,) = directory.glob("sessions/*/logs/*/*.log")
    whole = log.read_bytes()
    borders = [index for index in range(len(whole)) if whole[index : index + 4] in (b"step", b"done")]
    for border in {*borders, *(place + delta for place in borders for delta in (-1, 1)), len(whole) - 1}:
        shutil.copytree(directory, copy)
        (copy / log.relative_to(directory)).write_bytes(whole[:border])
        with in_process(data_dir=copy) as server:
            problem(server.http.get(session), "session_damaged")
        shutil.rmtree(copy)


def test_steps_that_a_snapshot_has_need_no_log(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session()
        for number in (1, 2, 3):
            assert server.http.put(f"{session}/steps/{number}", json=BODY).status_code == 200
        server.app.state.service.sessions.get(session.rpartition("/")[2]).save()
        state = server.digest(session)
    for log in sorted(tmp_path.glob("sessions/*/logs/*/*.log"))[1:]:
        log.unlink()
    (log,) = tmp_path.glob("sessions/*/logs/*/*.log")
    content = log.read_bytes()
    log.write_bytes(content[: content.rindex(b"step")])
    for number in (4, 5):
        with in_process(data_dir=tmp_path) as server:
            assert number > 4 or server.digest(session) == state
            assert server.http.put(f"{session}/steps/{number}", json=BODY).status_code == 200


@pytest.mark.parametrize("kind", ["fsync", "ftruncate"])
def test_a_session_goes_on_after_a_write_of_which_nobody_knows_what_became(tmp_path: Path, kind: str) -> None:
    refused = frozenset({"fsync"} if kind == "fsync" else {"write", "ftruncate"})
    with FaultyDisk(tmp_path, fault=errno.EIO, only=refused) as disk, in_process(data_dir=tmp_path) as server:
        session, _ = two_sessions(server)
        state = server.digest(session)
        disk.fail_from_now_on()
        assert server.http.put(f"{session}/steps/2", json=BODY).status_code == 500
        disk.mend()
        assert server.digest(session) == state
        other = {"inputs": {**BODY["inputs"], "target": [[0.0]] * len(BODY["inputs"]["target"])}}
        assert server.http.put(f"{session}/steps/2", json=other).status_code == 200
        state = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == state


def test_a_segment_that_could_not_be_begun_leaves_the_log_as_it_was(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session, _ = two_sessions(server)
    only = frozenset({"fsync"})
    with FaultyDisk(tmp_path, fault=errno.EIO, only=only) as disk, in_process(data_dir=tmp_path) as server:
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        disk.fail_from_now_on()
        with pytest.raises(StoreError):
            held.save()
        disk.mend()
        assert server.http.put(f"{session}/steps/2", json=BODY).status_code == 200
        state = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == state


def test_what_a_crash_left_unfinished_is_gone_after_the_start(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        two_sessions(server)
    histories = [path for path in tmp_path.glob("sessions/*/logs/*") if path.is_dir()]
    assert histories
    left = [directory / ".writing-0" for directory in (tmp_path / "graphs", tmp_path / "tenants/a/graphs", *histories)]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get("/v1/sessions").status_code == 200
    assert [path for path in left if path.exists()] == []
