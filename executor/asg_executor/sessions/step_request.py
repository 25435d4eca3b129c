"""`StepRequest`: a step as it was asked for, and what is kept of it to take it again."""

import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from hashlib import sha256
from typing import Self

import numpy as np

from asg_executor.errors import LimitExceededError
from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import MOST_HEADER_BYTES, canonical_safetensors, read_safetensors
from asg_executor.sessions.session import Session
from asg_executor.sessions.training_steps import Recorder

__all__ = ["StepRequest", "joined", "parts_identity", "parts_of", "tensors_digest"]


_PARTS, _MICRO_BATCHES, _OUTPUTS, _SENT, _NOTE = "parts", "micro_batches", "outputs", "sent", "note"


class StepRequest:
    """A step as it was asked for.

    Args:
        parts: the inputs of each part of the batch.
        outputs: the outputs that are asked for; None where the choice is left to the service.
        micro_batches: whether the parts are micro-batches; else there is one, the batch.
        sent: the digest of the parts where they were sent one by one.
        note: what whoever asks for it wants to find with the session's state afterwards; part of the request.
    """

    def __init__(
        self,
        parts: Sequence[Mapping[str, Array]],
        outputs: list[str] | None,
        *,
        micro_batches: bool = False,
        sent: str | None = None,
        note: str | None = None,
    ) -> None:
        self.parts = parts
        self.outputs = outputs
        self.micro_batches = micro_batches
        self.note = note
        self._sent = sent

    @property
    def nbytes(self) -> int:
        """How many bytes the inputs have."""
        return sum(array.nbytes for part in self.parts for array in part.values())

    @cached_property
    def record(self) -> Sequence[bytes | memoryview]:
        """What is kept of it, in pieces: a safetensors body that says what it means, not how it was written.

        The same tensors in JSON and in safetensors are one request, and so are the same outputs in another order.

        Raises:
            LimitExceededError: it has too many inputs in all, or too long names.
        """
        metadata = {
            _PARTS: str(len(self.parts)),
            _MICRO_BATCHES: json.dumps(self.micro_batches),
            _OUTPUTS: json.dumps(None if self.outputs is None else sorted(set(self.outputs))),
        }
        if self._sent is not None:
            metadata[_SENT] = self._sent
        if self.note is not None:
            metadata[_NOTE] = self.note
        pieces = canonical_safetensors(joined(self.parts), metadata)
        length = memoryview(pieces[0]).nbytes - 8
        if length > MOST_HEADER_BYTES:  # it could be written, and never be read again
            raise LimitExceededError(
                "max_header_bytes", "the names and shapes of the step's inputs take", length, MOST_HEADER_BYTES, "bytes"
            )
        return pieces

    @cached_property
    def digest(self) -> str:
        """The SHA-256, in hexadecimal, of its record."""
        digest = sha256()
        for piece in self.record:
            digest.update(piece)
        return digest.hexdigest()

    @property
    def identity(self) -> str:
        """By what it is known again: its digest; of parts that were sent one by one the digest of these."""
        return self.identity_with(None)

    def identity_with(self, digest: str | None) -> str:
        """Its identity, where its digest may be known already."""
        return (digest or self.digest) if self._sent is None else parts_identity(self._sent)

    def is_recorded_as(self, identity: str, parts: int) -> bool:
        """Whether a step that was recorded under this identity, of so many parts, is the one that is meant."""
        return identity == self.identity

    @classmethod
    def from_record(cls, record: bytes) -> Self:
        """The request whose `record` has these bytes.

        Raises:
            SafetensorsError: it is no record.
        """
        tensors, fields = read_safetensors(record)
        parts = parts_of(tensors, int(fields[_PARTS]))
        outputs, micro_batches = json.loads(fields[_OUTPUTS]), json.loads(fields[_MICRO_BATCHES])
        sent, note = fields.get(_SENT), fields.get(_NOTE)
        return cls(parts, outputs, micro_batches=micro_batches, sent=sent, note=note)

    def take(self, session: Session, recorder: Recorder | None = None) -> Sequence[Mapping[str, Array]]:
        """Take the step in a session.

        Args:
            session: the session.
            recorder: as for `Session.step`.

        Returns:
            The outputs of each part.

        Raises:
            ExecutorError: as `Session.step` does.
        """
        if self.micro_batches:
            return session.step_micro_batches(self.parts, self.outputs, recorder=recorder)
        return [session.step(self.parts[0], self.outputs, recorder=recorder)]


def parts_identity(digest: str) -> str:
    """The identity of a step whose parts were sent one by one, and have this digest."""
    return f"parts:{digest}"


def tensors_digest(parts: Sequence[Mapping[str, Array]]) -> str:
    """The SHA-256 of tensors by name, such as what each part of a step answered."""
    digest = sha256(f"asg.tensors:{len(parts)}".encode())
    for tensors in parts:
        digest.update(f"{len(tensors)}:".encode())
        _hash(digest.update, tensors)
    return digest.hexdigest()


def _hash(update: Callable[[bytes | memoryview], None], tensors: Mapping[str, Array]) -> None:
    for name in sorted(tensors):
        array = tensors[name]
        # A length before each name keeps different tensors from having the same bytes.
        update(f"{len(name)}:{name}:{array.dtype.name}:{list(array.shape)}:".encode())
        update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    """The tensors of all parts, each under the number of its part and its name: `0/x`."""
    return {f"{number}/{name}": array for number, part in enumerate(parts) for name, array in part.items()}


def parts_of(tensors: Mapping[str, Array], count: int) -> list[dict[str, Array]]:
    """The parts whose tensors `joined` put together."""
    parts: list[dict[str, Array]] = [{} for _ in range(count)]
    for name, array in tensors.items():
        number, _, rest = name.partition("/")
        parts[int(number)][rest] = array
    return parts
