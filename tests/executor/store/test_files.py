"""Files, snapshots, the database and the ownership of the directory: whole or not there, and damage is named."""

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from asg_executor.store.database import Database
from asg_executor.store.durable_files import (
    TEMPORARY_PREFIX,
    remove_tree,
    remove_unfinished,
    write_directory,
    write_file,
)
from asg_executor.store.errors import DamagedFileError, DirectoryInUseError, NewerDirectoryError, StorageFullError
from asg_executor.store.ownership import DirectoryLock
from asg_executor.store.snapshots import own_digest, read_snapshot, write_snapshot

FILES = {"state.safetensors": [b"0123456789"], "answer.safetensors": [b"abc", memoryview(b"def")]}


def test_a_file_is_replaced_or_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    write_file(path, [b"old"])

    def fsync(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(StorageFullError):
            write_file(path, [b"new"])
    assert path.read_bytes() == b"old"
    assert [item.name for item in tmp_path.iterdir()] == ["file"]
    write_file(path, [b"n", b"ew"])
    assert path.read_bytes() == b"new"


def test_what_a_crash_left_unfinished_is_removed(tmp_path: Path) -> None:
    (tmp_path / f"{TEMPORARY_PREFIX}1").mkdir()
    (tmp_path / f"{TEMPORARY_PREFIX}1" / "part").write_bytes(b"x")
    (tmp_path / f"{TEMPORARY_PREFIX}2").write_bytes(b"x")
    write_directory(tmp_path / "whole", {"file": [b"y"]})
    remove_unfinished(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]
    remove_tree(tmp_path / "whole")
    remove_tree(tmp_path / "whole")
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_is_read_back(tmp_path: Path) -> None:
    digest, size = write_snapshot(tmp_path / "7", {"step": 7}, FILES)
    snapshot = read_snapshot(tmp_path / "7", digest)
    assert snapshot.details == {"step": 7}
    assert snapshot.files == {"state.safetensors": b"0123456789", "answer.safetensors": b"abcdef"}
    assert size == sum(path.stat().st_size for path in (tmp_path / "7").iterdir())


def reading(digest: str) -> Callable[[Path], object]:
    return lambda path: read_snapshot(path, digest)


def test_every_flipped_byte_and_truncation_of_a_snapshot_is_found(tmp_path: Path) -> None:
    digest, _ = write_snapshot(tmp_path / "7", {"step": 7}, FILES)
    for path in (tmp_path / "7").iterdir():
        read = own_digest if path.name == "manifest.sha256" else reading(digest)
        whole = path.read_bytes()
        damaged = [whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :] for place in range(len(whole))]
        for content in [*damaged, *(whole[:length] for length in range(len(whole))), whole + b"\0"]:
            path.write_bytes(content)
            with pytest.raises(DamagedFileError) as caught:
                read(tmp_path / "7")
            assert "manifest" in path.name or caught.value.path == path
        path.unlink()
        with pytest.raises(DamagedFileError, match="missing"):
            read(tmp_path / "7")
        path.write_bytes(whole)
    assert read_snapshot(tmp_path / "7", digest).details == {"step": 7}


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    lock = DirectoryLock(tmp_path / "data")
    with pytest.raises(DirectoryInUseError, match=f"in use by the process {os.getpid()}"):
        DirectoryLock(tmp_path / "data")
    lock.release()
    DirectoryLock(tmp_path / "data").release()


def test_a_killed_owner_owns_nothing(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path; from asg_executor.store.ownership import DirectoryLock; "
        "lock = DirectoryLock(Path(sys.argv[1])); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == -9
    DirectoryLock(tmp_path).release()


def test_a_transaction_is_whole_or_not_there(tmp_path: Path) -> None:
    database = Database(tmp_path / "asg.sqlite3")
    row = {"id": "s", "created": 1.5, "settings": "{}"}

    def interrupted() -> None:
        with database.transaction():
            database.insert("sessions", row)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        interrupted()
    assert database.rows("SELECT * FROM sessions") == []
    with database.transaction():
        database.insert("sessions", row)
    database.close()
    again = Database(tmp_path / "asg.sqlite3")
    (found,) = again.rows("SELECT * FROM sessions")
    again.check_row("sessions", found)
    with again.transaction() as connection:
        connection.execute("UPDATE sessions SET created = 2.5")
    with pytest.raises(DamagedFileError, match="a row of sessions was changed"):
        again.check_row("sessions", again.rows("SELECT * FROM sessions")[0])
    again.close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "asg.sqlite3"
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(NewerDirectoryError, match="has version 99"):
        Database(path)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "asg.sqlite3"
    path.write_bytes(b"no database" * 400)
    with pytest.raises(DamagedFileError, match="not a database"):
        Database(path)


def test_a_log_that_cannot_be_emptied_is_no_failure_of_what_is_committed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "asg.sqlite3"
    database = Database(path)

    class Failing:
        """A connection whose checkpoints fail."""

        def __init__(self, connection: sqlite3.Connection) -> None:
            self.connection = connection

        def execute(self, query: str, parameters: object = ()) -> sqlite3.Cursor:
            if "wal_checkpoint" in query:
                raise sqlite3.OperationalError("disk I/O error")
            return self.connection.execute(query, parameters)  # pyright: ignore[reportArgumentType]

        def __getattr__(self, name: str) -> object:
            return getattr(self.connection, name)

    database._connection = Failing(database._connection)  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]  # noqa: SLF001 - a disk cannot be made to fail here
    with database.transaction():
        database.insert("sessions", {"id": "s", "created": 1.5, "settings": "{}"})
    assert "could not be emptied: disk I/O error" in caplog.text
    database.close()
    again = Database(path)
    assert len(again.rows("SELECT * FROM sessions")) == 1
    again.close()
