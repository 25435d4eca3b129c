"""`SessionStore`: the sessions of a data directory.

`sessions/<id>/session.json` has what a session was created with, its documents included; `row.json` what the database
says of it, for the day when that is lost; `SessionFiles` the rest. A session counts while its row is in the database.
Before the row is there, and before it goes, the directory is called `.writing-<id>`: so whatever a crash leaves is told
apart. With a row it is the session and gets its name back, without one it is removed. A directory `<id>` without a row
is neither, and is kept: the database has lost it.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.damage import set_aside
from asg_executor.store.database import Database, Row, row_checksum
from asg_executor.store.durable_files import (
    TEMPORARY_PREFIX,
    make_directory,
    remove_tree,
    remove_unfinished,
    storage_errors,
    sync_directory,
    write_directory,
)
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import CHECKPOINTS, LOGS, SNAPSHOTS, SessionFiles

__all__ = ["ROW_FILE", "DamagedSession", "SessionStore", "StoredSession"]

ROW_FILE = "row.json"
"""The file that has what the database says of a session."""

_FILE = "session.json"
_WRITERS = 4

_log = logging.getLogger("asg_executor")


class StoredSession(NamedTuple):
    """A session that is on disk.

    Attributes:
        id: its id.
        settings: what it was created with, as JSON.
        files: its state and steps.
        tenant: whose it is.
    """

    id: str
    settings: Mapping[str, Any]
    files: SessionFiles
    tenant: str


class DamagedSession(NamedTuple):
    """A session of which it is not even known what it was created with.

    Attributes:
        id: its id.
        reason: what is damaged.
        tenant: whose it is; None where not even that is known.
    """

    id: str
    reason: str
    tenant: str | None


class SessionStore:
    """The sessions of a data directory. Its methods may be called from several threads, for different sessions.

    Args:
        directory: where they are; made where there is none.
        database: the directory's metadata.
    """

    def __init__(self, directory: Path, database: Database) -> None:
        self._directory = directory
        self._database = database
        self._writers = ThreadPoolExecutor(_WRITERS, thread_name_prefix="asg-writer")
        make_directory(directory)

    def create(self, id: str, settings: Mapping[str, Any], state: SavedState, tenant: str) -> SessionFiles:
        """Have a new session on disk.

        Args:
            id: its id.
            settings: what it is created with, as JSON.
            state: its first state.
            tenant: whose it is.

        Raises:
            StorageFullError: there is no room; nothing is kept.
            StoreError: the system refuses; likewise.
        """
        content = json.dumps(settings, sort_keys=True).encode()
        unfinished, path = self._unfinished(id), self._directory / id
        row = {"id": id, "created": time.time(), "settings": sha256(content).hexdigest(), "tenant": tenant}
        noted = json.dumps({**row, "checksum": row_checksum(row)}).encode()
        write_directory(unfinished, {_FILE: [content], ROW_FILE: [noted]})
        try:
            files = SessionFiles(unfinished, self._database, id, self._writers)
            files.save(state)
            with self._database.transaction():
                self._database.insert("sessions", row)
            _rename(unfinished, path)
        except BaseException:
            self._forget(id, unfinished)
            remove_tree(path)
            raise
        files.moved(path)
        return files

    def _unfinished(self, id: str) -> Path:
        """What the directory of a session is called before it is one, and once it is none any more."""
        return self._directory / f"{TEMPORARY_PREFIX}{id}"

    def stored(self) -> Iterator[StoredSession | DamagedSession]:
        """Every session that is on disk. What a crash left of one that is not created yet, or deleted, is removed.

        Raises:
            DamagedFileError: the database is damaged.
            StoreError: the system refuses.
        """
        rows = self._database.rows("SELECT * FROM sessions ORDER BY created, id")
        known = {row["id"] for row in rows}
        self._finish(known)
        for row in rows:
            tenant: str | None = None
            try:
                self._database.check_row("sessions", row)
                tenant = _tenant(row)
                yield self._stored(row)
            except StoreError as error:
                yield DamagedSession(row["id"], str(error), tenant)
        with storage_errors(self._directory):
            found = sorted(path.name for path in self._directory.iterdir() if path.is_dir())
        for id in found:
            if id not in known:
                yield DamagedSession(id, f"{self._directory / id}: the database does not know it", None)

    def _finish(self, known: Set[str]) -> None:
        """Finish what a crash interrupted: a session with a row is one, and what has none is removed."""
        with storage_errors(self._directory):
            unfinished = list(self._directory.glob(f"{TEMPORARY_PREFIX}*"))
        for path in unfinished:
            id = path.name.removeprefix(TEMPORARY_PREFIX)
            if id in known and not (self._directory / id).exists():
                _rename(path, self._directory / id)
            elif id in known:
                remove_tree(path)
            else:
                self._forget(id, path)

    def _stored(self, row: Row) -> StoredSession:
        directory = self._directory / row["id"]
        path = directory / _FILE
        with storage_errors(path):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                raise DamagedFileError(path, "it is missing") from None
        if sha256(content).hexdigest() != row["settings"]:
            raise DamagedFileError(path, f"its SHA-256 is not {row['settings']}, with which it was written")
        files = SessionFiles(directory, self._database, row["id"], self._writers)
        return StoredSession(row["id"], json.loads(content), files, _tenant(row))

    def checkpoints(self, id: str) -> CheckpointFiles:
        """The checkpoints of a session that is damaged otherwise.

        Raises:
            StoreError: the system refuses.
        """
        return CheckpointFiles(self._directory / id / CHECKPOINTS, self._database, id)

    def revive(self, id: str, state: SavedState, damage: str) -> tuple[SessionFiles, Path]:
        """Have a state on disk in the place of all that is damaged of a session, which is set aside.

        Args:
            id: the session's id.
            state: the state.
            damage: what is damaged.

        Returns:
            The session's files, and the directory that has those that were damaged.

        Raises:
            StorageFullError: there is no room; everything is as it was.
            StoreError: the system refuses; likewise.
        """
        directory = self._directory / id
        remove_unfinished(directory)
        rows = self._database.rows("SELECT * FROM snapshots WHERE session = ?", [id])
        aside = set_aside(directory, [SNAPSHOTS, LOGS], {"reason": damage, "snapshots": [dict(row) for row in rows]})
        try:
            files = SessionFiles(directory, self._database, id, self._writers)
            files.replace(state)
        except BaseException:
            remove_tree(aside)
            raise
        return files, aside

    def remove(self, id: str) -> None:
        """Remove a session and all that belongs to it.

        Raises:
            StorageFullError: there is no room for the database's record of it; the session is as it was.
            StoreError: the system refuses; likewise.
        """
        path, condemned = self._directory / id, self._unfinished(id)
        try:
            if path.exists():
                _rename(path, condemned)
            self._forget_rows(id)
        except BaseException:
            if condemned.exists():
                _rename(condemned, path)
            raise
        try:
            remove_tree(condemned)
        except StoreError as error:  # it is none any more, and the next start removes what is left
            _log.warning("session %s was deleted, and files of it are left: %s", id, error)

    def _forget(self, id: str, path: Path) -> None:
        """Remove a session that is not one yet, or no more."""
        self._forget_rows(id)
        remove_tree(path)

    def _forget_rows(self, id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", [id])
            for table in ("snapshots", "checkpoints", "checkpoint_notes"):
                connection.execute(f"DELETE FROM {table} WHERE session = ?", [id])

    def close(self) -> None:
        """End the threads that write."""
        self._writers.shutdown()


def _tenant(row: Row) -> str:
    """Whose session a row is; one that was made before there were tenants is that of requests without a key."""
    return row["tenant"] or ""


def _rename(path: Path, target: Path) -> None:
    """Give a directory another name, on disk, too."""
    with storage_errors(path):
        path.rename(target)
        sync_directory(path.parent)
