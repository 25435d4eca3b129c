"""Layout by several primitives: arrays stacked, repeated, rolled and extended by what stands at their edges.

No element is computed, so every dtype is allowed, and kept. Every derivative passes the cotangent of each element back
to where that element came from.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axes, Axis, Shape
from asg_schema.composite import Composite
from asg_schema.dims import Dim, element_count, format_shape
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.layout import BroadcastTo, Concat, Flip, Reshape, Slice
from asg_schema.tensor_type import MOST_AXES, TensorType

__all__ = ["PadEdge", "PadReflect", "Repeat", "Roll", "Stack", "Tile"]

_X = (Operand("x", DTypeGroup.ANY),)


class Stack(Composite):
    """The operands, all of one shape, joined along a new axis, which is `axis` of the result.

    Gradient:
        arrays: of operand i, the part of ḡ at index i of the new axis.
    """

    op: Literal["stack"] = "stack"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("arrays", DTypeGroup.ANY, variadic=True),)
    axis: Axis = Field(default=0, description="The place of the new axis in the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        first = operands[0]
        for index, operand in enumerate(operands[1:], 1):
            if operand.shape != first.shape:
                raise RuleError(f"{{{index}}} and {{0}} differ in shape; they must have one", operand=index)
        axis = self._place(first.rank)
        return (TensorType(first.dtype, (*first.shape[:axis], len(operands), *first.shape[axis:])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        shape = operands[0].shape
        axis = self._place(len(shape))
        parts = [Reshape.of(operand, shape=(*shape[:axis], 1, *shape[axis:])) for operand in operands]
        return (Concat.of(*parts, axis=axis),)

    def _place(self, rank: int) -> int:
        """The new axis, counted from the front of the result."""
        if not -rank - 1 <= self.axis <= rank:
            raise RuleError(
                f"axis {self.axis} is out of range for the result, which has an axis more than {{0}}: an axis from "
                f"{-rank - 1} to {rank} is needed",
                field="axis",
            )
        return self.axis % (rank + 1)


def _check_counts(field: str, counts: Sequence[Dim]) -> None:
    for count in counts:
        if isinstance(count, int) and count < 0:
            raise RuleError(f"{field} {format_shape(counts)}: a count is at least 0, not {count}", field=field)


def _repeated(x: Value, shape: Sequence[Dim], counts: Sequence[Dim], *, each: bool) -> Value:
    """The elements of x, under `shape`, repeated along each axis: as a whole, or each element by itself.

    Every axis that is repeated gets a new axis beside it, along which x is broadcast.
    """
    split: list[Dim] = []
    broadcast: list[Dim] = []
    for dim, count in zip(shape, counts, strict=True):
        if count == 1:
            split.append(dim)
            broadcast.append(dim)
        else:
            split += [dim, 1] if each else [1, dim]
            broadcast += [dim, count] if each else [count, dim]
    result = tuple(dim * count for dim, count in zip(shape, counts, strict=True))
    return Reshape.of(BroadcastTo.of(Reshape.of(x, shape=tuple(split)), shape=tuple(broadcast)), shape=result)


class Tile(Composite):
    """x repeated as a whole along each axis, `repetitions` times, as `numpy.tile` has it.

    Where there are fewer repetitions than axes, they are those of the last axes; where there are more, x gets leading
    axes of size 1.

    The result has the dtype of x; its size along each axis is that of x times the repetitions.

    Gradient:
        x: the sum of ḡ over all repetitions.
    """

    op: Literal["tile"] = "tile"
    operands: ClassVar[tuple[Operand, ...]] = _X
    repetitions: Shape = Field(description="How often x is repeated along each axis; each at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        _check_counts("repetitions", self.repetitions)
        shape, counts = self._aligned(x.shape)
        if len(shape) + sum(count != 1 for count in counts) > MOST_AXES:
            raise RuleError(
                f"{{0}} and repetitions together have too many axes; those of the result and those that are repeated "
                f"are at most {MOST_AXES}",
                field="repetitions",
            )
        return (TensorType(x.dtype, tuple(dim * count for dim, count in zip(shape, counts, strict=True))),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (_repeated(x, *self._aligned(x.shape), each=False),)

    def _aligned(self, shape: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[Dim, ...]]:
        """The operand's shape and the repetitions, both with leading ones where they are shorter."""
        rank = max(len(shape), len(self.repetitions))
        return (1,) * (rank - len(shape)) + shape, (1,) * (rank - len(self.repetitions)) + self.repetitions


