"""Sorting along an axis.

The order is that of `torch.sort`: numbers by size, -0 and 0 equal, and a NaN, whatever its sign, larger than all of
them and equal to every other NaN.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Axis
from asg_schema.dtype import DType
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Argsort", "Sort"]


class _Ordering(Op):
    """The result has the operand's shape."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    axis: Axis = Field(default=-1, description="The axis to sort along.")
    descending: StrictBool = Field(default=False, description="Whether the largest element comes first.")
    stable: StrictBool = Field(
        default=True,
        description="Whether equal elements stay in the order in which x has them, in a descending order too; otherwise"
        " their order is the executor's choice.",
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        self.axis_of(self.axis, x.rank)
        return (x,)


class Sort(_Ordering):
    """The elements of each line along `axis` in ascending order, or in a descending one.

    NaN counts as the largest. result = take_along_axis(x, argsort(x)) with the same attributes for both.

    Gradient:
        x: scatter_add_along_axis(zeros of the shape of x, argsort(x), ḡ, axis): each element of ḡ goes back to the
            element of x that stands there; among equal elements, to the one that `argsort` names.
    """

    op: Literal["sort"] = "sort"


class Argsort(_Ordering):
    """The indices that sort each line along `axis`: int64, from 0 to n-1. NaN counts as the largest.

    With `stable` the permutation is the only one that keeps equal elements in their order; a descending one is not an
    ascending one turned round.
    """

    op: Literal["argsort"] = "argsort"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC, differentiable=False),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = super().infer(operands)
        return (TensorType(DType.INT64, x.shape),)
