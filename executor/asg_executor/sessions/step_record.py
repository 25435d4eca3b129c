"""`StepRecord`: the memory that makes a step happen exactly once, however often it is sent."""

from collections.abc import Mapping, Sequence
from hashlib import sha256

import numpy as np

from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import StepGapError, StepMismatchError, StepPassedError

__all__ = ["StepRecord", "request_digest"]


def request_digest(
    parts: Sequence[Mapping[str, Array]], outputs: Sequence[str] | None, *, micro_batches: bool = False
) -> str:
    """The SHA-256 of a request for a step: of what it says, not of how it is written.

    The same tensors in JSON and in safetensors are one request, and so are the same outputs in another order.

    Args:
        parts: the decoded inputs of each part of the batch.
        outputs: the outputs that are asked for; None where the choice is left to the service.
        micro_batches: whether the parts are micro-batches; a plain step has one part and another answer.
    """
    result = sha256(b"asg.step:default" if outputs is None else f"asg.step:{sorted(set(outputs))}".encode())
    for number, inputs in enumerate(parts):
        if micro_batches:
            result.update(f"micro_batch:{number}:{len(inputs)}:".encode())
        for name in sorted(inputs):
            array = inputs[name]
            # A length before each name keeps different requests from having the same bytes.
            result.update(f"{len(name)}:{name}:{array.dtype.name}:{list(array.shape)}:".encode())
            result.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return result.hexdigest()


class StepRecord:
    """The last step of a session: the digest of its request, and its answer."""

    def __init__(self) -> None:
        self._number = 0
        self._digest = ""
        self._answer: Sequence[Mapping[str, Array]] = ()

    def replay(self, number: int, digest: str, current: int) -> Sequence[Mapping[str, Array]] | None:
        """The stored answer where the request is the last step again; None where it is the next step.

        Args:
            number: the number that the step was sent with.
            digest: the digest of its request.
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
        if digest != self._digest:
            message = (
                f"step {number} was taken already, with other inputs or outputs; the same step can only be sent again "
                f"as it was, and the next step is {expected}"
            )
            raise StepMismatchError(number, expected, message)
        return self._answer

    def keep(self, number: int, digest: str, answer: Sequence[Mapping[str, Array]]) -> None:
        """Remember a step that was taken, and the outputs of each of its parts."""
        self._number, self._digest, self._answer = number, digest, answer
