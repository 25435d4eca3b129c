"""`CheckpointFiles`: states of a session that were given a name, on disk until they are removed.

`checkpoints/<random>/` each, like a snapshot. A checkpoint counts once its row is in the database.
"""

import secrets
import time
from pathlib import Path
from typing import NamedTuple

from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished
from asg_executor.store.saved_state import SavedState, read_state, write_state

__all__ = ["Checkpoint", "CheckpointFiles"]


class Checkpoint(NamedTuple):
    """What is known of a checkpoint without reading it.

    Attributes:
        name: its name.
        step: the number of the step after which it was made.
        digest: the digest of the session's state.
        bytes: how many bytes it takes.
        created: when it was made, in seconds since 1970.
    """

    name: str
    step: int
    digest: str
    bytes: int
    created: float


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

    def add(self, name: str, state: SavedState) -> Checkpoint:
        """Have a state on disk under a name that no other has.

        Raises:
            StorageFullError: there is no room; nothing is kept.
            StoreError: the system refuses; likewise.
        """
        folder = f"{state.number:020d}-{secrets.token_hex(4)}"
        manifest, size = write_state(self._directory / folder, state, {"name": name})
        checkpoint = Checkpoint(name, state.number, state.digest, size, time.time())
        row = {**checkpoint._asdict(), "session": self._session, "directory": folder, "manifest": manifest}
        try:
            with self._database.transaction():
                self._database.insert("checkpoints", row)
        except BaseException:
            remove_tree(self._directory / folder)
            raise
        return checkpoint

    def all(self) -> list[Checkpoint]:
        """Every checkpoint, in the order in which they were made."""
        query = "SELECT * FROM checkpoints WHERE session = ? ORDER BY created, name"
        rows = self._database.rows(query, [self._session])
        return [Checkpoint(*(row[field] for field in Checkpoint._fields)) for row in rows]

    def find(self, name: str) -> Checkpoint | None:
        """The checkpoint of a name, if there is one."""
        return next((item for item in self.all() if item.name == name), None)

    def read(self, name: str) -> SavedState:
        """The state that a checkpoint has.

        Raises:
            DamagedFileError: its files do not hold what was written to them.
            StoreError: the system refuses.
        """
        row = self._row(name)
        self._database.check_row("checkpoints", row)
        return read_state(self._directory / row["directory"], row["manifest"])[0]

    def remove(self, name: str) -> None:
        """Remove a checkpoint.

        Raises:
            StoreError: the system refuses.
        """
        folder = self._row(name)["directory"]
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM checkpoints WHERE session = ? AND name = ?", [self._session, name])
        self.removals += 1
        remove_tree(self._directory / folder)

    def _row(self, name: str) -> Row:
        query = "SELECT * FROM checkpoints WHERE session = ? AND name = ?"
        (row,) = self._database.rows(query, [self._session, name])
        return row
