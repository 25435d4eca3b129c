"""`HeldSession`: a session in the service, with its place on disk."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Self
from uuid import uuid4

from asg_executor.plan.arrays import Array
from asg_executor.sessions.durability import SnapshotEvery
from asg_executor.sessions.errors import (
    CheckpointError,
    NothingKeptError,
    SessionBusyError,
    SessionDamagedError,
    SessionDeletedError,
    StateMismatchError,
)
from asg_executor.sessions.retention import Retention
from asg_executor.sessions.sent_parts import PartLimits, SentParts, SentPartsRequest
from asg_executor.sessions.session import Recorder, Session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.step_record import RecordedRequest, StepRecord
from asg_executor.sessions.step_request import StepRequest, tensors_digest
from asg_executor.store.checkpoints import Checkpoint, CheckpointFiles
from asg_executor.store.errors import StoreError
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles
from asg_executor.store.sessions import SessionStore, StoredSession

__all__ = ["AddedCheckpoint", "HeldSession", "TakenPart", "TakenStep"]

_log = logging.getLogger("asg_executor")

_LOG_BYTES = 64 * 2**20
_LOG_SECONDS = 60.0


class TakenStep(NamedTuple):
    """A step that was taken, now or before.

    Attributes:
        answers: the outputs of each part.
        replayed: whether it was taken before, and these are stored.
        run_seconds: how long it computed.
        persist_seconds: how long it took to have it on disk.
    """

    answers: Sequence[Mapping[str, Array]]
    replayed: bool
    run_seconds: float
    persist_seconds: float


class TakenPart(NamedTuple):
    """A part of a step that was computed, now or before.

    Attributes:
        answer: its outputs, by name.
        digest: the digest of the parts up to this one.
        expected: the number of the step's next part.
        replayed: whether it was computed before.
    """

    answer: Mapping[str, Array]
    digest: str
    expected: int
    replayed: bool


class AddedCheckpoint(NamedTuple):
    """A checkpoint that was made, now or before.

    Attributes:
        checkpoint: what is known of it.
        removed: the names of the checkpoints that its retention removed.
    """

    checkpoint: Checkpoint
    removed: list[str]


class HeldSession:
    """A session in the service. All but `lock` is for whoever holds that.

    Args:
        id: its name in URLs.
        session: the session itself.
        settings: what it was created with.
        files: its place on disk; None where the service keeps nothing.
        tenant: whose it is.

    Attributes:
        lock: held by whoever reads or changes the session; a session does one thing at a time.
        job: the id of the job that trains the session, if there is one: nobody else may change it then.
        revision: how often its state was changed since it is held, which may be read without the lock: while a step is
            being taken it is still that of the state before.
        followers: called after each change, in the thread that made it, while the lock is held; they may not raise.
    """

    def __init__(
        self, id: str, session: Session, settings: SessionSettings, files: SessionFiles | None, tenant: str = ""
    ) -> None:
        self.id = id
        self.tenant = tenant
        self.session = session
        self.settings = settings
        self.lock = asyncio.Lock()
        self.job: str | None = None
        self.revision = 0
        self.followers: list[Callable[[], None]] = []
        self._files = files
        self._record = StepRecord()
        self._saved = 0
        self._is_closed = False
        self._unsaved_seconds = 0.0
        self._digest: tuple[int, str] | None = None
        self._parts: SentParts | None = None

    @classmethod
    def create(
        cls,
        settings: SessionSettings,
        parameters: Mapping[str, Array],
        memory_limit: int,
        store: SessionStore | None,
        tenant: str = "",
    ) -> Self:
        """Make a new session, and have it on disk.

        Args:
            settings: what it is created with.
            parameters: first values, by name.
            memory_limit: as for `Session`.
            store: where sessions are kept; None for nowhere.
            tenant: whose it is.

        Raises:
            StoreError: it could not be kept.
            ExecutorError: as `Session` does.
        """
        id = uuid4().hex
        session = settings.session(parameters, memory_limit)
        if store is None:
            return cls(id, session, settings, None, tenant)
        state = SavedState(0, session.digest(), session.state())
        files = store.create(id, settings.to_json(), state, tenant)
        return cls(id, session, settings, files, tenant)

    @classmethod
    def open(cls, stored: StoredSession, memory_limit: int) -> Self:
        """Make a session what it was: the newest sound snapshot, and the steps since, each compared with its record.

        Raises:
            SessionDamagedError: it cannot be made what it was.
            StoreError: its files are damaged, or the system refuses to read them.
            ExecutorError: as `Session` does.
        """
        settings = SessionSettings.from_json(stored.settings)
        held = cls(stored.id, settings.session({}, memory_limit), settings, stored.files, stored.tenant)
        try:
            held._recover(stored.files)
        except BaseException:
            stored.files.close()
            raise
        return held

    @classmethod
    def adopt(
        cls, settings: SessionSettings, state: SavedState, memory_limit: int, store: SessionStore | None, tenant: str
    ) -> Self:
        """Make a new session that is what another one was, and have it on disk.

        Args:
            settings: what the other one was created with.
            state: what it was.
            memory_limit: as for `Session`, in bytes.
            store: where sessions are kept; None for nowhere.
            tenant: whose the new one is.

        Raises:
            StateMismatchError: the state has another digest than it says.
            StoreError: it could not be kept.
            ExecutorError: as `Session` does.
        """
        id, session = uuid4().hex, _restored(settings, state, memory_limit, optimizer=True)
        files = None if store is None else store.create(id, settings.to_json(), state, tenant)
        held = cls(id, session, settings, files, tenant)
        held._record.keep(state.number, state.request, state.answers)
        held._saved = state.number
        return held

    @classmethod
    def revive(
        cls,
        id: str,
        settings: SessionSettings,
        state: SavedState,
        memory_limit: int,
        store: SessionStore,
        tenant: str,
        damage: str,
        *,
        optimizer: bool,
    ) -> tuple[Self, Path]:
        """Make a damaged session what it was once, on disk, too.

        Args:
            id: its name in URLs.
            settings: what it was created with.
            state: what it was.
            memory_limit: as for `Session`, in bytes.
            store: where it is kept.
            tenant: whose it is.
            damage: what is damaged.
            optimizer: whether slots and averages are what they were; else they begin anew.

        Returns:
            The session, and the directory that has the damaged files.

        Raises:
            StateMismatchError: the state has another digest than it says.
            StoreError: it could not be kept; everything is as it was.
            ExecutorError: as `Session` does.
        """
        session = _restored(settings, state, memory_limit, optimizer=optimizer)
        present = replace(state, digest=session.digest(), arrays=session.state(), skipped=session.skipped)
        files, aside = store.revive(id, present, damage)
        held = cls(id, session, settings, files, tenant)
        held._record.keep(state.number, state.request, state.answers)
        held._saved = state.number
        return held, aside

    def digest(self) -> str:
        """The digest of the state, computed once for each state that it is asked for."""
        if self._digest is None or self._digest[0] != self.revision:
            self._digest = self.revision, self.session.digest()
        return self._digest[1]

    def has_taken(self, number: int, request: RecordedRequest) -> bool:
        """Whether a step was taken, and `take` would answer it from memory.

        Raises:
            StepError: the step cannot be taken under this number.
        """
        return self._record.replay(number, request, self.session.number) is not None

    def take(self, number: int, request: StepRequest | SentPartsRequest, *, job: str | None = None) -> TakenStep:
        """Take a step, or find that it was taken.

        Args:
            number: its number.
            request: what it is given.
            job: the id of the job that takes it, if one does.

        Raises:
            SessionBusyError: another job has the session, or one where none takes the step.
            SessionDeletedError: the session was deleted.
            StepError: the step cannot be taken under this number.
            PartError: it is to be made of parts that are not there.
            StoreError: the step could not be kept; it was not taken.
            ExecutorError: as `Session.step` does; the step was not taken.
        """
        self._check_open()
        stored = self._record.replay(number, request, self.session.number)
        if stored is not None:
            return TakenStep(stored, replayed=True, run_seconds=0.0, persist_seconds=0.0)
        self._check_free(job)
        if isinstance(request, SentPartsRequest):
            request = request.check(self._open_parts(), number)
        begin, persist = time.perf_counter(), 0.0

        def keep(answers: Sequence[Mapping[str, Array]]) -> None:
            nonlocal persist
            computed = time.perf_counter()
            self._keep(request, answers)
            persist = time.perf_counter() - computed

        answers = self._take(number, request, keep)
        run = time.perf_counter() - begin - persist
        self._parts = None
        self._record.keep(number, request.identity, answers)
        self._unsaved_seconds += run
        self._bound_log()
        self._tell_followers()
        return TakenStep(answers, replayed=False, run_seconds=run, persist_seconds=persist)

    def parts(self, number: int) -> SentParts | None:
        """The parts of a step that came so far, if there are any.

        Raises:
            SessionDeletedError: the session was deleted.
            StepError: it is not the next step.
        """
        self._check_open()
        self._record.check_next(number, self.session.number)
        return self._open_parts()

    def _open_parts(self) -> SentParts | None:
        if self._parts is not None and not self.session.goes_on(self._parts.partial):
            self._parts = None
        return self._parts

    def add_part(self, number: int, part: int, request: StepRequest, limits: PartLimits) -> TakenPart:
        """Compute a part of the next step, or find that it was computed. The state stays as it is.

        The part is held in memory until the step is taken, and is lost with the process.

        Args:
            number: the number of the step.
            part: the number of the part.
            request: what it is given.
            limits: how much may be held.

        Raises:
            SessionBusyError: a job has the session.
            SessionDeletedError: the session was deleted.
            StepError: it is not the next step.
            PartError: the part cannot be taken under this number.
            LimitExceededError: too much would be held.
            ExecutorError: as `Session.add_part` does; the part is none.
        """
        sent = self.parts(number)
        self._check_free(None)
        if sent is None:
            sent = SentParts(self.session.begin_partial_step(request.outputs), request.outputs)
        answer = sent.find(part, request)
        if answer is not None:
            return TakenPart(answer, sent.digest_after(part), sent.count, replayed=True)
        limits.check(sent, request)
        self._parts = sent
        answer = self.session.add_part(sent.partial, request.parts[0])
        sent.add(request)
        return TakenPart(answer, sent.digest, sent.count, replayed=False)

    def drop_parts(self) -> None:
        """Forget the parts of the next step that came so far."""
        self._parts = None

    def drop_idle_parts(self, seconds: float) -> float | None:
        """Forget the parts of the next step if none came for so long.

        Returns:
            After how many seconds to ask again; None where there are no parts any more.
        """
        if self._parts is None:
            return None
        rest = self._parts.last_used + seconds - time.monotonic()
        if rest > 0:
            return rest
        self._parts = None
        return None

    def _tell_followers(self) -> None:
        self.revision += 1
        for follower in self.followers:
            follower()

    def _check_open(self) -> None:
        if self._is_closed:
            raise SessionDeletedError(f'the session "{self.id}" was deleted')

    def _check_free(self, job: str | None) -> None:
        if self.job is not None and self.job != job:
            raise SessionBusyError(self.job)

    def claim(self, job: str) -> int:
        """Let a job have the session from now on; it gives it back by setting `job` to None.

        Args:
            job: the job's id.

        Returns:
            The number of the last step.

        Raises:
            SessionDeletedError: the session was deleted.
            SessionBusyError: another job has it.
        """
        self._check_open()
        self._check_free(job)
        self.job = job
        return self.session.number

    def _take(self, number: int, request: StepRequest, keep: Recorder) -> Sequence[Mapping[str, Array]]:
        """Take a step, and write to the log what it is given meanwhile, where the session's durability asks for it."""
        files = self._files
        if files is None or self.settings.durability != "every_step":
            return request.take(self.session, keep)
        if not files.is_reliable:  # a write failed, and what is on disk is not known: begin anew with what is known
            files.replace(self._state(self._record.identity, self._record.answer))
            self._saved, self._unsaved_seconds = self.session.number, 0.0
        files.begin(number, request)
        try:
            return request.take(self.session, keep)
        except BaseException:
            files.abandon()
            raise

    def _keep(self, request: StepRequest, answers: Sequence[Mapping[str, Array]]) -> None:
        """Have on disk what the session's durability says, before a step counts."""
        if self._files is None:
            return
        number, durability = self.session.number, self.settings.durability
        if durability == "every_step":
            self._files.finish(tensors_digest(answers))
        elif isinstance(durability, SnapshotEvery) and number - self._saved >= durability.snapshot_every:
            self._save(request.identity, answers)

    def _bound_log(self) -> None:
        """Take a snapshot where replaying the log would take long, or much of the disk."""
        if self._files is None or self.settings.durability != "every_step":
            return
        if self._unsaved_seconds < _LOG_SECONDS and self._files.log_size < _LOG_BYTES:
            return
        try:
            self._save(self._record.identity, self._record.answer)
        except StoreError as error:  # the step is in the log; only the log grows on
            _log.warning("session %s: no snapshot after step %d: %s", self.id, self.session.number, error)

    def _save(self, request: str, answers: Sequence[Mapping[str, Array]]) -> None:
        if self._files is not None:
            self._files.save(self._state(request, answers))
            self._saved, self._unsaved_seconds = self.session.number, 0.0

    def save(self) -> None:
        """Have the present state on disk.

        Raises:
            StoreError: it could not be kept.
        """
        self._save(self._record.identity, self._record.answer)

    def _state(self, request: str, answers: Sequence[Mapping[str, Array]]) -> SavedState:
        """The present state, after a step that was asked for so and answered so."""
        session = self.session
        return SavedState(session.number, session.digest(), session.state(), request, answers, session.skipped)

    def set_parameters(self, parameters: Mapping[str, Any], *, job: str | None = None) -> None:
        """Replace the values of parameters, on disk, too.

        Args:
            parameters: the new values, by name.
            job: the id of the job that does so, if one does.

        Raises:
            SessionBusyError: another job has the session.
            InterfaceError: as `Session.set_parameters`; nothing is replaced.
            StoreError: the new values could not be kept; nothing is replaced.
        """
        self._check_free(job)
        self._change(lambda: self.session.set_parameters(parameters), self._record)

    def _change(self, change: Callable[[], None], record: StepRecord) -> None:
        """Change the state other than by a step, on disk, too, or not at all.

        Args:
            change: what changes it.
            record: the last step, once it is changed.
        """
        self._check_open()
        session = self.session
        before, number, skipped = session.state(), session.number, session.skipped
        change()
        try:
            if self._files is not None:
                self._files.replace(self._state(record.identity, record.answer))
                self._saved, self._unsaved_seconds = session.number, 0.0
        except BaseException:
            session.restore(number, before, skipped=skipped)
            raise
        self._record = record
        self._parts = None
        self._tell_followers()

    @property
    def log_bytes(self) -> int:
        """How many bytes the log of its steps takes; any thread may ask."""
        return 0 if self._files is None else self._files.log_size

    @property
    def checkpoints(self) -> CheckpointFiles:
        """The states that were given a name.

        Raises:
            NothingKeptError: the service keeps nothing.
            SessionDeletedError: the session was deleted.
        """
        self._check_open()
        if self._files is None:
            raise NothingKeptError("the service has no data directory, and keeps no checkpoints")
        return self._files.checkpoints

    def add_checkpoint(
        self,
        name: str,
        *,
        metrics: Mapping[str, float] | None = None,
        retention: Retention | None = None,
        pinned: bool | None = None,
    ) -> AddedCheckpoint:
        """Have the present state on disk under a name, then remove what the retention does not keep.

        Where the same state is there already under that name, with the same metrics, that is it.

        Args:
            name: the name.
            metrics: figures that belong to the state, by name.
            retention: which checkpoints are kept, of those that are not pinned; None for all.
            pinned: whether no retention removes this one, now or later; None: where it is made without one.

        Raises:
            CheckpointError: another state has the name, or the same one with other metrics.
            NothingKeptError: the service keeps nothing.
            StoreError: it could not be kept; nothing was removed.
        """
        figures = dict(metrics or {})
        state = self._state(self._record.identity, self._record.answer)
        present = self.checkpoints.find(name)
        if present is None:
            lasting = retention is None if pinned is None else pinned
            present = self.checkpoints.add(name, state, figures, pinned=lasting)
        elif (present.digest, repr(present.metrics)) != (state.digest, repr(figures)):  # a NaN is equal to none
            raise CheckpointError(
                f'the checkpoint "{name}" has the state of step {present.step} and the metrics {present.metrics}; '
                "delete it first, or take another name"
            )
        return AddedCheckpoint(present, [] if retention is None else self._remove_surplus(retention, name))

    def add_state(self, name: str, state: SavedState, metrics: Mapping[str, float]) -> Checkpoint:
        """Have a state that was not this session's on disk under a name, pinned; the session stays as it is.

        Where it is there already under that name, that is it.

        Args:
            name: the name.
            state: the state.
            metrics: figures that belong to it, by name.

        Raises:
            InterfaceError: it is the state of a session with other graphs or another optimizer.
            StateMismatchError: its digest is another than it says.
            CheckpointError: another state has the name.
            NothingKeptError: the service keeps nothing.
            StoreError: it could not be kept.
        """
        present = self.checkpoints.find(name)
        if present is not None and present.digest != state.digest:
            raise CheckpointError(
                f'the checkpoint "{name}" has the state of step {present.step}; delete it first, or take another name'
            )
        _check_digest(self.session, state)
        return present or self.checkpoints.add(name, state, metrics)

    def _remove_surplus(self, retention: Retention, made: str) -> list[str]:
        """Remove the checkpoints that a retention does not keep, but for `made`; the names of those that are gone."""
        removed: list[str] = []
        try:
            self.checkpoints.check()
            for item in retention.surplus(self.checkpoints.all()):
                if item.name != made:
                    self.checkpoints.remove(item.name)
                    removed.append(item.name)
        except StoreError as error:  # the new checkpoint counts; what is too many goes with the next one
            _log.warning("session %s: not all surplus checkpoints were removed: %s", self.id, error)
        return removed

    def restore(self, state: SavedState, *, optimizer: bool) -> None:
        """Make the session what it was, on disk, too; the steps that were taken since are no more.

        Args:
            state: what it was.
            optimizer: whether slots and averages are what they were; else they begin anew.

        Raises:
            SessionBusyError: a job has the session.
            InterfaceError: the state is that of another session; nothing is changed.
            StoreError: it could not be kept; nothing is changed.
        """
        self._check_free(None)
        record = StepRecord()
        record.keep(state.number, state.request, state.answers)
        session = self.session
        if optimizer:
            self._change(lambda: session.restore(state.number, state.arrays, skipped=state.skipped), record)
        else:
            self._change(lambda: session.restore_parameters(state.number, state.arrays), record)

    def _recover(self, files: SessionFiles) -> None:
        state = files.load()
        self.session.restore(state.number, state.arrays, skipped=state.skipped)
        if self.session.digest() != state.digest:
            raise SessionDamagedError(f"the state of step {state.number} has another digest than was saved")
        self._record.keep(state.number, state.request, state.answers)
        self._saved = state.number
        for number, payload, digest, answer in files.steps(state.number):
            request = StepRequest.from_record(payload)
            answers = request.take(self.session)
            if tensors_digest(answers) != answer.hex():
                raise SessionDamagedError(f"step {number} was taken again and gave another answer than before")
            self._record.keep(number, request.identity_with(digest.hex()), answers)
        if self.session.number > state.number:
            _log.info("session %s: took steps %d to %d again", self.id, state.number + 1, self.session.number)

    def close(self) -> None:
        """Save what is not saved, and close the files."""
        try:
            if self.session.number != self._saved:
                self.save()
        except StoreError as error:
            _log.warning("session %s: no snapshot at the end: %s", self.id, error)
        self.close_files()

    def close_files(self) -> None:
        """Close the files as they are. What waited for the session finds that it is no more."""
        self._is_closed = True
        if self._files is not None:
            self._files.close()


def _check_digest(session: Session, state: SavedState) -> None:
    """Find that a state is one that a session can have, and has the digest that it says."""
    digest = session.digest_of(state.number, state.arrays)
    if digest != state.digest:
        raise StateMismatchError(f"the digest of the state is {digest}, not {state.digest}, as it says itself")


def _restored(settings: SessionSettings, state: SavedState, memory_limit: int, *, optimizer: bool) -> Session:
    """A session in a state, with its slots and averages or without."""
    session = settings.session({}, memory_limit)
    _check_digest(session, state)
    if optimizer:
        session.restore(state.number, state.arrays, skipped=state.skipped)
    else:
        session.restore_parameters(state.number, state.arrays)
    return session
