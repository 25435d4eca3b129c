"""Gradient rules of more activations. Those without one are differentiated by an expansion that is as short.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.elementwise import Clip, Softplus
from asg_schema.composites.elementwise_activations import (
    MISH_BOUND,
    Celu,
    Elu,
    Glu,
    Hardswish,
    LogSigmoid,
    Mish,
    Prelu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Greater, GreaterEqual, LessEqual
from asg_schema.ops.elementwise import Abs, Where
from asg_schema.ops.elementwise_functions import Exp, Sigmoid, Tanh
from asg_schema.ops.layout import Concat
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


def _times(slope: Value, at: Application) -> Cotangents:
    """The cotangent times a slope of at least single precision."""
    return (narrow(widen(at.g) * slope, at.x.dtype),)


@rules.define(Elu)
def _elu(op: Elu, at: Application) -> Cotangents:
    x = widen(at.x)
    zero = x.scalar(0.0)
    negative = LessEqual.of(x, zero)
    return _times(Where.of(negative, Exp.of(Where.of(negative, x, zero)) * op.alpha, x.scalar(1.0)), at)


@rules.define(Celu)
def _celu(op: Celu, at: Application) -> Cotangents:
    x = widen(at.x)
    zero = x.scalar(0.0)
    # Right of 0 it is exp(0).
    return _times(Exp.of(Where.of(LessEqual.of(x, zero), x, zero) / op.alpha), at)


@rules.define(Hardswish)
def _hardswish(op: Hardswish, at: Application) -> Cotangents:
    x, g = widen(at.x), widen(at.g)
    upper = Where.of(GreaterEqual.of(x, x.scalar(3.0)), g, g * (x / 3.0 + 0.5))
    return (narrow(Where.of(LessEqual.of(x, x.scalar(-3.0)), x.scalar(0.0), upper), at.x.dtype),)


@rules.define(Mish)
def _mish(op: Mish, at: Application) -> Cotangents:
    x = widen(at.x)
    curve = Tanh.of(Softplus.of(x))
    # Bounded, because inf · 0 would be NaN; beyond the bounds one of the other factors is 0.
    bounded = Clip.of(x, min=-MISH_BOUND, max=MISH_BOUND)
    return _times(curve + bounded * (1.0 - curve * curve) * Sigmoid.of(x), at)


@rules.define(Softsign)
def _softsign(op: Softsign, at: Application) -> Cotangents:
    x = widen(at.x)
    part = 1.0 / (Abs.of(x) + 1.0)
    return _times(part * part, at)


@rules.define(LogSigmoid)
def _log_sigmoid(op: LogSigmoid, at: Application) -> Cotangents:
    return _times(Sigmoid.of(-widen(at.x)), at)


@rules.define(Tanhshrink)
def _tanhshrink(op: Tanhshrink, at: Application) -> Cotangents:
    curve = Tanh.of(widen(at.x))
    return _times(curve * curve, at)


@rules.define(Softshrink)
def _softshrink(op: Softshrink, at: Application) -> Cotangents:
    x, g = widen(at.x), widen(at.g)
    flat = LessEqual.of(Abs.of(x), x.scalar(op.lambd))
    return (narrow(Where.of(flat, g.scalar(0.0), g), at.x.dtype),)


@rules.define(Prelu)
def _prelu(op: Prelu, at: Application) -> Cotangents:
    x, weight, g = at.x, at.operands[1], at.g
    positive = Greater.of(x, x.scalar(0.0))
    by_x = Where.of(positive, g, g * op.factor(weight, x.rank))
    # Chosen after the product: x may be infinite where it does not count.
    products = widen(g) * widen(x)
    products = Where.of(positive, products.scalar(0.0), products)
    channels = 1 if weight.rank == 1 and weight.shape != (1,) else None
    by_weight = Sum.of(products, axis=tuple(axis for axis in range(x.rank) if axis != channels))
    return by_x, narrow(by_weight, weight.dtype)


@rules.define(Glu)
def _glu(op: Glu, at: Application) -> Cotangents:
    values, gates = op.halves(widen(at.x))
    g, open_part = widen(at.g), Sigmoid.of(gates)
    by_values = g * open_part
    joined = Concat.of(by_values, by_values * values * (1.0 - open_part), axis=op.axis)
    return (narrow(joined, at.x.dtype),)
