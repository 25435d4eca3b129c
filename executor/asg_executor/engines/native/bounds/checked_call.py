"""`CheckedCall`: one call of a checked kernel, and the error that says where it went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.instrumentation import Access
from asg_executor.engines.native.bounds.table import BoundsTable, Range, Violation
from asg_executor.errors import OutOfBoundsError
from asg_executor.plan.arrays import Array

__all__ = ["CheckedCall"]

_POISON = 0xFF  # in each byte: NaN in every floating-point format, and -1
_MOST_TEXT = 2000  # characters of a spec in an error


@dataclass(frozen=True)
class CheckedCall:
    """What surrounds a call of a checked kernel.

    Attributes:
        spec: the kernel.
        table: what the call may touch.
        poisoned: bytes that it writes and does not read: what they hold beforehand is made to look wrong.
        nodes: what errors call the nodes that it computes.
    """

    spec: CheckedSpec
    table: BoundsTable
    poisoned: Sequence[Array]
    nodes: str

    def begin(self) -> None:
        """Prepare the call: what nobody writes is NaN, or -1."""
        self.table.clear()
        for memory in self.poisoned:
            memory.view(np.uint8).fill(_POISON)

    def end(self) -> None:
        """Look at what the call has done.

        Raises:
            OutOfBoundsError: it accessed what is not its own.
        """
        violation = self.table.violation
        if violation is not None:
            raise OutOfBoundsError(self._message(violation))

    def _message(self, violation: Violation) -> str:
        access = self.spec.accesses()[violation.access]
        verb = "writes" if access.stores else "reads"
        spec = repr(self.spec.spec)
        return (
            f"a native kernel of {self.nodes} {verb} {violation.bytes} bytes at {violation.address:#x}, "
            f"{self._place(access, violation)}. It is part {violation.part} of the call, which makes "
            f"{violation.total:,} such accesses; the instruction is `{access.text}` of the function "
            f'"{access.function}". The kernel is {spec if len(spec) <= _MOST_TEXT else spec[:_MOST_TEXT] + "…"}'
        )

    def _place(self, access: Access, violation: Violation) -> str:
        begin, end = violation.address, violation.address + violation.bytes
        allowed = self.table.writable if access.stores else self.table.readable
        holding = [item for item in self.table.readable if item.begin <= begin and end <= item.end]
        if any(item in allowed for item in holding):
            return f"which is no multiple of {access.alignment}, as the instruction says"
        if holding:
            return f"in {holding[0].name}, which it may only read"
        nearest = min(allowed, key=lambda item: _distance(item, begin, end))
        size = nearest.end - nearest.begin
        return f"{_relation(nearest, begin, end)} {nearest.name}, of {size:,} bytes, the nearest that it may access"


def _distance(item: Range, begin: int, end: int) -> int:
    return max(item.begin - begin, end - item.end)


def _relation(item: Range, begin: int, end: int) -> str:
    """How an access that reaches beyond a piece of memory lies to it."""
    if begin >= item.end:
        return f"{begin - item.end:,} bytes behind the end of"
    if begin >= item.begin:
        return f"the last {end - item.end:,} of them behind the end of"
    return f"{item.begin - begin:,} bytes before the beginning of"
