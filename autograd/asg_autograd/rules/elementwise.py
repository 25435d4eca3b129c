"""Gradient rules of element-wise arithmetic.

The derivatives are those of the standard tables (https://dlmf.nist.gov/4); at edges they are what the ops' docstrings
say.
"""

import math

from asg_autograd.rules.axes import is_constant
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.editing import Value
from asg_schema.ops.comparison import Equal, Greater, GreaterEqual, IsFinite, Less, LogicalAnd, LogicalNot
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

__all__ = ["finite_log", "power_by_base", "share"]


@rules.define(Negative)
def _negative(op: Negative, at: Application) -> Cotangents:
    return (-at.g,)


@rules.define(Abs)
def _abs(op: Abs, at: Application) -> Cotangents:
    return (at.g * Sign.of(at.x),)


@rules.define(Sign)
def _sign(op: Sign, at: Application) -> Cotangents:
    return (None,)


@rules.define(Floor)
def _floor(op: Floor, at: Application) -> Cotangents:
    return (None,)


@rules.define(Ceil)
def _ceil(op: Ceil, at: Application) -> Cotangents:
    return (None,)


@rules.define(Round)
def _round(op: Round, at: Application) -> Cotangents:
    return (None,)


@rules.define(Exp)
def _exp(op: Exp, at: Application) -> Cotangents:
    return (at.g * at.y,)


@rules.define(Expm1)
def _expm1(op: Expm1, at: Application) -> Cotangents:
    # y + 1 would have no correct digit where x is far below 0.
    return (at.g * Exp.of(at.x),)


@rules.define(Log)
def _log(op: Log, at: Application) -> Cotangents:
    return (at.g / at.x,)


@rules.define(Log1p)
def _log1p(op: Log1p, at: Application) -> Cotangents:
    return (at.g / (at.x + 1.0),)


@rules.define(Sqrt)
def _sqrt(op: Sqrt, at: Application) -> Cotangents:
    return (at.g / (at.y * 2.0),)


@rules.define(Rsqrt)
def _rsqrt(op: Rsqrt, at: Application) -> Cotangents:
    return (at.g * (at.y / at.x * -0.5),)


@rules.define(Sin)
def _sin(op: Sin, at: Application) -> Cotangents:
    return (at.g * Cos.of(at.x),)


@rules.define(Cos)
def _cos(op: Cos, at: Application) -> Cotangents:
    return (-(at.g * Sin.of(at.x)),)


@rules.define(Tan)
def _tan(op: Tan, at: Application) -> Cotangents:
    return (at.g * (at.y * at.y + 1.0),)


@rules.define(Asin)
def _asin(op: Asin, at: Application) -> Cotangents:
    return (at.g * Rsqrt.of(_one_minus_square(at.x)),)


@rules.define(Acos)
def _acos(op: Acos, at: Application) -> Cotangents:
    return (-(at.g * Rsqrt.of(_one_minus_square(at.x))),)


@rules.define(Atan)
def _atan(op: Atan, at: Application) -> Cotangents:
    return (at.g / (at.x * at.x + 1.0),)


@rules.define(Sinh)
def _sinh(op: Sinh, at: Application) -> Cotangents:
    return (at.g * Cosh.of(at.x),)


@rules.define(Cosh)
def _cosh(op: Cosh, at: Application) -> Cotangents:
    return (at.g * Sinh.of(at.x),)


@rules.define(Tanh)
def _tanh(op: Tanh, at: Application) -> Cotangents:
    return (at.g * (1.0 - at.y * at.y),)


@rules.define(Asinh)
def _asinh(op: Asinh, at: Application) -> Cotangents:
    return (at.g * Rsqrt.of(at.x * at.x + 1.0),)


@rules.define(Acosh)
def _acosh(op: Acosh, at: Application) -> Cotangents:
    return (at.g * (Rsqrt.of(at.x - 1.0) * Rsqrt.of(at.x + 1.0)),)


@rules.define(Atanh)
def _atanh(op: Atanh, at: Application) -> Cotangents:
    return (at.g / _one_minus_square(at.x),)


def _one_minus_square(x: Value) -> Value:
    """1 - x², without the cancellation that squaring first would bring near ±1."""
    return (1.0 - x) * (x + 1.0)


@rules.define(Erf)
def _erf(op: Erf, at: Application) -> Cotangents:
    return (at.g * (Exp.of(-(at.x * at.x)) * (2.0 / math.sqrt(math.pi))),)


