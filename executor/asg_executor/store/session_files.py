"""`SessionFiles`: one session on disk: snapshots of its state, and the log of the steps since.

```
<directory>/log/<first step>.log              what the steps were given
<directory>/snapshots/<step>-<random>/        state.safetensors, answer.safetensors, manifest.json
```

A snapshot counts once its row is in the database. Two are kept, and the steps since the older one, so that damage to
the newer one loses nothing.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import read_safetensors, write_safetensors
from asg_executor.sessions.step_request import joined, parts_of
from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.snapshots import read_snapshot, write_snapshot
from asg_executor.store.step_log import LoggedStep, StepLog

__all__ = ["SavedState", "SessionFiles"]

_STATE, _ANSWER = "state.safetensors", "answer.safetensors"
_KEPT = 2

_log = logging.getLogger("asg_executor")


@dataclass(frozen=True, slots=True)
class SavedState:
    """A session after a step.

    Attributes:
        number: the number of the step.
        digest: the digest of the session's state.
        arrays: the state itself, by name.
        request: the digest of the step's request; empty before the first step.
        answers: what the step answered: the outputs of each part, by name.
        skipped: whether the step was taken without its changes.
    """

    number: int
    digest: str
    arrays: Mapping[str, Array]
    request: str = ""
    answers: Sequence[Mapping[str, Array]] = ()
    skipped: bool = False


class SessionFiles:
    """The files of one session. Not to be used by two threads at a time.

    Args:
        directory: where they are; made where there is none.
        database: where the snapshots' rows are.
        session: the session's id.
    """

    def __init__(self, directory: Path, database: Database, session: str) -> None:
        self._snapshots = directory / "snapshots"
        self._log_directory = directory / "log"
        self._database = database
        self._session = session
        self._log: StepLog | None = None
        make_directory(self._snapshots)
        remove_unfinished(self._snapshots)

    def save(self, state: SavedState) -> None:
        """Have a state on disk; the steps before it need no log from then on.

        Raises:
            StorageFullError: there is no room; everything is as it was.
            StoreError: the system refuses; likewise.
        """
        name = f"{state.number:020d}-{secrets.token_hex(4)}"
        details = {
            "step": state.number,
            "digest": state.digest,
            "request": state.request,
            "parts": len(state.answers),
            "skipped": state.skipped,
        }
        answers = joined(state.answers)
        files = {_STATE: [write_safetensors(state.arrays, {})], _ANSWER: [write_safetensors(answers, {})]}
        manifest, size = write_snapshot(self._snapshots / name, details, files)
        row = {
            "session": self._session,
            "directory": name,
            "step": state.number,
            "manifest": manifest,
            "bytes": size,
            "created": time.time(),
        }
        try:
            with self._database.transaction():
                self._database.insert("snapshots", row)
        except BaseException:
            remove_tree(self._snapshots / name)
            raise
        if self._log is not None:
            self._log.begin_segment()
        self._drop_old()

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
            self._log = StepLog(self._log_directory, number - 1)
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
                state = self._read(row)
            except DamagedFileError as error:
                _log.error("session %s: %s", self._session, error)
                damage.append(error)
            else:
                self._log = StepLog(self._log_directory, state.number)
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

    def _read(self, row: Row) -> SavedState:
        self._database.check_row("snapshots", row)
        snapshot = read_snapshot(self._snapshots / row["directory"], row["manifest"])
        arrays, _ = read_safetensors(snapshot.files[_STATE])
        tensors, _ = read_safetensors(snapshot.files[_ANSWER])
        details = snapshot.details
        answers = parts_of(tensors, details["parts"])
        return SavedState(details["step"], details["digest"], arrays, details["request"], answers, details["skipped"])

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
        if self._log is not None:
            self._log.drop_through(min(row["step"] for row in kept))
