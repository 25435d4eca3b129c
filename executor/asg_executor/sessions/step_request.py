"""`StepRequest`: a step as it was asked for, and what is kept of it to take it again."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

import numpy as np

from asg_executor.plan.arrays import Array
from asg_executor.sessions.session import Recorder, Session

__all__ = ["StepRequest", "joined", "parts_of", "tensors_digest"]


@dataclass(frozen=True, slots=True)
class StepRequest:
    """A step as it was asked for.

    Attributes:
        parts: the inputs of each part of the batch.
        micro_batches: whether the parts are micro-batches; else there is one, the batch.
        outputs: the outputs that are asked for; None where the choice is left to the service.
        digest: the SHA-256 of what it says, not of how it was written: the same tensors in JSON and in safetensors are
            one request, and so are the same outputs in another order.
    """

    parts: Sequence[Mapping[str, Array]]
    micro_batches: bool
    outputs: list[str] | None
    digest: str

    @classmethod
    def of(
        cls, parts: Sequence[Mapping[str, Array]], outputs: list[str] | None, *, micro_batches: bool = False
    ) -> Self:
        """The request for a step with these parts."""
        digest = sha256(b"asg.step:default" if outputs is None else f"asg.step:{sorted(set(outputs))}".encode())
        for number, inputs in enumerate(parts):
            if micro_batches:
                digest.update(f"micro_batch:{number}:{len(inputs)}:".encode())
            _hash(digest.update, inputs)
        return cls(parts, micro_batches, outputs, digest.hexdigest())

    @classmethod
    def from_record(cls, tensors: Mapping[str, Array], fields: Mapping[str, str]) -> Self:
        """The request that `to_record` made these of."""
        outputs = json.loads(fields["outputs"])
        parts = parts_of(tensors, int(fields["parts"]))
        return cls(parts, fields["micro_batches"] == "true", outputs, fields["digest"])

    def to_record(self) -> tuple[dict[str, Array], dict[str, str]]:
        """The request as tensors by name and texts by name."""
        fields = {
            "parts": str(len(self.parts)),
            "micro_batches": json.dumps(self.micro_batches),
            "outputs": json.dumps(self.outputs),
            "digest": self.digest,
        }
        return joined(self.parts), fields

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
