"""`SessionFiles`: one session on disk: snapshots of its state, and the log of the steps since.

```
<directory>/logs/<history>/<first step>.log   what the steps were given
<directory>/snapshots/<step>-<random>/        state.safetensors, answer.safetensors, manifest.json
<directory>/checkpoints/<step>-<random>/      likewise
```

A snapshot counts once its row is in the database. Two are kept, and the steps since the older one, so that damage to
the newer one loses nothing. Where the state changes other than by a step, a new history begins: the steps before cannot
be taken again into it.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import read_safetensors, write_safetensors
from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.saved_state import SavedState, read_state, write_state
from asg_executor.store.step_log import LoggedStep, StepLog

__all__ = ["SessionFiles"]

_KEPT = 2

_log = logging.getLogger("asg_executor")


class SessionFiles:
    """The files of one session. Not to be used by two threads at a time.

    Args:
        directory: where they are; made where there is none.
        database: where the snapshots' rows are.
        session: the session's id.

    Attributes:
        checkpoints: the states that were given a name.
    """

    def __init__(self, directory: Path, database: Database, session: str) -> None:
        self._snapshots = directory / "snapshots"
        self._logs = directory / "logs"
        self._database = database
        self._session = session
        self._history = secrets.token_hex(8)
        self.checkpoints = CheckpointFiles(directory / "checkpoints", database, session)
        self._log: StepLog | None = None
        for folder in (self._snapshots, self._logs):
            make_directory(folder)
            remove_unfinished(folder)

    def save(self, state: SavedState) -> None:
        """Have a state on disk that steps led to; those before it need no log from then on.

        Raises:
            StorageFullError: there is no room; everything is as it was.
            StoreError: the system refuses; likewise.
        """
        if self._log is not None:
            self._log.begin_segment()
        self._add(state, self._history, replace=False)
        self._clean_up()

    def replace(self, state: SavedState) -> None:
        """Have a state on disk that no step led to, in the place of all that was there.

        Raises:
            StorageFullError: there is no room; everything is as it was.
            StoreError: the system refuses; likewise.
        """
        history = secrets.token_hex(8)
        self._add(state, history, replace=True)
        if self._log is not None:
            self._log.close()
        self._log, self._history = None, history
        try:
            self._add(state, history, replace=False)  # the one that is there if the other is damaged
        except StoreError as error:
            _log.warning("session %s: there is one snapshot, not two: %s", self._session, error)
        self._clean_up()

    def _add(self, state: SavedState, history: str, *, replace: bool) -> None:
        """Add a snapshot; with `replace` it alone counts from then on."""
        name = f"{state.number:020d}-{secrets.token_hex(4)}"
        manifest, size = write_state(self._snapshots / name, state, {"history": history})
        row = {
            "session": self._session,
            "directory": name,
            "step": state.number,
            "manifest": manifest,
            "bytes": size,
            "created": time.time(),
        }
        try:
            with self._database.transaction() as connection:
                if replace:
                    connection.execute("DELETE FROM snapshots WHERE session = ?", [self._session])
                self._database.insert("snapshots", row)
        except BaseException:
            remove_tree(self._snapshots / name)
            raise

    def append(self, number: int, tensors: Mapping[str, Array], fields: Mapping[str, str]) -> None:
        """Have what a step was given on disk.

        Args:
            number: the number of the step.
            tensors: its inputs, by name.
            fields: what else there is to remember of it.

        Raises:
            StorageFullError: there is no room; nothing is kept of it.
            StoreError: the system refuses; likewise.
        """
        if self._log is None:
            self._log = StepLog(self._logs / self._history, number - 1)
        self._log.append(number, [write_safetensors(tensors, fields)])

    @property
    def log_size(self) -> int:
        """How many bytes the log takes."""
        return 0 if self._log is None else self._log.size

    def load(self) -> SavedState:
        """The newest state that is sound. Steps may follow it in the log.

        Raises:
            DamagedFileError: no snapshot is sound.
            StoreError: the system refuses.
        """
        damage: list[DamagedFileError] = []
        for row in self._rows():
            try:
                state, details = self._read(row)
            except DamagedFileError as error:
                _log.error("session %s: %s", self._session, error)
                damage.append(error)
            else:
                self._history = details["history"]
                self._log = StepLog(self._logs / self._history, state.number)
                return state
        if damage:
            raise DamagedFileError(damage[0].path, damage[0].reason)
        raise DamagedFileError(self._snapshots, "there is no snapshot")

    def steps(self, after: int) -> Iterator[tuple[int, Mapping[str, Array], Mapping[str, str]]]:
        """What the steps after a number were given: number, tensors and fields, as `append` had them.

        Raises:
            DamagedFileError: the log does not hold what was written to it.
            StoreError: the system refuses.
        """
        if self._log is not None:
            for step in self._log.steps(after):
                yield self._decode(step)

    @staticmethod
    def _decode(step: LoggedStep) -> tuple[int, Mapping[str, Array], Mapping[str, str]]:
        tensors, fields = read_safetensors(step.payload)
        return step.number, tensors, fields

    def close(self) -> None:
        """Close what is open."""
        if self._log is not None:
            self._log.close()
            self._log = None

    def _rows(self) -> list[Row]:
        """The rows of the snapshots, the newest first."""
        query = "SELECT * FROM snapshots WHERE session = ? ORDER BY step DESC, created DESC"
        return self._database.rows(query, [self._session])

    def _read(self, row: Row) -> tuple[SavedState, Mapping[str, Any]]:
        self._database.check_row("snapshots", row)
        return read_state(self._snapshots / row["directory"], row["manifest"])

    def _clean_up(self) -> None:
        """Remove what does not count any more. What cannot be removed now is removed the next time."""
        try:
            self._drop_old()
        except StoreError as error:
            _log.warning("session %s: %s", self._session, error)

    def _drop_old(self) -> None:
        """Remove the snapshots that are not needed any more, directories that never counted, and their steps."""
        rows = self._rows()
        kept, dropped = rows[:_KEPT], rows[_KEPT:]
        if dropped:
            with self._database.transaction() as connection:
                connection.executemany(
                    "DELETE FROM snapshots WHERE session = ? AND directory = ?",
                    [(self._session, row["directory"]) for row in dropped],
                )
        names = {row["directory"] for row in kept}
        for path in self._snapshots.iterdir():
            if path.name not in names:
                remove_tree(path)
        for path in self._logs.iterdir():
            if path.name != self._history:
                remove_tree(path)
        if self._log is not None:
            self._log.drop_through(min(row["step"] for row in kept))
