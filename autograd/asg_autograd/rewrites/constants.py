"""Rewrites of what is computed from constants alone."""

import math
import operator
from collections.abc import Callable

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    LogicalAnd,
    NotEqual,
)
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import (
    Add,
    Astype,
    Divide,
    Multiply,
    Negative,
    Subtract,
)
from asg_schema.ops.layout import BroadcastTo, PermuteDims, Reshape

__all__: list[str] = []


_ARITHMETIC: dict[type[Op], Callable[[float, float], float]] = {
    Add: operator.add,
    Subtract: operator.sub,
    Multiply: operator.mul,
    Divide: lambda a, b: a / b,
}
_COMPARISON: dict[type[Op], Callable[[float, float], bool]] = {
    Equal: operator.eq,
    NotEqual: operator.ne,
    Less: operator.lt,
    LessEqual: operator.le,
    Greater: operator.gt,
    GreaterEqual: operator.ge,
}


def _floating_constants(at: Candidate) -> list[float] | None:
    """The finite numbers that all operands are, if they are floating-point constants."""
    values: list[float] = []
    for operand in at.operands:
        value = at.constant(operand)
        if value is None or not operand.dtype.is_floating or not math.isfinite(value):
            return None
        values.append(value)
    return values


@rewrite(*_ARITHMETIC, of=(Full,))
def constant_arithmetic(node: Op, at: Candidate) -> Value | None:
    """What constants yield is constant.

    Requires finite floating-point constants and a result that does not overflow. It is computed in double precision:
    rounded to the dtype once, it is as accurate as after rounding at each step, or more.
    """
    constants = _floating_constants(at)
    if constants is None or (type(node) is Divide and constants[1] == 0):
        return None
    a, b = constants
    value = _ARITHMETIC[type(node)](a, b)
    return at.fill(value) if abs(value) < at.result.dtype.overflow else None


@rewrite(*_COMPARISON, of=(Full,))
def constant_comparison(node: Op, at: Candidate) -> Value | None:
    """Whether a comparison of constants holds is known.

    Requires integral floating-point constants of at most 256: they are exact in every dtype, where others could be
    equal after rounding.
    """
    constants = _floating_constants(at)
    if constants is None or not all(map(_exact_everywhere, constants)):
        return None
    a, b = constants
    return at.fill(_COMPARISON[type(node)](a, b))


def _exact_everywhere(value: float) -> bool:
    return abs(value) <= 256 and value == int(value)


@rewrite(Negative, of=(Full,))
def constant_negative(node: Negative, at: Candidate) -> Value | None:
    """The negative of a floating-point constant is constant."""
    constants = _floating_constants(at)
    return at.fill(-constants[0]) if constants else None


@rewrite(Astype, of=(Full,))
def constant_conversion(node: Astype, at: Candidate) -> Value | None:
    """A floating-point constant in another floating-point dtype is constant. Requires that both hold it exactly."""
    constants = _floating_constants(at)
    if constants and at.result.dtype.is_floating and _exact_everywhere(constants[0]):
        return at.fill(constants[0])
    return None


@rewrite(Reshape, BroadcastTo, PermuteDims, of=(Full,))
def constant_layout(node: Reshape | BroadcastTo | PermuteDims, at: Candidate) -> Value | None:
    """A constant of another shape is constant."""
    value = at.constant(at.x)
    return None if value is None else at.fill(value)


@rewrite(LogicalAnd, of=(Full,))
def and_constant(node: LogicalAnd, at: Candidate) -> Value | None:
    """Rewrite x ∧ true as x, which requires that x has the type of the result, and x ∧ false as false."""
    for x, other in (at.operands, at.operands[::-1]):
        value = at.constant(other)
        if value is False:
            return at.fill(False)
        if value is True and x.type == at.result:
            return x
    return None
