"""Arithmetic of single numbers, exactly as an executor computes it in a dtype, without an array library.

An operation of IEEE 754 yields the exact result rounded once to nearest, halves to even. Of +, -, ·, / and √ the exact
result rounded to binary64 first and to a narrower dtype then is the same number, because binary64 has more than twice
the digits of each of them, and two (Figueroa, "When is double rounding innocuous?", 1995). What is not certain to be
the same everywhere is not computed: infinities, NaN, overflow, numbers below the normal ones, integers that wrap.
"""

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Round,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import Sqrt

__all__ = ["COMPUTED", "Scalar", "computed", "rounded"]

Scalar: TypeAlias = float | int | bool

_MOST_EXACT_INTEGER = 2**53


def _quotient(a: float, b: float) -> float:
    return a / b if b else math.nan


def _root(a: float) -> float:
    return math.sqrt(a) if a >= 0 else math.nan


def _to_integer(whole: Callable[[float], int]) -> Callable[[float], float]:
    """Rounding to an integer that keeps the sign of a zero."""
    return lambda a: math.copysign(whole(a), a)


_UNARY: dict[type[Op], Callable[[float], float]] = {
    Negative: lambda a: -a,
    Abs: lambda a: abs(a),
    Sqrt: _root,
    Floor: _to_integer(math.floor),
    Ceil: _to_integer(math.ceil),
    Round: _to_integer(round),
}
_BINARY: dict[type[Op], Callable[[float, float], float]] = {
    Add: lambda a, b: a + b,
    Subtract: lambda a, b: a - b,
    Multiply: lambda a, b: a * b,
    Divide: _quotient,
    Maximum: lambda a, b: max(a, b),
    Minimum: lambda a, b: min(a, b),
}
_FRACTIONS: frozenset[type[Op]] = frozenset({Divide, Sqrt, Floor, Ceil, Round})
_COMPARISONS: dict[type[Op], Callable[[float, float], bool]] = {
    Equal: lambda a, b: a == b,
    NotEqual: lambda a, b: a != b,
    Less: lambda a, b: a < b,
    LessEqual: lambda a, b: a <= b,
    Greater: lambda a, b: a > b,
    GreaterEqual: lambda a, b: a >= b,
    LogicalAnd: lambda a, b: bool(a and b),
    LogicalOr: lambda a, b: bool(a or b),
    LogicalXor: lambda a, b: a != b,
}

COMPUTED: tuple[type[Op], ...] = (*_UNARY, *_BINARY, *_COMPARISONS, LogicalNot, Where, Astype)
"""The element-wise ops that `computed` knows."""


def rounded(value: float, dtype: DType) -> float | None:
    """The number of a floating-point dtype that is nearest to `value`, halves to even.

    Returns:
        None where it is not finite, overflows, or is not 0 but below the normal numbers of the dtype.
    """
    if value == 0:
        return value
    if not dtype.smallest_normal <= abs(value) < dtype.overflow:
        return None
    significand, exponent = math.frexp(value)
    digits = 2.0**dtype.precision
    nearest = math.ldexp(round(significand * digits) / digits, exponent)
    if dtype is DType.BFLOAT16 and nearest != value:
        # Libraries round to binary32 on the way, which may make a half of what is none.
        between = rounded(value, DType.FLOAT32)
        if between is None or (between != value and rounded(between, dtype) != nearest):
            return None
    return nearest


def computed(node: Op, values: Sequence[Scalar], operands: Sequence[DType], result: DType) -> Scalar | None:
    """What an element-wise op of `COMPUTED` yields for single numbers.

    Args:
        node: the op.
        values: a number for each operand; a floating-point one is rounded to its dtype first.
        operands: the dtypes of the operands.
        result: the dtype of the result.

    Returns:
        None where the result is not certain to be the same everywhere.
    """
    exact: list[Scalar] = []
    for value, dtype in zip(values, operands, strict=True):
        number = rounded(value, dtype) if dtype.is_floating else value
        if number is None:
            return None
        exact.append(number)
    if isinstance(node, Where):
        return exact[1] if exact[0] else exact[2]
    if isinstance(node, Astype):
        return _converted(exact[0], operands[0], result)
    if isinstance(node, LogicalNot):
        return not exact[0]
    if (compare := _COMPARISONS.get(type(node))) is not None:
        return compare(exact[0], exact[1])
    return _arithmetic(type(node), exact, result)


def _arithmetic(kind: type[Op], values: Sequence[Scalar], result: DType) -> Scalar | None:
    """A number of the dtype `result` from numbers of it."""
    if not result.is_floating and (kind in _FRACTIONS or result is DType.BOOL):
        return None
    value = _BINARY[kind](values[0], values[1]) if kind in _BINARY else _UNARY[kind](values[0])
    if result.is_floating:
        return rounded(value, result)
    low, high = result.integer_range
    return value if low <= value <= high else None


def _converted(value: Scalar, source: DType, result: DType) -> Scalar | None:
    if result is DType.BOOL:
        return value != 0
    if result.is_floating:
        return rounded(float(value), result) if abs(value) <= _MOST_EXACT_INTEGER or source.is_floating else None
    low, high = result.integer_range
    whole = math.trunc(value)
    return whole if low <= whole <= high else None
