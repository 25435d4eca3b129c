"""`StepRecord`: the memory that makes a step happen exactly once, however often it is sent."""

from collections.abc import Mapping, Sequence

from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import StepGapError, StepMismatchError, StepPassedError
from asg_executor.sessions.step_request import StepRequest

__all__ = ["StepRecord"]


class StepRecord:
    """The last step of a session: the digest of its request, and its answer."""

    def __init__(self) -> None:
        self._number = 0
        self._digest = ""
        self._answer: Sequence[Mapping[str, Array]] = ()

    @property
    def digest(self) -> str:
        """The digest of the last step's request; empty before the first."""
        return self._digest

    @property
    def answer(self) -> Sequence[Mapping[str, Array]]:
        """The outputs of each part of the last step."""
        return self._answer

    def replay(self, number: int, request: StepRequest, current: int) -> Sequence[Mapping[str, Array]] | None:
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
        expected = current + 1
        if number == expected:
            return None
        if number > expected:
            raise StepGapError(number, expected, f"step {number} was sent, but the next step is {expected}")
        if number != self._number:
            message = f"step {number} was taken already, and step {current} after it; the next step is {expected}"
            raise StepPassedError(number, expected, message)
        if request.digest != self._digest:
            message = (
                f"step {number} was taken already, with other inputs or outputs; the same step can only be sent again "
                f"as it was, and the next step is {expected}"
            )
            raise StepMismatchError(number, expected, message)
        return self._answer

    def keep(self, number: int, digest: str, answer: Sequence[Mapping[str, Array]]) -> None:
        """Remember a step that was taken, and the outputs of each of its parts."""
        self._number, self._digest, self._answer = number, digest, answer
