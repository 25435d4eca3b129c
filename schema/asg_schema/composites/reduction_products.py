"""Running products, with derivatives that are exact with any number of zeros, at any order."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Axis
from asg_schema.composite import Composite
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import index_grid, narrow, shift_lines, widen
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import LessEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Flip, PermuteDims, Reshape
from asg_schema.ops.reduction import Prod
from asg_schema.tensor_type import TensorType

__all__ = ["CumulativeProd", "axis_from_end", "axis_to_end"]


class CumulativeProd(Composite):
    """Running products along an axis: result[i] = x[0] · … · x[i]. Integers wrap around.

    Gradient:
        x: to element k the sum, over the results i that it enters, of ḡ[i] times the product of the other factors of
            result i; never the result divided by the element, so that it is exact with any number of zeros, at any
            order. Without flags it is (∏_{j<k} x[j]) · s[k], where s[k] = ḡ[k] + x[k+1] · s[k+1] and s[n] = 0.
    """

    op: Literal["cumulative_prod"] = "cumulative_prod"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    axis: Axis = Field(description="The axis to multiply along.")
    reverse: StrictBool = Field(default=False, description="Multiply from the end: result[i] = x[i] · … · x[n-1].")
    exclusive: StrictBool = Field(default=False, description="Leave out the element itself: the first product is 1.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        self.axis_of(self.axis, x.rank)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if x.shape[self.axis] == 0:
            return (x,)
        wide = widen(x) if x.dtype.is_floating else x
        lines = axis_to_end(wide, self.axis)
        if self.reverse:
            lines = Flip.of(lines, axis=(-1,))
        if self.exclusive:
            lines = shift_lines(lines, 1, 1.0)
        size = lines.shape[-1]
        products = _doubled(lines, size) if isinstance(size, int) else _masked(lines, size)
        if self.reverse:
            products = Flip.of(products, axis=(-1,))
        return (narrow(axis_from_end(products, self.axis), x.dtype),)


def axis_to_end(x: Value, axis: int) -> Value:
    """One axis moved behind all others."""
    order = _with_axis_last(x.rank, axis)
    return x if order[axis] == axis % x.rank else PermuteDims.of(x, axes=order)


def axis_from_end(x: Value, axis: int) -> Value:
    """What `axis_to_end` did, undone."""
    order = _with_axis_last(x.rank, axis)
    back = tuple(order.index(place) for place in range(x.rank))
    return x if order[axis] == axis % x.rank else PermuteDims.of(x, axes=back)


def _with_axis_last(rank: int, axis: int) -> tuple[int, ...]:
    return (*(place for place in range(rank) if place != axis % rank), axis % rank)


def _doubled(lines: Value, size: int) -> Value:
    """A scan by doubling (Hillis and Steele, "Data parallel algorithms", 1986): log₂ n steps of n products."""
    distance = 1
    while distance < size:
        lines = lines * shift_lines(lines, distance, 1.0)
        distance *= 2
    return lines


def _masked(lines: Value, size: Dim) -> Value:
    """For each of n lines the product of n elements, the i-th of which has 1 in place of those behind element i.

    For a symbolic size the number of steps of a scan is not known.
    """
    row, column = index_grid(lines.editor, size, size)
    repeated = Reshape.of(lines, shape=(*lines.shape[:-1], 1, size))
    one = lines.scalar(1.0 if lines.dtype.is_floating else 1)
    return Prod.of(Where.of(LessEqual.of(column, row), repeated, one), axis=(-1,))
