"""Reductions over axes, and running totals along one.

`axis` is a list; absent, all axes are reduced. With `keepdims` the reduced axes stay with size 1. Names are those of
the Python array API standard (https://data-apis.org/array-api/latest/).
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Axes, Axis
from asg_schema.dims import Dim
from asg_schema.dtype import DType
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Argmax", "Argmin", "CumulativeSum", "Max", "Min", "Prod", "Reduction", "Sum", "reduced_shape"]


def reduced_shape(shape: tuple[Dim, ...], axes: Sequence[int], keepdims: bool) -> tuple[Dim, ...]:
    """The shape after `axes`, counted from the front, are reduced."""
    if keepdims:
        return tuple(1 if axis in axes else dim for axis, dim in enumerate(shape))
    return tuple(dim for axis, dim in enumerate(shape) if axis not in axes)


class Reduction(Op):
    """The result has the operand's dtype, and its shape without the reduced axes."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    axis: Axes | None = Field(default=None, description="The axes to reduce; absent: all.")
    keepdims: StrictBool = Field(default=False, description="Whether reduced axes stay with size 1.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        axes = self.axes_of(self.axis, x.rank)
        return (TensorType(x.dtype, reduced_shape(x.shape, axes, self.keepdims)),)


class _NonEmptyReduction(Reduction):
    """A reduction that has no value over no elements."""

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        for axis in self.axes_of(self.axis, x.rank):
            _refuse_empty(x, axis)
        return super().infer(operands)


def _refuse_empty(x: TensorType, axis: int) -> None:
    if x.shape[axis] == 0:
        raise RuleError(f"{{0}} has no element along axis {axis}; at least one is needed", operand=0)


class Sum(Reduction):
    """The sum; 0 over no elements. Integers wrap around.

    float16 and bfloat16 are summed in float32 or better, and the sum is rounded once. inf and -inf together, or a NaN,
    yield NaN.

    Gradient:
        x: ḡ, repeated along the reduced axes.
    """

    op: Literal["sum"] = "sum"


class Prod(Reduction):
    """The product; 1 over no elements. Integers wrap around.

    float16 and bfloat16 are multiplied in float32 or better, and the product is rounded once.

    Gradient:
        x: to each element ḡ times the product of all other elements of its group, exact with any number of zeros and at
            any order: never the result divided by the element.
    """

    op: Literal["prod"] = "prod"


class Max(_NonEmptyReduction):
    """The largest element; NaN if one is NaN. Over no elements there is none: an empty axis is refused.

    Of 0 and -0 it may be either.

    Gradient:
        x: ḡ / m where x equals the result, else 0, with m the number of elements of the group that do: ties share
            equally, as by `torch.amax`. A group with NaN gets 0.
    """

    op: Literal["max"] = "max"


class Min(_NonEmptyReduction):
    """The smallest element; NaN if one is NaN. Over no elements there is none: an empty axis is refused.

    Of 0 and -0 it may be either.

    Gradient:
        x: ḡ / m where x equals the result, else 0, with m the number of elements of the group that do: ties share
            equally, as by `torch.amin`. A group with NaN gets 0.
    """

    op: Literal["min"] = "min"


class _ArgReduction(Op):
    """The result is int64."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC, differentiable=False),)
    axis: Axis | None = Field(default=None, description="The axis to search; absent: the flattened operand.")
    keepdims: StrictBool = Field(default=False, description="Whether the searched axis stays with size 1.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        axes = self.axes_of(None if self.axis is None else (self.axis,), x.rank)
        for axis in axes:
            _refuse_empty(x, axis)
        return (TensorType(DType.INT64, reduced_shape(x.shape, axes, self.keepdims)),)


class Argmax(_ArgReduction):
    """The index of the first largest element, int64; the first NaN counts as the largest.

    Without `axis` it is the row-major index into all elements. An empty axis is refused.
    """

    op: Literal["argmax"] = "argmax"


class Argmin(_ArgReduction):
    """The index of the first smallest element, int64; the first NaN counts as the smallest.

    Without `axis` it is the row-major index into all elements. An empty axis is refused.
    """

    op: Literal["argmin"] = "argmin"


class CumulativeSum(Op):
    """Running totals along an axis: result[i] = x[0] + … + x[i].

    With `exclusive` it is x[0] + … + x[i-1], with `reverse` x[i] + … + x[n-1], with both x[i+1] + … + x[n-1]; an empty
    sum is 0. The result has the operand's type; integers wrap around, and float16 and bfloat16 are summed in float32 or
    better and rounded once.

    Gradient:
        x: cumulative_sum(ḡ) along the same axis, with `reverse` negated and the same `exclusive`.
    """

    op: Literal["cumulative_sum"] = "cumulative_sum"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    axis: Axis = Field(description="The axis to sum along.")
    reverse: StrictBool = Field(default=False, description="Sum from the end: result[i] = x[i] + … + x[n-1].")
    exclusive: StrictBool = Field(default=False, description="Leave out the element itself: the first total is 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        self.axis_of(self.axis, x.rank)
        return (x,)
