"""Tangent rules of element-wise arithmetic. At edges they agree with the gradient rules."""

from asg_autograd.rules.elementwise import finite_log, power_by_base, share
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear, symmetric, times, unmoved
from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.comparison import Equal, Greater, Less, LogicalAnd
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
    Pow,
    Remainder,
    Round,
    Sign,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Digamma,
    Erf,
    Erfinv,
    Exp,
    Expm1,
    Lgamma,
    Log,
    Log1p,
    Polygamma,
    Rsqrt,
    Sigmoid,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)

__all__: list[str] = []

_FUNCTIONS: tuple[type[Op], ...] = (
    *(Abs, Exp, Expm1, Log, Log1p, Sqrt, Rsqrt, Sigmoid, Erf, Erfinv, Lgamma, Digamma, Polygamma),
    *(Sin, Cos, Tan, Asin, Acos, Atan, Sinh, Cosh, Tanh, Asinh, Acosh, Atanh),
)
for _function in _FUNCTIONS:
    tangents.define(_function)(symmetric)

_STEPS: tuple[type[Op], ...] = (Sign, Floor, Ceil, Round)
for _step in _STEPS:
    tangents.define(_step)(unmoved)

_LINEAR: tuple[type[Op], ...] = (Negative, Astype)
for _linear in _LINEAR:
    tangents.define(_linear)(multilinear)


@tangents.define(Add)
def _add(op: Add, at: Perturbation) -> Tangents:
    return (total(*at.tangents),)


@tangents.define(Subtract)
def _subtract(op: Subtract, at: Perturbation) -> Tangents:
    a_moves, b_moves = at.tangents
    return (total(a_moves, None if b_moves is None else -b_moves),)


@tangents.define(Multiply)
def _multiply(op: Multiply, at: Perturbation) -> Tangents:
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    return (total(times(a_moves, b), times(b_moves, a)),)  # the terms of a square are one node


@tangents.define(Divide)
def _divide(op: Divide, at: Perturbation) -> Tangents:
    (_, b), (a_moves, b_moves) = at.operands, at.tangents
    numerator = total(a_moves, times(b_moves, -at.y))
    return (None if numerator is None else numerator / b,)


@tangents.define(Pow)
def _pow(op: Pow, at: Perturbation) -> Tangents:
    (base, exponent), (base_moves, exponent_moves) = at.operands, at.tangents
    by_base = None if base_moves is None else base_moves * power_by_base(base, exponent)
    by_exponent = None if exponent_moves is None else exponent_moves * (at.y * finite_log(base, exponent))
    return (total(by_base, by_exponent),)


@tangents.define(Maximum)
def _maximum(op: Maximum, at: Perturbation) -> Tangents:
    return (_chosen(at, Greater, Less),)


@tangents.define(Minimum)
def _minimum(op: Minimum, at: Perturbation) -> Tangents:
    return (_chosen(at, Less, Greater),)


def _chosen(at: Perturbation, first: type[Greater | Less], second: type[Greater | Less]) -> Value | None:
    """The tangent of the operand that was chosen, the mean of both where they are equal, and 0 where one is NaN."""
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    by_a = None if a_moves is None else share(a_moves, first.of(a, b), Equal.of(a, b))
    by_b = None if b_moves is None else share(b_moves, second.of(a, b), Equal.of(a, b))
    return total(by_a, by_b)


@tangents.define(Atan2)
def _atan2(op: Atan2, at: Perturbation) -> Tangents:
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    numerator = total(times(a_moves, b), times(b_moves, -a))
    origin = LogicalAnd.of(Equal.of(a, a.scalar(0.0)), Equal.of(b, b.scalar(0.0)))
    # There the division would yield NaN.
    square = Where.of(origin, a.scalar(1.0), a * a + b * b)
    return (None if numerator is None else numerator / square,)


@tangents.define(Remainder)
def _remainder(op: Remainder, at: Perturbation) -> Tangents:
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    return (total(a_moves, None if b_moves is None else -(b_moves * Floor.of(a / b))),)


@tangents.define(Where)
def _where(op: Where, at: Perturbation) -> Tangents:
    condition, a, _ = at.operands
    moved = (a.scalar(0.0) if tangent is None else tangent for tangent in at.tangents[1:])
    return (Where.of(condition, *moved),)
