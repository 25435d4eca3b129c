"""Parts of a step that are sent one by one: what is known of them, and how the step that they make is asked for."""

import time
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from typing_extensions import override

from asg_executor.allowance import current_allowance
from asg_executor.errors import LimitExceededError
from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import NoRoomForPartsError, PartGapError, PartMismatchError
from asg_executor.sessions.partial_step import PartialStep
from asg_executor.sessions.session import Session
from asg_executor.sessions.step_request import StepRequest, parts_identity
from asg_executor.sessions.training_steps import Recorder

__all__ = ["PartLimits", "SentParts", "SentPartsRequest"]


_MOST_ENTRIES = 100_000  # inputs of all parts together, as in one body


class SentParts:
    """The parts of the next step that came so far.

    Args:
        partial: what they led to.
        outputs: the outputs that are asked for; None where the choice is left to the service.

    Attributes:
        partial: what they led to.
        last_used: when the last of them came, by `time.monotonic`.
        nbytes: how many bytes are held for them: inputs and answers. Any thread may ask.
    """

    def __init__(self, partial: PartialStep, outputs: list[str] | None) -> None:
        self.partial = partial
        self.last_used = time.monotonic()
        self._claim = current_allowance().claim_memory(f"the next part of step {partial.number}", 0)
        self._outputs = outputs
        self.nbytes = 0
        self._inputs: list[Mapping[str, Array]] = []
        self._digests: list[str] = []
        self._chain = [sha256(b"asg.parts").hexdigest()]

    @property
    def count(self) -> int:
        """How many there are; the number of the next one."""
        return len(self._inputs)

    @property
    def digest(self) -> str:
        """The SHA-256, in hexadecimal, of all that the parts say, in order."""
        return self._chain[-1]

    def find(self, number: int, request: StepRequest) -> Mapping[str, Array] | None:
        """The answer of a part that came before; None where it is the next one.

        Args:
            number: the number of the part.
            request: how it was asked for.

        Raises:
            PartGapError: a part before it is missing.
            PartMismatchError: that part came before, and said something else, or asks for other outputs.
        """
        step, expected = self.partial.number, self.count
        if number > expected:
            raise PartGapError(
                expected, f"part {number} of step {step} was sent, but the next part is {expected}; parts come in order"
            )
        if number < expected and request.digest != self._digests[number]:
            raise PartMismatchError(
                expected,
                f"part {number} of step {step} came already, with other inputs or outputs; the next part is {expected}",
            )
        if expected and _named(request.outputs) != _named(self._outputs):
            raise PartMismatchError(
                expected, f"part {number} of step {step} asks for other outputs than the parts before it"
            )
        return self.partial.answers[number] if number < expected else None

    def make_room(self, request: StepRequest) -> None:
        """Claim the memory for what there is and a further part.

        Raises:
            MemoryFullError: there is no room now.
        """
        self._claim.grow(max(0, self.nbytes + request.nbytes - self._claim.size))

    def add(self, request: StepRequest) -> None:
        """Remember a part that `partial` has the answer of."""
        self._inputs.append(request.parts[0])
        self.nbytes += request.nbytes + sum(array.nbytes for array in self.partial.answers[-1].values())
        self._digests.append(request.digest)
        self._chain.append(sha256(f"{self.digest}:{request.digest}".encode()).hexdigest())
        self.last_used = time.monotonic()

    def digest_after(self, number: int) -> str:
        """What `digest` was after part `number`."""
        return self._chain[number + 1]

    def request(self) -> StepRequest:
        """The step that the parts make."""
        return _GatheredParts(self.partial, self._inputs, self._outputs, self.digest)


def _named(outputs: list[str] | None) -> frozenset[str] | None:
    return None if outputs is None else frozenset(outputs)


class PartLimits(NamedTuple):
    """How much may be held of a step that is not taken yet.

    Attributes:
        parts: how many parts.
        bytes: how many bytes of inputs and answers.
        room: how many bytes of them are left by all other sessions.
    """

    parts: int
    bytes: int
    room: int

    def check(self, sent: SentParts, request: StepRequest) -> None:
        """Refuse a further part that would be too much.

        Raises:
            LimitExceededError: it would, for one session.
            NoRoomForPartsError: the parts of other sessions leave no room for it.
        """
        what = f"with this part step {sent.partial.number} would have"
        if sent.count + 1 > self.parts:
            raise LimitExceededError("max_parts", what, sent.count + 1, self.parts, "parts")
        entries = (sent.count + 1) * len(request.parts[0])
        if entries > _MOST_ENTRIES:
            raise LimitExceededError("max_parts", f"{what} {entries:,} inputs in", sent.count + 1, sent.count, "parts")
        needed = sent.nbytes + request.nbytes
        if needed > self.bytes:
            raise LimitExceededError("max_parts_bytes", what, needed, self.bytes, "bytes")
        if needed > self.room:
            raise NoRoomForPartsError(
                f"{what} {needed:,} bytes, and the parts of other sessions leave {max(self.room, 0):,} "
                "(max_held_parts_bytes); they are given up when none comes for a while"
            )


class _GatheredParts(StepRequest):
    """A step whose parts have been computed; what it is recorded as has all their inputs."""

    def __init__(
        self, partial: PartialStep, inputs: Sequence[Mapping[str, Array]], outputs: list[str] | None, sent: str
    ) -> None:
        super().__init__(inputs, outputs, micro_batches=True, sent=sent)
        self._partial = partial

    @override
    def take(self, session: Session, recorder: Recorder | None = None) -> Sequence[Mapping[str, Array]]:
        return session.partial_steps.take(self._partial, recorder=recorder)


class SentPartsRequest:
    """A step that is to be made of the parts that were sent.

    Args:
        count: how many there are.
        digest: what `SentParts.digest` is then; None where the client does not say.
    """

    micro_batches = True
    outputs: list[str] | None = None

    def __init__(self, count: int, digest: str | None) -> None:
        self._count = count
        self._digest = digest

    def is_recorded_as(self, identity: str, parts: int) -> bool:
        """Whether a step that was recorded under this identity, of so many parts, is the one that is meant."""
        if self._digest is not None:
            return identity == parts_identity(self._digest)
        return identity.startswith(parts_identity("")) and parts == self._count

    def check(self, sent: SentParts | None, number: int) -> StepRequest:
        """The step that the parts make.

        Args:
            sent: the parts that are there.
            number: the number of the step.

        Raises:
            PartGapError: there are more or fewer.
            PartMismatchError: they are others.
        """
        found = 0 if sent is None else sent.count
        if sent is None or found != self._count:
            raise PartGapError(
                found, f"step {number} is to be made of {self._count} parts, but {found} are there; the next is {found}"
            )
        if self._digest not in (None, sent.digest):
            raise PartMismatchError(
                found, f"the parts of step {number} have the digest {sent.digest}, not {self._digest}"
            )
        return sent.request()
