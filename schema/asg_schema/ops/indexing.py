"""Gathers and scatters, in pairs that are each other's adjoint.

Indices lie in [-n, n) along an axis of size n; negative ones count from the end. An index outside is an error at run
time that names the node: nothing is clamped or dropped in silence.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["IndexAdd", "ScatterAddAlongAxis", "Take", "TakeAlongAxis"]

_INDICES = Operand("indices", DTypeGroup.INDEX, variable="I", differentiable=False)


class Take(Op):
    """The slices of x along `axis` that `indices` name: result[…, i…, …] = x[…, indices[i…], …].

    The result has the dtype of x and its shape with the axis replaced by the axes of `indices`, which may have any
    rank: with rank 0 the axis is gone.

    Gradient:
        x: index_add(zeros of the shape of x, indices, ḡ, axis): repeated indices add up.
    """

    op: Literal["take"] = "take"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY), _INDICES)
    axis: Axis = Field(default=0, description="The axis to take from.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = operands
        axis = self.axis_of(self.axis, x.rank)
        return (TensorType(x.dtype, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])),)


class IndexAdd(Op):
    """x with slices of `source` added along `axis` where `indices` say: the adjoint of `take`.

    result = x; result[…, indices[i…], …] += source[…, i…, …]. Repeated indices add up; integers wrap around. `source`
    has the dtype of x and its shape with the axis replaced by the axes of `indices`; the result has the type of x.

    Gradient:
        x: ḡ.
        source: take(ḡ, indices, axis).
    """

    op: Literal["index_add"] = "index_add"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.NUMERIC),
        _INDICES,
        Operand("source", DTypeGroup.NUMERIC),
    )
    axis: Axis = Field(default=0, description="The axis of x to add along.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices, source = operands
        axis = self.axis_of(self.axis, x.rank)
        expected = TensorType(x.dtype, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))
        if source != expected:
            raise RuleError(f"{{2}} is the source for {{0}} and {{1}}; {expected} is needed there", operand=2)
        return (x,)


def _check_along_axis(op: Op, x: TensorType, indices: TensorType, axis: int) -> None:
    if indices.rank != x.rank:
        raise RuleError("{1} must have as many axes as {0}", operand=1)
    axis = op.axis_of(axis, x.rank)
    for i, (a, b) in enumerate(zip(indices.shape, x.shape, strict=True)):
        if i != axis and a != b:
            raise RuleError(f"{{1}} differs from {{0}} in axis {i}; only axis {axis} may differ", operand=1)


class TakeAlongAxis(Op):
    """For each place of `indices` the element of x at that index along `axis`, all other indices alike.

    result[i, j, k] = x[i, indices[i, j, k], k] for axis 1. The operands have equally many axes, and equal sizes on all
    but this one: nothing broadcasts. The result has the dtype of x and the shape of `indices`.

    Gradient:
        x: scatter_add_along_axis(zeros of the shape of x, indices, ḡ, axis): repeated indices add up.
    """

    op: Literal["take_along_axis"] = "take_along_axis"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY), _INDICES)
    axis: Axis = Field(default=-1, description="The axis to take from.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = operands
        _check_along_axis(self, x, indices, self.axis)
        return (TensorType(x.dtype, indices.shape),)


class ScatterAddAlongAxis(Op):
    """x with elements of `source` added along `axis` where `indices` say: the adjoint of `take_along_axis`.

    result = x; result[i, indices[i, j, k], k] += source[i, j, k] for axis 1. Repeated indices add up; integers wrap
    around. `indices` and `source` have one shape, which differs from that of x along `axis` alone; the result has the
    type of x.

    Gradient:
        x: ḡ.
        source: take_along_axis(ḡ, indices, axis).
    """

    op: Literal["scatter_add_along_axis"] = "scatter_add_along_axis"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.NUMERIC),
        _INDICES,
        Operand("source", DTypeGroup.NUMERIC),
    )
    axis: Axis = Field(default=-1, description="The axis of x to add along.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices, source = operands
        _check_along_axis(self, x, indices, self.axis)
        if source.shape != indices.shape:
            raise RuleError("{2} must have the shape of {1}", operand=2)
        return (x,)
