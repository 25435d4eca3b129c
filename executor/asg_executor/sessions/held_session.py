"""`HeldSession`: a session in the service, with its place on disk."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asg_executor.allowance import current_allowance
from asg_executor.memory_budget import MemoryClaim
from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import (
    SessionBusyError,
    SessionDeletedError,
)
from asg_executor.sessions.persistence import Persistence
from asg_executor.sessions.sent_parts import PartLimits, SentParts, SentPartsRequest
from asg_executor.sessions.session import Session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.step_record import RecordedRequest, StepRecord
from asg_executor.sessions.step_request import StepRequest
from asg_executor.sessions.taken import TakenPart, TakenStep
from asg_executor.sessions.training_steps import Recorder
from asg_executor.store.checkpoints import CheckpointFiles
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles

__all__ = ["HeldSession"]

_LITTLE_BYTES = 65_536


class HeldSession:
    """A session in the service. All but `lock` is for whoever holds that.

    Args:
        id: its name in URLs.
        session: the session itself.
        settings: what it was created with.
        files: its place on disk; None where the service keeps nothing.
        tenant: whose it is.
        record: its last step; absent where it has taken none.
        saved: the number of the step whose state is on disk.

    Attributes:
        lock: held by whoever reads or changes the session; a session does one thing at a time.
        job: the id of the job that trains the session, if there is one: nobody else may change it then.
        revision: how often its state was changed since it is held, which may be read without the lock: while a step is
            being taken it is still that of the state before.
        followers: called after each change, in the thread that made it, while the lock is held; they may not raise.
    """

    def __init__(
        self,
        id: str,
        session: Session,
        settings: SessionSettings,
        files: SessionFiles | None,
        tenant: str = "",
        *,
        record: StepRecord | None = None,
        saved: int = 0,
    ) -> None:
        self.id = id
        self.tenant = tenant
        self.session = session
        self.settings = settings
        self.lock = asyncio.Lock()
        self.job: str | None = None
        self.revision = 0
        self.followers: list[Callable[[], None]] = []
        self._persistence = Persistence(id, session, settings.durability, files, saved, tenant)
        self._record = record or StepRecord()
        self._answer_claim: MemoryClaim | None = None
        self._is_closed = False
        self._digest: tuple[int, str] | None = None
        self._parts: SentParts | None = None

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
        claim: MemoryClaim | None = None

        def keep(answers: Sequence[Mapping[str, Array]]) -> None:
            nonlocal persist, claim
            computed = time.perf_counter()
            claim = _claim_answers(answers)
            self._persistence.keep(StepRecord(number, request.identity, answers, request.note))
            persist = time.perf_counter() - computed

        answers = self._take(number, request, keep)
        run = time.perf_counter() - begin - persist
        self._parts = None
        self._record = StepRecord(number, request.identity, answers, request.note)
        self._answer_claim = claim
        self._persistence.took(run, self._record)
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
        if self._parts is not None and not self.session.partial_steps.goes_on(self._parts.partial):
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
            NoRoomForPartsError: other sessions hold too much.
            ExecutorError: as `PartialSteps.add` does; the part is none.
        """
        sent = self.parts(number)
        self._check_free(None)
        if sent is None:
            sent = SentParts(self.session.partial_steps.begin(request.outputs), request.outputs)
        answer = sent.find(part, request)
        if answer is not None:
            return TakenPart(answer, sent.digest_after(part), sent.count, replayed=True)
        limits.check(sent, request)
        sent.make_room(request)
        self._parts = sent
        answer = self.session.partial_steps.add(sent.partial, request.parts[0])
        sent.add(request)
        return TakenPart(answer, sent.digest, sent.count, replayed=False)

    @property
    def parts_bytes(self) -> int:
        """How many bytes are held for the parts of the next step; any thread may ask."""
        parts = self._parts
        return 0 if parts is None else parts.nbytes

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
        self._persistence.begin(number, request, self._record)
        try:
            return request.take(self.session, keep)
        except BaseException:
            self._persistence.abandon()
            raise

    def save(self) -> None:
        """Have the present state on disk.

        Raises:
            StoreError: it could not be kept.
        """
        self._persistence.save(self._record)

    def forget_steps(self) -> None:
        """Have the present state alone on disk, so that no step is ever taken again that was taken before now.

        Raises:
            StoreError: it could not be kept; everything is as it was.
        """
        self._persistence.forget_steps(self._record)

    def state(self) -> SavedState:
        """The present state, with the last step."""
        return self._persistence.state(self._record)

    @property
    def last_step(self) -> StepRecord:
        """The last step that was taken."""
        return self._record

    def set_parameters(self, parameters: Mapping[str, Any], *, job: str | None = None, note: str | None = None) -> None:
        """Replace the values of parameters, on disk, too.

        Args:
            parameters: the new values, by name.
            job: the id of the job that does so, if one does.
            note: the note of the last step from now on; None for the one that it has.

        Raises:
            SessionBusyError: another job has the session.
            InterfaceError: as `Session.set_parameters`; nothing is replaced.
            StoreError: the new values could not be kept; nothing is replaced.
        """
        self._check_free(job)
        record = self._record if note is None else self._record.with_note(note)
        self._change(lambda: self.session.set_parameters(parameters), record)

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
            self._persistence.replace(record)
        except BaseException:
            session.restore(number, before, skipped=skipped)
            raise
        self._record = record
        self._parts = None
        self._tell_followers()

    @property
    def log_bytes(self) -> int:
        """How many bytes the log of its steps takes; any thread may ask."""
        return self._persistence.log_bytes

    @property
    def checkpoints(self) -> CheckpointFiles:
        """The states that were given a name.

        Raises:
            NothingKeptError: the service keeps nothing.
            SessionDeletedError: the session was deleted.
        """
        self._check_open()
        return self._persistence.checkpoints

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
        record, session = StepRecord.of(state), self.session
        if optimizer:
            self._change(lambda: session.restore(state.number, state.arrays, skipped=state.skipped), record)
        else:
            self._change(lambda: session.restore_parameters(state.number, state.arrays), record)

    @property
    def is_changed(self) -> bool:
        """Whether steps were taken since the state was last saved."""
        return not self._is_closed and self._persistence.is_changed

    def save_if_changed(self) -> None:
        """Have the present state on disk before the server ends, where it is not there. What fails is told."""
        if self.is_changed:
            self._persistence.save_at_end(self._record)

    def close_files(self) -> None:
        """Close the files as they are. What waited for the session finds that it is no more."""
        self._is_closed = True
        self._persistence.close()


def _claim_answers(answers: Sequence[Mapping[str, Array]]) -> MemoryClaim | None:
    """Claim the memory of answers that are kept in case their step is sent again; little is not worth it."""
    size = sum(array.nbytes for answer in answers for array in answer.values())
    return None if size <= _LITTLE_BYTES else current_allowance().claim_memory("the answer of the step", size)
