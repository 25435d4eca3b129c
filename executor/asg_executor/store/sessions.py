"""`SessionStore`: the sessions of a data directory.

`sessions/<id>/session.json` has what a session was created with, its documents included; `SessionFiles` the rest. A
session counts once its row is in the database.
"""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished, write_directory
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles

__all__ = ["DamagedSession", "SessionStore", "StoredSession"]

_FILE = "session.json"
_WRITERS = 4


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
        remove_unfinished(directory)

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
        path = self._directory / id
        write_directory(path, {_FILE: [content]})
        try:
            files = SessionFiles(path, self._database, id, self._writers)
            files.save(state)
            with self._database.transaction():
                row = {"id": id, "created": time.time(), "settings": sha256(content).hexdigest(), "tenant": tenant}
                self._database.insert("sessions", row)
        except BaseException:
            remove_tree(path)
            raise
        return files

    def stored(self) -> Iterator[StoredSession | DamagedSession]:
        """Every session that is on disk. What a crash left of one that was not created yet is removed.

        Raises:
            DamagedFileError: the database is damaged.
            StoreError: the system refuses.
        """
        rows = self._database.rows("SELECT * FROM sessions ORDER BY created, id")
        known = {row["id"] for row in rows}
        for path in list(self._directory.iterdir()):
            if path.name not in known:
                self._forget(path.name)
        for row in rows:
            tenant: str | None = None
            try:
                self._database.check_row("sessions", row)
                tenant = _tenant(row)
                yield self._stored(row)
            except DamagedFileError as error:
                yield DamagedSession(row["id"], str(error), tenant)

    def _stored(self, row: Row) -> StoredSession:
        directory = self._directory / row["id"]
        path = directory / _FILE
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise DamagedFileError(path, "it is missing") from None
        if sha256(content).hexdigest() != row["settings"]:
            raise DamagedFileError(path, f"its SHA-256 is not {row['settings']}, with which it was written")
        files = SessionFiles(directory, self._database, row["id"], self._writers)
        return StoredSession(row["id"], json.loads(content), files, _tenant(row))

    def remove(self, id: str) -> None:
        """Remove a session and all that belongs to it.

        Raises:
            StoreError: the system refuses.
        """
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM sessions WHERE id = ?", [id])
        self._forget(id)

    def close(self) -> None:
        """End the threads that write."""
        self._writers.shutdown()

    def _forget(self, id: str) -> None:
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM snapshots WHERE session = ?", [id])
            connection.execute("DELETE FROM checkpoints WHERE session = ?", [id])
            connection.execute("DELETE FROM checkpoint_notes WHERE session = ?", [id])
        remove_tree(self._directory / id)


def _tenant(row: Row) -> str:
    """Whose session a row is; one that was made before there were tenants is that of requests without a key."""
    return row["tenant"] or ""
