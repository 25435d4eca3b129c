"""Comparisons, tests and logic: the results are bool, and nothing is differentiable.

Names and special cases are those of the Python array API standard (https://data-apis.org/array-api/latest/).
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.dtype import DType
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = [
    "Equal",
    "Greater",
    "GreaterEqual",
    "IsFinite",
    "IsInf",
    "IsNan",
    "Less",
    "LessEqual",
    "LogicalAnd",
    "LogicalNot",
    "LogicalOr",
    "LogicalXor",
    "NotEqual",
]


class _Comparison(Op):
    """The result is bool, of the broadcast shape of the operands."""

    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x1", DTypeGroup.NUMERIC, differentiable=False),
        Operand("x2", DTypeGroup.NUMERIC, differentiable=False),
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(DType.BOOL, broadcast_shapes([operand.shape for operand in operands])),)


class _Equality(_Comparison):
    """The result is bool, of the broadcast shape of the operands, which may have any dtype."""

    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x1", DTypeGroup.ANY, differentiable=False),
        Operand("x2", DTypeGroup.ANY, differentiable=False),
    )


class _Logic(_Comparison):
    """The result is bool, of the broadcast shape of the operands."""

    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x1", DTypeGroup.BOOL, differentiable=False),
        Operand("x2", DTypeGroup.BOOL, differentiable=False),
    )


class _Test(Op):
    """The result is bool, of the operand's shape."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", differentiable=False),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(DType.BOOL, operands[0].shape),)


class Equal(_Equality):
    """x1 = x2; NaN equals nothing, itself included, and 0 equals -0."""

    op: Literal["equal"] = "equal"


class NotEqual(_Equality):
    """x1 ≠ x2: the negation of `equal`; NaN differs from everything, itself included."""

    op: Literal["not_equal"] = "not_equal"


class Less(_Comparison):
    """x1 < x2; false where either is NaN; -0 is not less than 0."""

    op: Literal["less"] = "less"


class LessEqual(_Comparison):
    """x1 ≤ x2; false where either is NaN; 0 and -0 are equal."""

    op: Literal["less_equal"] = "less_equal"


class Greater(_Comparison):
    """x1 > x2; false where either is NaN; 0 is not greater than -0."""

    op: Literal["greater"] = "greater"


class GreaterEqual(_Comparison):
    """x1 ≥ x2; false where either is NaN; 0 and -0 are equal."""

    op: Literal["greater_equal"] = "greater_equal"


class IsNan(_Test):
    """Whether x is NaN."""

    op: Literal["isnan"] = "isnan"


class IsInf(_Test):
    """Whether x is inf or -inf."""

    op: Literal["isinf"] = "isinf"


class IsFinite(_Test):
    """Whether x is neither NaN nor infinite."""

    op: Literal["isfinite"] = "isfinite"


class LogicalAnd(_Logic):
    """Whether both hold."""

    op: Literal["logical_and"] = "logical_and"


class LogicalOr(_Logic):
    """Whether at least one holds."""

    op: Literal["logical_or"] = "logical_or"


class LogicalXor(_Logic):
    """Whether exactly one holds."""

    op: Literal["logical_xor"] = "logical_xor"


class LogicalNot(_Test):
    """Whether x does not hold."""

    op: Literal["logical_not"] = "logical_not"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.BOOL, differentiable=False),)
