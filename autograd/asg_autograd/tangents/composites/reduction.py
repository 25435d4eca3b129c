"""Tangent rules of statistics, normalisation, and the functions that share the shifted exponential.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

import math

from asg_autograd.rules.axes import count, restore_axes
from asg_autograd.rules.standardization import standardization_cotangent
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear, symmetric
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Maximum, Where
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.reduction import Sum

__all__: list[str] = []

tangents.define(Mean)(multilinear)
tangents.define(Softmax)(symmetric)


@tangents.define(Var)
def _var(op: Var, at: Perturbation) -> Tangents:
    x, t = widen(at.x), widen(at.t)
    deviation = x - Mean.of(x, axis=op.axis, keepdims=True)
    divisor = count(at.x, op.axes_of(op.axis, x.rank), x.dtype)
    if op.correction:
        divisor = Maximum.of(divisor - op.correction, divisor.scalar(0.0))
    return (narrow(Sum.of(deviation * t, axis=op.axis, keepdims=op.keepdims) * 2.0 / divisor, at.x.dtype),)


@tangents.define(Logsumexp)
def _logsumexp(op: Logsumexp, at: Perturbation) -> Tangents:
    x, y = widen(at.x), widen(at.y)
    # Where all elements are -inf, x - y would be NaN; with 0 for y the derivative is 0, as masked elements have it.
    shift = Where.of(Equal.of(y, y.scalar(-math.inf)), y.scalar(0.0), y)
    softmax = Exp.of(x - restore_axes(shift, op, x))
    return (narrow(Sum.of(softmax * widen(at.t), axis=op.axis, keepdims=op.keepdims), at.x.dtype),)


@tangents.define(LogSoftmax)
def _log_softmax(op: LogSoftmax, at: Perturbation) -> Tangents:
    y, t = widen(at.y), widen(at.t)
    return (narrow(t - Sum.of(Exp.of(y) * t, axis=(op.axis,), keepdims=True), at.x.dtype),)


@tangents.define(LayerNorm)
def _layer_norm(op: LayerNorm, at: Perturbation) -> Tangents:
    x, *affine = map(widen, at.operands)
    x_moves, weight_moves, bias_moves = (None if t is None else widen(t) for t in (*at.tangents, None, None)[:3])
    normalized, by_x = LayerNorm.of(x, normalized_shape=op.normalized_shape, eps=op.eps), None
    if x_moves is not None:
        # What is normalised has a symmetric Jacobian.
        by_x = standardization_cotangent(x, normalized, x_moves, tuple(range(-len(op.normalized_shape), 0)), op.eps)
        by_x = by_x * affine[0] if affine else by_x
    moved = total(by_x, None if weight_moves is None else normalized * weight_moves, bias_moves)
    return (None if moved is None else narrow(moved, at.x.dtype),)
