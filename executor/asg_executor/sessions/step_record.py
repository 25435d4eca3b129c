"""`StepRecord`: the memory that makes a step happen exactly once, however often it is sent."""

from collections.abc import Mapping, Sequence
from typing import Protocol, Self

from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import StepGapError, StepMismatchError, StepPassedError
from asg_executor.store.saved_state import SavedState

__all__ = ["RecordedRequest", "StepRecord"]


class RecordedRequest(Protocol):
    """A step as it was asked for, that can be known again."""

    def is_recorded_as(self, identity: str, parts: int) -> bool:
        """Whether a step that was recorded under this identity, of so many parts, is the one that is meant."""
        ...


class StepRecord:
    """The last step of a session: the identity of its request, its answer, and its note.

    Args:
        number: its number; 0 before the first.
        identity: the identity of its request; empty before the first.
        answer: the outputs of each of its parts.
        note: what whoever asked for it wanted to find with the session's state.
    """

    def __init__(
        self,
        number: int = 0,
        identity: str = "",
        answer: Sequence[Mapping[str, Array]] = (),
        note: str | None = None,
    ) -> None:
        self._number = number
        self._identity = identity
        self._answer = answer
        self._note = note

    @classmethod
    def of(cls, state: SavedState) -> Self:
        """The step that led to a state."""
        return cls(state.number, state.request, state.answers, state.note)

    @property
    def identity(self) -> str:
        """The identity of the last step's request; empty before the first."""
        return self._identity

    @property
    def answer(self) -> Sequence[Mapping[str, Array]]:
        """The outputs of each part of the last step."""
        return self._answer

    @property
    def note(self) -> str | None:
        """What whoever asked for the last step wanted to find with the session's state, if there is anything."""
        return self._note

    def with_note(self, note: str) -> "StepRecord":
        """The same step with another note."""
        return StepRecord(self._number, self._identity, self._answer, note)

    def replay(self, number: int, request: RecordedRequest, current: int) -> Sequence[Mapping[str, Array]] | None:
        """The stored answer where the request is the last step again; None where it is the next step.

        Args:
            number: the number that the step was sent with.
            request: how it was asked for.
            current: the number of the session's last step.

        Raises:
            StepGapError: a step before it is missing.
            StepPassedError: a later step was taken already.
            StepMismatchError: the last step was taken with another request.
        """
        if number == current + 1:
            return None
        self._check_last(number, current)
        if not request.is_recorded_as(self._identity, len(self._answer)):
            message = (
                f"step {number} was taken already, with other inputs or outputs; the same step can only be sent again "
                f"as it was, and the next step is {current + 1}"
            )
            raise StepMismatchError(number, current + 1, message)
        return self._answer

    def _check_last(self, number: int, current: int) -> None:
        expected = current + 1
        if number > expected:
            raise StepGapError(number, expected, f"step {number} was sent, but the next step is {expected}")
        if number != self._number:
            message = f"step {number} was taken already, and step {current} after it; the next step is {expected}"
            raise StepPassedError(number, expected, message)

    def check_next(self, number: int, current: int) -> None:
        """Find that a number is that of the next step.

        Raises:
            StepGapError: a step before it is missing.
            StepPassedError: it was taken already.
        """
        if number != current + 1:
            self._check_last(number, current)
            raise StepPassedError(number, current + 1, f"step {number} was taken already; the next is {current + 1}")
