"""`SessionFiles`: one session on disk: snapshots of its state, and the log of the steps since.

```
<directory>/logs/<history>/<first step>.log   what the steps were given
<directory>/snapshots/<step>-<random>/        state.safetensors, answer.safetensors, manifest.json
<directory>/checkpoints/<step>-<random>/      likewise
<directory>/damaged-<time>/                   snapshots and logs that were damaged before a checkpoint was restored
<directory>/acknowledged                      the last step that was acknowledged
```

A snapshot counts once its row is in the database. Two are kept, and the steps since the older one, so that damage to
the newer one loses nothing. Where the state changes other than by a step, a new history begins: the steps before cannot
be taken again into it.
"""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from asg_executor.sessions.step_request import StepRequest
from asg_executor.store.acknowledged_step import AcknowledgedStep
from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import make_directory, remove_tree, remove_unfinished
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.saved_state import SavedState, read_state, write_state
from asg_executor.store.step_log import LoggedStep, StepLog

__all__ = ["ACKNOWLEDGED", "CHECKPOINTS", "LOGS", "SNAPSHOTS", "SessionFiles"]

SNAPSHOTS, LOGS, CHECKPOINTS = "snapshots", "logs", "checkpoints"
"""The folders of a session."""

ACKNOWLEDGED = "acknowledged"
"""The file that has the last step that was acknowledged."""

_KEPT = 2
_LITTLE_BYTES = 65_536  # they go to the log with the mark behind them, all in one flush
_MANY_BYTES = 4 * 2**20  # to hash and to write them takes milliseconds

_log = logging.getLogger("asg_executor")


class SessionFiles:
    """The files of one session. Not to be used by two threads at a time.

    Args:
        directory: where they are; made where there is none.
        database: where the snapshots' rows are.
        session: the session's id.
        writers: threads to write in.

    Attributes:
        checkpoints: the states that were given a name.
    """

    def __init__(self, directory: Path, database: Database, session: str, writers: Executor) -> None:
        self._place(directory)
        self._database = database
        self._session = session
        self._history = secrets.token_hex(8)
        self.checkpoints = CheckpointFiles(directory / CHECKPOINTS, database, session)
        self.checkpoints.remove_uncounted()
        self._log: StepLog | None = None
        self._writers = writers
        self._begun: Callable[[], None] | Future[None] | None = None  # does what is left, or ends when it is done
        for folder in (self._snapshots, self._logs):
            make_directory(folder)
            remove_unfinished(folder)
        for history in self._logs.iterdir():
            remove_unfinished(history)

    def _place(self, directory: Path) -> None:
        self._snapshots = directory / SNAPSHOTS
        self._logs = directory / LOGS
        self._acknowledged = AcknowledgedStep(directory / ACKNOWLEDGED)

    def moved(self, directory: Path) -> None:
        """Find the files where they are now: their directory was given another name before any step."""
        self._place(directory)
        self.checkpoints.moved(directory / CHECKPOINTS)

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

    def begin(self, number: int, request: StepRequest) -> None:
        """Begin to write what a step is given: so that the disk has it while the step is computed.

        `finish` or `abandon` follows, before anything else. Much is written in a thread; little is not, because the
        step computes on all cores, and what ran beside it would hold one of them up and the others with it.

        Args:
            number: the number of the step.
            request: how it was asked for.

        Raises:
            StoreError: the log cannot be opened; nothing was begun.
        """
        if self._log is None:
            self._log = StepLog(self._logs / self._history, number - 1)
        log = self._log

        def write() -> None:
            log.begin(number, request.record, bytes.fromhex(request.digest))

        if request.nbytes < _LITTLE_BYTES:
            self._begun = write
        elif request.nbytes < _MANY_BYTES:
            write()
            self._begun = _nothing_is_left
        else:
            self._begun = self._writers.submit(write)

    def finish(self, answer: str) -> None:
        """Let the step that was begun count: it is on disk when this returns.

        Args:
            answer: the SHA-256, in hexadecimal, of the step's answer.

        Raises:
            StorageFullError: there is no room; nothing is kept of it.
            StoreError: the system refuses; likewise.
        """
        if self._log is None or self._begun is None:
            raise ValueError("no step was begun")
        begun, self._begun = self._begun, None
        if isinstance(begun, Future):
            begun.result()
        else:
            begun()
        self._log.finish(bytes.fromhex(answer))
        self._acknowledged.write(self._history, self._log.last)

    def abandon(self) -> None:
        """Let the step that was begun not count."""
        begun, self._begun = self._begun, None
        if isinstance(begun, Future):
            begun.exception()  # it has the file until it ends; the log knows what to do with what it left

    @property
    def log_size(self) -> int:
        """How many bytes the log takes. Any thread may ask."""
        log = self._log
        return 0 if log is None else log.size

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
                self._open_log(details["history"], state.number)
                return state
        if damage:
            raise DamagedFileError(damage[0].path, damage[0].reason)
        raise DamagedFileError(self._snapshots, "there is no snapshot")

    def _open_log(self, history: str, number: int) -> None:
        """Open the log of a history, if there is one: it is not made before it is needed, when the disk may be full."""
        self._history = history
        path, last = self._logs / history, number
        if StepLog.exists(path):
            self._log = StepLog(path, number)
            last = self._log.last
        acknowledged = self._acknowledged.read(history)
        if acknowledged > last:
            self.close()
            raise DamagedFileError(path, f"the log ends with step {last}, and step {acknowledged} was acknowledged")

    @property
    def is_reliable(self) -> bool:
        """Whether it is known what is on disk; else a state that is saved by `replace` makes it so."""
        return self._log is None or self._log.is_reliable

    def steps(self, after: int) -> Iterator[LoggedStep]:
        """The steps after a number that count, in order.

        Raises:
            DamagedFileError: the log does not hold what was written to it.
            StoreError: the system refuses.
        """
        if self._log is not None:
            yield from self._log.steps(after)

    def close(self) -> None:
        """Close what is open."""
        self._acknowledged.close()
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


def _nothing_is_left() -> None:
    """What is left to do of a step that was written where it was begun."""
