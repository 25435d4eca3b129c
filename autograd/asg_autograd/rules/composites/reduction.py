"""Gradient rules of statistics, normalisation, and the functions that share the shifted exponential.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

import math

from asg_autograd.rules.axes import count, restore_axes, softmax_cotangent, sum_of_products
from asg_autograd.rules.standardization import standardization_cotangent
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Maximum, Where
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


@rules.define(Mean)
def _mean(op: Mean, at: Application) -> Cotangents:
    g = widen(at.g)
    share = g / count(at.x, op.axes_of(op.axis, at.x.rank), g.dtype)
    return (narrow(restore_axes(share, op, at.x), at.x.dtype),)


@rules.define(Var)
def _var(op: Var, at: Application) -> Cotangents:
    x, g = widen(at.x), widen(at.g)
    deviation = x - Mean.of(x, axis=op.axis, keepdims=True)
    divisor = count(at.x, op.axes_of(op.axis, x.rank), x.dtype)
    if op.correction:
        divisor = Maximum.of(divisor - op.correction, divisor.scalar(0.0))
    return (narrow(restore_axes(g * 2.0 / divisor, op, x) * deviation, at.x.dtype),)


@rules.define(Logsumexp)
def _logsumexp(op: Logsumexp, at: Application) -> Cotangents:
    x, y = widen(at.x), widen(at.y)
    # Where all elements are -inf, x - y would be NaN; with 0 for y the derivative is 0, as masked elements have it.
    shift = Where.of(Equal.of(y, y.scalar(-math.inf)), y.scalar(0.0), y)
    softmax = Exp.of(x - restore_axes(shift, op, x))
    return (narrow(restore_axes(widen(at.g), op, x) * softmax, at.x.dtype),)


@rules.define(Softmax)
def _softmax(op: Softmax, at: Application) -> Cotangents:
    y, g = widen(at.y), widen(at.g)
    return (narrow(softmax_cotangent(y, g, op.axis), at.x.dtype),)


@rules.define(LogSoftmax)
def _log_softmax(op: LogSoftmax, at: Application) -> Cotangents:
    y, g = widen(at.y), widen(at.g)
    return (narrow(g - Exp.of(y) * Sum.of(g, axis=(op.axis,), keepdims=True), at.x.dtype),)


@rules.define(LayerNorm)
def _layer_norm(op: LayerNorm, at: Application) -> Cotangents:
    x, *affine = map(widen, at.operands)
    g, axes = widen(at.g), tuple(range(-len(op.normalized_shape), 0))
    normalized = LayerNorm.of(x, normalized_shape=op.normalized_shape, eps=op.eps)
    weighted = g * affine[0] if affine else g
    kept = range(x.rank - len(axes), x.rank)
    cotangents = (
        standardization_cotangent(x, normalized, weighted, axes, op.eps),
        sum_of_products(g, normalized, kept),
        g,
    )
    return tuple(narrow(cotangent, operand.dtype) for cotangent, operand in zip(cotangents, at.operands, strict=False))
