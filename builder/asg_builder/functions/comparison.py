"""Comparisons, tests and logic. Results are bool, and nothing is differentiable.

A function of two broadcasts its operands; a Python number or NumPy array beside a tensor takes the tensor's dtype.
"""

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)

__all__ = [
    "equal",
    "greater",
    "greater_equal",
    "isfinite",
    "isinf",
    "isnan",
    "less",
    "less_equal",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "not_equal",
]


def equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 = x2, of any dtype; NaN equals nothing."""
    return apply(Equal, x1, x2)


def not_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 ≠ x2, of any dtype; NaN differs from everything."""
    return apply(NotEqual, x1, x2)


def less(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 < x2, of any number dtype."""
    return apply(Less, x1, x2)


def less_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 ≤ x2, of any number dtype."""
    return apply(LessEqual, x1, x2)


def greater(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 > x2, of any number dtype."""
    return apply(Greater, x1, x2)


def greater_equal(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether x1 ≥ x2, of any number dtype."""
    return apply(GreaterEqual, x1, x2)


def isnan(x: Tensor, /) -> Tensor:
    """Whether a float is NaN."""
    return apply(IsNan, x)


def isinf(x: Tensor, /) -> Tensor:
    """Whether a float is inf or -inf."""
    return apply(IsInf, x)


def isfinite(x: Tensor, /) -> Tensor:
    """Whether a float is neither NaN nor infinite."""
    return apply(IsFinite, x)


def logical_and(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether both hold; bool operands."""
    return apply(LogicalAnd, x1, x2)


def logical_or(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether at least one holds; bool operands."""
    return apply(LogicalOr, x1, x2)


def logical_xor(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """Whether exactly one holds; bool operands."""
    return apply(LogicalXor, x1, x2)


def logical_not(x: Tensor, /) -> Tensor:
    """Whether x does not hold; a bool operand."""
    return apply(LogicalNot, x)
