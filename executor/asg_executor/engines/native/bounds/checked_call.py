"""`CheckedCall`: one call of a checked kernel, and the error that says where it went wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asg_executor.engines.native.bounds.borders import Borders, Change
from asg_executor.engines.native.bounds.check_code import POISON
from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.claim_record import Broken, ClaimRecord
from asg_executor.engines.native.bounds.instrumentation import Access
from asg_executor.engines.native.bounds.recorder import recorder
from asg_executor.engines.native.bounds.stage_record import Conflict, StageRecord
from asg_executor.engines.native.bounds.table import BoundsTable, Range, Violation
from asg_executor.engines.native.program import NativeProgram
from asg_executor.errors import AccessConflictError, OutOfBoundsError
from asg_executor.plan.arrays import Array

__all__ = ["CheckedCall"]

_MOST_TEXT = 2000  # characters of a spec in an error


@dataclass(frozen=True)
class CheckedCall:
    """A call of a kernel that is made twice: with checks, and then by its own machine code, which is watched.

    The accesses of the first time are recorded, and looked at when it is over: whether parts are in each other's way,
    and whether functions keep what they claim of their pointers.

    The checks know what the kernel says. Machine code that writes more than that is wrong, and changes what lies beside
    the arrays. The results are those of the second time, but NaN where those with checks are.

    Attributes:
        spec: the kernel.
        checked: makes the call with checks.
        plain: makes it without.
        table: what the call may touch.
        poisoned: memory that it writes and does not read: what it holds beforehand is made to look wrong.
        kept: memory that it writes and may read: for the second time it holds what it held for the first.
        borders: what surrounds all that.
        stage: records the accesses of the parts of all calls of its stage.
        number: the number of this one among those.
        nodes: what errors call the nodes that it computes.
    """

    spec: CheckedSpec
    checked: NativeProgram
    plain: NativeProgram
    table: BoundsTable
    poisoned: Sequence[Array]
    kept: Sequence[Array]
    borders: Borders
    stage: StageRecord
    number: int
    nodes: str

    @property
    def held_bytes(self) -> int:
        """How much memory it takes."""
        return self.checked.held_bytes + self.plain.held_bytes + self.table.held_bytes

    def run(self) -> None:
        """Make the call. One at a time may, in a process.

        Raises:
            OutOfBoundsError: it accessed what is not its own.
            AccessConflictError: two of its accesses, or of its stage's, are in each other's way.
        """
        before = [memory.copy() for memory in self.kept]
        self.table.clear()
        self.borders.begin()
        try:
            self._run_recorded()
            results = [memory.copy() for memory in (*self.poisoned, *self.kept)]
            for memory, content in zip(self.kept, before, strict=True):
                memory[...] = content
            self._run(self.plain)
        finally:
            self.borders.end()
        for memory, checked in zip((*self.poisoned, *self.kept), results, strict=True):
            _show_poison(memory, checked)

    def _run_recorded(self) -> None:
        """Make the call with checks, and raise the error that says what is wrong with it, if something is."""
        scratch, *writable = self.table.writable
        # Where scratch memory lies is known when a part begins; how much there is, beforehand.
        claims = ClaimRecord([scratch._replace(begin=0, end=self.spec.scratch_bytes), *writable])
        self.table.record(recorder().address, *self.stage.begin(self.number), claims.addresses)
        try:
            self._run(self.checked)
        finally:
            conflict = self.stage.end(self.number)
        if conflict is not None:
            raise AccessConflictError(self._conflict_message(conflict))
        broken = claims.broken()
        if broken is not None:
            raise AccessConflictError(self._claim_message(broken))

    def _run(self, program: NativeProgram) -> None:
        for memory in self.poisoned:
            memory.view(np.uint8).fill(POISON)
        program.run()
        self._look()

    def _look(self) -> None:
        """Raise the error that says what is wrong, if something is."""
        if self.table.violation is not None:
            raise OutOfBoundsError(self._message(self.table.violation))
        change = self.borders.change()
        if change is not None:
            raise OutOfBoundsError(self._change_message(change))

    def _change_message(self, change: Change) -> str:
        end, distance = (
            ("behind the end", change.distance) if change.distance > 0 else ("before the beginning", -change.distance)
        )
        return (
            f"the machine code of a native kernel of {self.nodes} changes {change.total:,} bytes "
            f"beside {change.array.name}, the nearest of them {distance:,} bytes {end}, though none of the kernel's "
            f"instructions says so. The kernel is {self._kernel}"
        )

    def _conflict_message(self, conflict: Conflict) -> str:
        verb = "writes" if conflict.writes else "reads"
        return (
            f"parts of a native kernel of {self.nodes} that may run at the same time are in each other's way: "
            f"{conflict.writer} writes, and {conflict.other} {verb}, the bytes from {conflict.begin:,} to "
            f"{conflict.end - 1:,} of {conflict.array.name}; there are {conflict.total:,} such bytes. "
            f"The kernel is {self._kernel}"
        )

    def _claim_message(self, broken: Broken) -> str:
        pointers = self.spec.instrumented().pointers
        every = [pointers[number - 1] for number in broken.pointers]
        claimed, other = sorted(every, key=lambda pointer: pointer.argument is None)
        return (
            f'the function "{claimed.function}" in a native kernel of {self.nodes} writes, and reaches both through '
            f"{claimed}, which it claims to be noalias, and through {other}, the bytes from {broken.begin:,} to "
            f"{broken.end - 1:,} of {broken.array.name}; there are {broken.total:,} such bytes. "
            f"The kernel is {self._kernel}"
        )

    @property
    def _kernel(self) -> str:
        text = repr(self.spec.spec)
        return text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT] + "…"

    def _message(self, violation: Violation) -> str:
        access = self.spec.instrumented().accesses[violation.access]
        verb = "writes" if access.stores else "reads"
        return (
            f"a native kernel of {self.nodes} {verb} {violation.bytes} bytes at {violation.address:#x}, "
            f"{self._place(access, violation)}. It is part {violation.part} of the call, which makes "
            f"{violation.total:,} such accesses; the instruction is `{access.text}` of the function "
            f'"{access.function}". The kernel is {self._kernel}'
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


def _show_poison(result: Array, checked: Array) -> None:
    """Have a result of plain code show what the one of checked code does, which has read poison where nobody wrote.

    Apart from that the plain one is left alone: its sums are vectors of sums, and so have other last bits.
    """
    bytes = checked.reshape(-1).view(np.uint8).reshape(-1, checked.itemsize)
    poisoned = (bytes == POISON).all(axis=1).reshape(checked.shape)
    if checked.dtype.kind not in "iub":
        poisoned |= np.isnan(checked)
    np.copyto(result, checked, where=poisoned)


def _distance(item: Range, begin: int, end: int) -> int:
    return max(item.begin - begin, end - item.end)


def _relation(item: Range, begin: int, end: int) -> str:
    """How an access that reaches beyond a piece of memory lies to it."""
    if begin >= item.end:
        return f"{begin - item.end:,} bytes behind the end of"
    if begin >= item.begin:
        return f"the last {end - item.end:,} of them behind the end of"
    return f"{item.begin - begin:,} bytes before the beginning of"
