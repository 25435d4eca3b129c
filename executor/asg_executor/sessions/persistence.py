"""`Persistence`: what of a session goes to disk, and when, by the session's durability."""

import logging

from asg_executor.allowance import current_allowance
from asg_executor.sessions.durability import Durability, SnapshotEvery
from asg_executor.sessions.errors import NothingKeptError
from asg_executor.sessions.session import Session
from asg_executor.sessions.step_record import StepRecord
from asg_executor.sessions.step_request import StepRequest, tensors_digest
from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.errors import StoreError
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles

__all__ = ["Persistence"]

_log = logging.getLogger("asg_executor")

_LOG_BYTES = 64 * 2**20
_LOG_SECONDS = 60.0


class Persistence:
    """A session's place on disk. Not to be used by two threads at a time.

    Args:
        id: the session's name in URLs.
        session: the session.
        durability: what of it is on disk when a step is acknowledged.
        files: its place; None where the service keeps nothing.
        saved: the number of the step whose state is there.
        tenant: whose session it is.
    """

    def __init__(
        self, id: str, session: Session, durability: Durability, files: SessionFiles | None, saved: int, tenant: str
    ) -> None:
        self._id = id
        self._tenant = tenant
        self._session = session
        self._durability = durability
        self._files = files
        self._saved = saved
        self._unsaved_seconds = 0.0

    def begin(self, number: int, request: StepRequest, last: StepRecord) -> None:
        """Begin to write what a step is given, where that is kept of each; `keep` or `abandon` follows.

        Args:
            number: the number of the step.
            request: how it was asked for.
            last: the step before it.

        Raises:
            DiskQuotaError: the tenant would have too much on the disk.
            StoreError: the step cannot be kept.
        """
        files = self._files
        if files is None or self._durability != "every_step":
            return
        current_allowance().check_disk(self._tenant, f"the record of step {number}", request.nbytes)
        if not files.is_reliable:  # a write failed, and what is on disk is not known: begin anew with what is known
            self.replace(last)
        files.begin(number, request)

    def abandon(self) -> None:
        """Let the step that was begun not count."""
        if self._files is not None:
            self._files.abandon()

    def keep(self, step: StepRecord) -> None:
        """Have on disk what the durability says, before a step counts.

        Args:
            step: the step.

        Raises:
            StoreError: it could not be kept.
        """
        if self._files is None:
            return
        durability, unsaved = self._durability, self._session.number - self._saved
        if durability == "every_step":
            self._files.finish(tensors_digest(step.answer))
        elif isinstance(durability, SnapshotEvery) and unsaved >= durability.snapshot_every:
            self.save(step)

    def took(self, seconds: float, last: StepRecord) -> None:
        """Take a snapshot where replaying the log would take long, or much of the disk.

        Args:
            seconds: how long the step computed that was just taken.
            last: that step.
        """
        self._unsaved_seconds += seconds
        if self._files is None or self._durability != "every_step":
            return
        if self._unsaved_seconds < _LOG_SECONDS and self._files.log_size < _LOG_BYTES:
            return
        try:
            self.save(last)
        except StoreError as error:  # the step is in the log; only the log grows on
            _log.warning("session %s: no snapshot after step %d: %s", self._id, self._session.number, error)

    def save(self, last: StepRecord) -> None:
        """Have the present state on disk.

        Args:
            last: the step that led to it.

        Raises:
            StoreError: it could not be kept.
        """
        if self._files is not None:
            self._files.save(self.state(last))
            self._note_saved()

    def forget_steps(self, last: StepRecord) -> None:
        """Have the present state alone on disk, where there are steps that led to it.

        Args:
            last: the session's last step.

        Raises:
            StoreError: it could not be kept; everything is as it was.
        """
        if self._durability == "every_step" and self._session.number > 0:
            self.replace(last)

    def replace(self, last: StepRecord) -> None:
        """Have the present state, to which no step led, on disk in the place of all that is there.

        Args:
            last: the session's last step.

        Raises:
            StoreError: it could not be kept; everything is as it was.
        """
        if self._files is not None:
            self._files.replace(self.state(last))
            self._note_saved()

    def _note_saved(self) -> None:
        self._saved, self._unsaved_seconds = self._session.number, 0.0

    def state(self, last: StepRecord) -> SavedState:
        """The present state.

        Args:
            last: the session's last step.
        """
        session = self._session
        return SavedState(
            session.number,
            session.digest(),
            session.state(),
            last.identity,
            last.answer,
            session.skipped,
            last.note,
        )

    @property
    def log_bytes(self) -> int:
        """How many bytes the log of the steps takes; any thread may ask."""
        return 0 if self._files is None else self._files.log_size

    @property
    def checkpoints(self) -> CheckpointFiles:
        """The states that were given a name.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        if self._files is None:
            raise NothingKeptError("the service has no data directory, and keeps no checkpoints")
        return self._files.checkpoints

    @property
    def is_changed(self) -> bool:
        """Whether steps were taken since the state was last saved, where it is kept at all."""
        return self._files is not None and self._session.number != self._saved

    def save_at_end(self, last: StepRecord) -> None:
        """Have the present state on disk before the server ends. What fails is told.

        Args:
            last: the session's last step.
        """
        try:
            self.save(last)
        except StoreError as error:
            _log.warning("session %s: no snapshot at the end: %s", self._id, error)

    def close(self) -> None:
        """Close the files as they are."""
        if self._files is not None:
            self._files.close()
