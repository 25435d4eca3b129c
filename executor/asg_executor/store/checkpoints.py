"""`CheckpointFiles`: states of a session that were given a name, on disk until they are removed.

`checkpoints/<random>/` each, like a snapshot. A checkpoint counts once its row is in the database. What was
noted of it, its metrics and whether it is pinned, stands in a row of its own, which those of the first version lack.
"""

import json
import logging
import math
import secrets
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.saved_state import SavedState, read_state, write_state

__all__ = ["Checkpoint", "CheckpointFiles", "metrics_to_json"]

_log = logging.getLogger("asg_executor")

_TICK_SECONDS = 1e-6


class Checkpoint(NamedTuple):
    """What is known of a checkpoint without reading it.

    Attributes:
        name: its name.
        step: the number of the step after which it was made.
        digest: the digest of the session's state.
        bytes: how many bytes it takes.
        created: when it was made, in seconds since 1970; of two of a session the later has more.
        metrics: figures that it was made with, by name.
        pinned: whether no retention removes it.
    """

    name: str
    step: int
    digest: str
    bytes: int
    created: float
    metrics: Mapping[str, float]
    pinned: bool


class CheckpointFiles:
    """The checkpoints of one session. Not to be used by two threads at a time.

    Args:
        directory: where they are; made where there is none.
        database: where their rows are.
        session: the session's id.

    Attributes:
        removals: how many were removed since the session is held; whoever keeps what it read of one looks at it.
    """

    def __init__(self, directory: Path, database: Database, session: str) -> None:
        self.removals = 0
        self._directory = directory
        self._database = database
        self._session = session
        make_directory(directory)
        remove_unfinished(directory)

    def remove_uncounted(self) -> None:
        """Remove the directories of checkpoints that do not count.

        Raises:
            StoreError: the system refuses.
        """
        rows = self._database.rows("SELECT directory FROM checkpoints WHERE session = ?", [self._session])
        counting = {row["directory"] for row in rows}
        for path in list(self._directory.iterdir()):
            if path.name not in counting:  # a crash came before its row, or after that was removed
                remove_tree(path)

    def moved(self, directory: Path) -> None:
        """Find the files where they are now: their directory was given another name."""
        self._directory = directory

    def add(
        self,
        name: str,
        state: SavedState,
        metrics: Mapping[str, float] | None = None,
        *,
        pinned: bool = True,
        replaced: Collection[str] = (),
    ) -> Checkpoint:
        """Have a state on disk under a name that no other has.

        Args:
            name: the name.
            state: the state.
            metrics: figures that belong to it, by name.
            pinned: whether no retention removes it.
            replaced: the names of the checkpoints that are removed in the same moment.

        Raises:
            StorageFullError: there is no room; nothing is kept of it, and nothing removed.
            StoreError: the system refuses; likewise.
        """
        folder, folders_replaced = f"{state.number:020d}-{secrets.token_hex(4)}", self._folders(replaced)
        manifest, size = write_state(self._directory / folder, state, {"name": name})
        # A clock that was set back must not make this one older than those before it.
        created = max([time.time(), *(item.created + _TICK_SECONDS for item in self.all()[-1:])])
        checkpoint = Checkpoint(name, state.number, state.digest, size, created, dict(metrics or {}), pinned)
        own = {"session": self._session, "name": name}
        row = {
            **own,
            "directory": folder,
            "step": state.number,
            "digest": state.digest,
            "manifest": manifest,
            "bytes": size,
            "created": created,
        }
        try:
            with self._database.transaction() as connection:
                self._database.insert("checkpoints", row)
                note = {"metrics": json.dumps(checkpoint.metrics), "pinned": int(pinned)}
                self._database.insert("checkpoint_notes", {**own, **note})
                self._delete_rows(connection, replaced)
        except BaseException:
            remove_tree(self._directory / folder)
            raise
        self._discard(folders_replaced)
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every checkpoint, in the order in which they were made."""
        rows = self._database.rows(
            "SELECT * FROM checkpoints WHERE session = ? ORDER BY created, name", [self._session]
        )
        notes = self._database.rows("SELECT * FROM checkpoint_notes WHERE session = ?", [self._session])
        by_name = {note["name"]: note for note in notes}
        return [self._described(row, by_name.get(row["name"])) for row in rows]

    def _described(self, row: Row, note: Row | None) -> Checkpoint:
        metrics: dict[str, float] = {}
        pinned = True
        if note is not None:
            try:
                self._database.check_row("checkpoint_notes", note)
                metrics, pinned = json.loads(note["metrics"]), bool(note["pinned"])
            except DamagedFileError as error:  # the state itself may be sound, and no retention removes it now
                _log.error("session %s: %s", self._session, error)
        return Checkpoint(row["name"], row["step"], row["digest"], row["bytes"], row["created"], metrics, pinned)

    def find(self, name: str) -> Checkpoint | None:
        """The checkpoint of a name, if there is one."""
        return next((item for item in self.all() if item.name == name), None)

    def check(self) -> None:
        """Find that what the database says of the checkpoints is what was written.

        Raises:
            DamagedFileError: it is not.
        """
        for table in ("checkpoints", "checkpoint_notes"):
            for row in self._database.rows(f"SELECT * FROM {table} WHERE session = ?", [self._session]):
                self._database.check_row(table, row)

    def read(self, name: str) -> SavedState:
        """The state that a checkpoint has.

        Raises:
            DamagedFileError: its files do not hold what was written to them.
            StoreError: the system refuses.
        """
        row = self._row(name)
        self._database.check_row("checkpoints", row)
        return read_state(self._directory / row["directory"], row["manifest"])[0]

    def remove(self, names: Collection[str]) -> None:
        """Remove checkpoints: all of these, or none.

        Raises:
            StorageFullError: there is no room for the database's record of it; they are still there.
            StoreError: the system refuses; likewise.
        """
        folders = self._folders(names)
        with self._database.transaction() as connection:
            self._delete_rows(connection, names)
        self._discard(folders)

    def _folders(self, names: Collection[str]) -> list[str]:
        return [self._row(name)["directory"] for name in names]

    def _delete_rows(self, connection: Connection, names: Collection[str]) -> None:
        for table in ("checkpoints", "checkpoint_notes"):
            query = f"DELETE FROM {table} WHERE session = ? AND name = ?"
            connection.executemany(query, [(self._session, name) for name in names])

    def _discard(self, folders: Collection[str]) -> None:
        """Remove the files of checkpoints that do not count any more; those that stay are removed at the next start."""
        self.removals += len(folders)
        for folder in folders:
            try:
                remove_tree(self._directory / folder)
            except StoreError as error:
                _log.warning("session %s: files of a removed checkpoint are left: %s", self._session, error)

    def _row(self, name: str) -> Row:
        query = "SELECT * FROM checkpoints WHERE session = ? AND name = ?"
        (row,) = self._database.rows(query, [self._session, name])
        return row


def metrics_to_json(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Metrics as JSON has them: what is not finite is "nan", "inf" or "-inf", as in tensors."""
    return {name: value if math.isfinite(value) else str(value) for name, value in metrics.items()}