@rules.define(Erfinv)
def _erfinv(op: Erfinv, at: Application) -> Cotangents:
    return (at.g * (Exp.of(at.y * at.y) * (math.sqrt(math.pi) / 2.0)),)


@rules.define(Sigmoid)
def _sigmoid(op: Sigmoid, at: Application) -> Cotangents:
    return (at.g * (at.y * (1.0 - at.y)),)


@rules.define(Lgamma)
def _lgamma(op: Lgamma, at: Application) -> Cotangents:
    return (at.g * Digamma.of(at.x),)


@rules.define(Digamma)
def _digamma(op: Digamma, at: Application) -> Cotangents:
    return (at.g * Polygamma.of(at.x, n=1),)


@rules.define(Polygamma)
def _polygamma(op: Polygamma, at: Application) -> Cotangents:
    return (at.g * Polygamma.of(at.x, n=op.n + 1),)


@rules.define(Add)
def _add(op: Add, at: Application) -> Cotangents:
    return at.g, at.g


@rules.define(Subtract)
def _subtract(op: Subtract, at: Application) -> Cotangents:
    return at.g, -at.g


@rules.define(Multiply)
def _multiply(op: Multiply, at: Application) -> Cotangents:
    a, b = at.operands
    if a.id != b.id:
        return at.g * b, at.g * a
    if is_constant(at.g):  # where it is 1, this is x + x
        return at.g * a + at.g * a, None
    return (at.g + at.g) * a, None  # ḡ may be a single number


@rules.define(Divide)
def _divide(op: Divide, at: Application) -> Cotangents:
    _, b = at.operands
    scaled = at.g / b
    return scaled, -(scaled * at.y)


@rules.define(Pow)
def _pow(op: Pow, at: Application) -> Cotangents:
    base, exponent = at.operands
    return at.g * power_by_base(base, exponent), at.g * (at.y * finite_log(base, exponent))


def power_by_base(base: Value, exponent: Value) -> Value:
    """The derivative exponent · base ** (exponent - 1), which is 0 where the exponent is 0, whatever the base."""
    # 0 · pow(0, -1) would be NaN. Only there another base is put in, so that derivatives of higher order stay right
    # elsewhere. With a constant exponent all of this is folded away.
    unbounded = LogicalNot.of(IsFinite.of(base ** (exponent - 1.0)))
    masked = LogicalAnd.of(Equal.of(exponent, exponent.scalar(0.0)), unbounded)
    base = Where.of(masked, base.scalar(1.0), base)
    return exponent * base ** (exponent - 1.0)


def finite_log(base: Value, exponent: Value) -> Value:
    """log(base), but 0 where the base is 0 and the exponent is not negative."""
    zero = base.scalar(0.0)
    flat = LogicalAnd.of(Equal.of(base, zero), GreaterEqual.of(exponent, zero))
    return Log.of(Where.of(flat, base.scalar(1.0), base))


@rules.define(Maximum)
def _maximum(op: Maximum, at: Application) -> Cotangents:
    a, b = at.operands
    return share(at.g, Greater.of(a, b), Equal.of(a, b)), share(at.g, Less.of(a, b), Equal.of(a, b))


@rules.define(Minimum)
def _minimum(op: Minimum, at: Application) -> Cotangents:
    a, b = at.operands
    return share(at.g, Less.of(a, b), Equal.of(a, b)), share(at.g, Greater.of(a, b), Equal.of(a, b))


def share(g: Value, won: Value, tied: Value) -> Value:
    """All of g where the operand was chosen, half of it where both were, else 0."""
    return Where.of(won, g, Where.of(tied, g * 0.5, g.scalar(0.0)))


@rules.define(Atan2)
def _atan2(op: Atan2, at: Application) -> Cotangents:
    a, b = at.operands
    origin = LogicalAnd.of(Equal.of(a, a.scalar(0.0)), Equal.of(b, b.scalar(0.0)))
    # There the division would yield NaN.
    scaled = at.g / Where.of(origin, a.scalar(1.0), a * a + b * b)
    return scaled * b, -(scaled * a)


@rules.define(Remainder)
def _remainder(op: Remainder, at: Application) -> Cotangents:
    a, b = at.operands
    return at.g, -(at.g * Floor.of(a / b))


@rules.define(Where)
def _where(op: Where, at: Application) -> Cotangents:
    condition = at.x
    zero = at.g.scalar(0.0)
    return None, Where.of(condition, at.g, zero), Where.of(condition, zero, at.g)


@rules.define(Astype)
def _astype(op: Astype, at: Application) -> Cotangents:
    return (Astype.of(at.g, dtype=at.x.dtype),)