class Repeat(Composite):
    """Every element `repeats` times in a row along `axis`, as `numpy.repeat` has it.

    Without `axis` x is flattened first, and the result has one axis.

    Gradient:
        x: for each element the sum of ḡ over its copies.
    """

    op: Literal["repeat"] = "repeat"
    operands: ClassVar[tuple[Operand, ...]] = _X
    repeats: Annotated[int, Field(strict=True, ge=0, lt=2**63)] = Field(description="How often each element stands.")
    axis: Axis | None = Field(default=None, description="The axis to repeat along; absent: x is flattened first.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        if self.axis is None:
            return (TensorType(x.dtype, (x.size * self.repeats,)),)
        axis = self.axis_of(self.axis, x.rank)
        if x.rank == MOST_AXES and self.repeats != 1:
            raise RuleError(f"{{0}} has {x.rank} axes; at most {MOST_AXES - 1} are allowed here", operand=0)
        return (TensorType(x.dtype, (*x.shape[:axis], x.shape[axis] * self.repeats, *x.shape[axis + 1 :])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if self.axis is None:
            return (_repeated(x, [element_count(x.shape)], [self.repeats], each=True),)
        axis = self.axis_of(self.axis, x.rank)
        counts = [self.repeats if place == axis else 1 for place in range(x.rank)]
        return (_repeated(x, x.shape, counts, each=True),)


class Roll(Composite):
    """The elements moved by `shift` along each of `axis`; what leaves at one end enters at the other.

    result[(i + shift) mod n] = x[i] along an axis of size n; a negative shift moves to the front, and a shift may be
    larger than the axis. Shifts of an axis that is named twice add up. Without `axis` there is one shift, x is rolled
    as if it were flattened, and the result has the shape of x (`numpy.roll`).

    Gradient:
        x: ḡ rolled by -shift.
    """

    op: Literal["roll"] = "roll"
    operands: ClassVar[tuple[Operand, ...]] = _X
    shift: Shape = Field(description="By how many places the elements move, for each of `axis`.")
    axis: Axes | None = Field(default=None, description="The axes to roll along; absent: x as if it were flattened.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        count = 1 if self.axis is None else len(self.axis)
        if len(self.shift) != count:
            raise RuleError(f"shift has {len(self.shift)} entries; one for each axis is needed: {count}", field="shift")
        for axis in self.axis or ():
            self.axis_of(axis, x.rank)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if self.axis is None:
            flat = Reshape.of(x, shape=(element_count(x.shape),))
            return (Reshape.of(_rolled(flat, 0, self.shift[0]), shape=x.shape),)
        totals: dict[int, Dim] = {}
        for shift, axis in zip(self.shift, self.axis, strict=True):
            place = self.axis_of(axis, x.rank)
            totals[place] = totals.get(place, 0) + shift
        result = x
        for place, total in totals.items():
            result = _rolled(result, place, total)
        return (result,)


def _rolled(x: Value, axis: int, shift: Dim) -> Value:
    """The last `shift` mod n elements put before the others."""
    size = x.shape[axis]
    # A symbolic size may turn out to be 0; then 1 is added to what the shift is divided by.
    moved = shift % (max(size, 1) if isinstance(size, int) else size + 1 // (size + 1))
    if moved == 0:
        return x
    return Concat.of(_along(x, axis, size - moved, size), _along(x, axis, 0, size - moved), axis=axis)


def _along(x: Value, axis: int, start: Dim, stop: Dim) -> Value:
    """The part of x from `start` to `stop` along one axis."""
    starts = tuple(start if place == axis else 0 for place in range(x.rank))
    return Slice.of(x, start=starts, stop=(*x.shape[:axis], stop, *x.shape[axis + 1 :]))


class _EdgePadding(Composite):
    """The result has the size low + n + high along an axis of size n."""

    operands: ClassVar[tuple[Operand, ...]] = _X
    low: Shape = Field(description="How many elements go before, along each axis; at least 0.")
    high: Shape = Field(description="How many elements go behind, along each axis; at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        for field, counts in (("low", self.low), ("high", self.high)):
            if len(counts) != x.rank:
                raise RuleError(
                    f"{field} has {len(counts)} entries; {{0}} needs {x.rank}, one for each axis", field=field
                )
            _check_counts(field, counts)
            for axis, (count, size) in enumerate(zip(counts, x.shape, strict=True)):
                if isinstance(count, int) and isinstance(size, int) and count > max(self._most(size), 0):
                    raise RuleError(
                        f"{field} is {count} along axis {axis} of {{0}}, whose size is {size}; at most "
                        f"{max(self._most(size), 0)} is needed there",
                        field=field,
                    )
        padded = tuple(low + size + high for low, size, high in zip(self.low, x.shape, self.high, strict=True))
        return (TensorType(x.dtype, padded),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        for axis, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            parts = [
                *([self._before(x, axis, low)] if low != 0 else []),
                x,
                *([self._behind(x, axis, high)] if high != 0 else []),
            ]
            x = Concat.of(*parts, axis=axis) if len(parts) > 1 else x
        return (x,)

    @abstractmethod
    def _most(self, size: int) -> int:
        """How many elements can go to one side of an axis of this size."""

    @abstractmethod
    def _before(self, x: Value, axis: int, count: Dim) -> Value:
        """What goes before x."""

    @abstractmethod
    def _behind(self, x: Value, axis: int, count: Dim) -> Value:
        """What goes behind x."""


class PadReflect(_EdgePadding):
    """x continued beyond its edges by its mirror image, in which the edge itself does not stand again.

    Along an axis, abc with 2 before and 1 behind becomes cbabcb. So at most size - 1 elements can go to one side. With
    several axes one is padded after the other (`numpy.pad` with mode "reflect", `torch.nn.functional.pad`).

    Gradient:
        x: for each element the sum of ḡ over all places where it stands.
    """

    op: Literal["pad_reflect"] = "pad_reflect"

    @override
    def _most(self, size: int) -> int:
        return size - 1

    @override
    def _before(self, x: Value, axis: int, count: Dim) -> Value:
        return Flip.of(_along(x, axis, 1, count + 1), axis=(axis,))

    @override
    def _behind(self, x: Value, axis: int, count: Dim) -> Value:
        last = x.shape[axis] - 1
        return Flip.of(_along(x, axis, last - count, last), axis=(axis,))


class PadEdge(_EdgePadding):
    """x continued beyond its edges by the elements that stand there.

    Along an axis, abc with 2 before and 1 behind becomes aaabcc; an axis without elements cannot be padded. With
    several axes one is padded after the other (`numpy.pad` with mode "edge", `torch.nn.functional.pad` with
    "replicate").

    Gradient:
        x: for each element the sum of ḡ over all places where it stands.
    """

    op: Literal["pad_edge"] = "pad_edge"

    @override
    def _most(self, size: int) -> int:
        return 2**63 - 1 if size else 0

    @override
    def _before(self, x: Value, axis: int, count: Dim) -> Value:
        return _repeated_edge(_along(x, axis, 0, 1), axis, count)

    @override
    def _behind(self, x: Value, axis: int, count: Dim) -> Value:
        size = x.shape[axis]
        return _repeated_edge(_along(x, axis, size - 1, size), axis, count)


def _repeated_edge(edge: Value, axis: int, count: Dim) -> Value:
    return BroadcastTo.of(edge, shape=(*edge.shape[:axis], count, *edge.shape[axis + 1 :]))
