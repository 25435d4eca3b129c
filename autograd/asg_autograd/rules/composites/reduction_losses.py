"""Gradient rules of the losses of classification.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from asg_autograd.rules.axes import count
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.indexing import OneHot
from asg_schema.composites.reduction import LogSoftmax, Softmax
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.elementwise import Maximum
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.indexing import ScatterAddAlongAxis
from asg_schema.ops.layout import BroadcastTo, PermuteDims, Reshape
from asg_schema.ops.reduction import Sum, reduced_shape

__all__: list[str] = []


@rules.define(CrossEntropy)
def _cross_entropy(op: CrossEntropy, at: Application) -> Cotangents:
    scores, target, *weight = at.operands
    if not target.dtype.is_floating and op.targets_of(at.operands).all_equal and not op.label_smoothing:
        classes = scores.shape[op.axis]
        if isinstance(classes, int):
            return _by_scores_of_plain_loss(op, at, classes), None
    logarithms = LogSoftmax.of(widen(scores), axis=op.axis)
    if not target.dtype.is_floating:
        return narrow(_by_scores(op, at, logarithms), scores.dtype), *[None] * (len(weight) + 1)
    g = widen(at.g)
    if op.reduction == "mean":
        axis = op.axis_of(op.axis, scores.rank)
        g = g / count(scores, [other for other in range(scores.rank) if other != axis], g.dtype)
    g = _along_lines(op, g, scores)
    q = op.weighted(op.smoothed(widen(target)), at.operands)
    by_scores = g * (Exp.of(logarithms) * Sum.of(q, axis=(op.axis,), keepdims=True) - q)
    by_target = op.weighted(-(g * logarithms), at.operands)
    if op.label_smoothing:
        by_target = by_target * (1 - op.label_smoothing)
    return narrow(by_scores, scores.dtype), narrow(by_target, target.dtype), *[None] * len(weight)


def _by_scores_of_plain_loss(op: CrossEntropy, at: Application, classes: int) -> Value:
    """ḡ · (softmax - q), where q is 1 at the target, and each line counts the same."""
    (scores, target), g = at.operands, widen(at.g)
    if op.reduction == "mean":
        g = g / count(target, range(target.rank), g.dtype)
    axis = op.axis_of(op.axis, scores.rank)
    softmax = Softmax.of(widen(scores), axis=op.axis)
    q = OneHot.of(target, num_classes=classes, dtype=g.dtype)
    lines = range(scores.rank - 1)
    q = PermuteDims.of(q, axes=(*lines[:axis], scores.rank - 1, *lines[axis:]))
    return narrow(_along_lines(op, g, scores) * (softmax - q), scores.dtype)


def _by_scores(op: CrossEntropy, at: Application, logarithms: Value) -> Value:
    """The cotangent of the scores of a target of class indices: what is added at the targets is scattered."""
    scores, _, *weight = at.operands
    targets, g, epsilon = op.targets_of(at.operands), widen(at.g), op.label_smoothing
    if op.reduction == "mean":
        g = g / targets.total()
    at_target = _along_lines(op, targets.weighted(g) * (1 - epsilon) if epsilon else targets.weighted(g), scores)
    softmax = Exp.of(logarithms)
    if epsilon:
        everywhere = _along_lines(op, targets.masked(g) * op.share(logarithms), scores)
        whole = Sum.of(widen(weight[0])) if weight else count(scores, [op.axis], g.dtype)
        dense = softmax * (at_target + everywhere * whole) - op.weighted(everywhere, at.operands)
    else:
        dense = softmax * at_target
    dense = targets.masked_scores(dense)  # in a line that is ignored the softmax may be NaN
    return ScatterAddAlongAxis.of(
        dense, targets.indices, BroadcastTo.of(-at_target, shape=targets.indices.shape), axis=op.axis
    )


def _along_lines(op: CrossEntropy, of_lines: Value, scores: Value) -> Value:
    """What there is one of for each line, or one for all, in a shape that broadcasts with the scores."""
    if of_lines.rank == 0:
        return of_lines
    axis = op.axis_of(op.axis, scores.rank)
    return Reshape.of(of_lines, shape=reduced_shape(scores.shape, (axis,), keepdims=True))


@rules.define(BinaryCrossEntropy)
def _binary_cross_entropy(op: BinaryCrossEntropy, at: Application) -> Cotangents:
    x, target, *weight = map(widen, at.operands)
    g = widen(at.g)
    if op.reduction == "mean":
        g = g / count(x, range(x.rank), g.dtype)
    if weight:
        g = g * weight[0]
    spread = x * (1.0 - x)
    by_input = g * (x - target) / Maximum.of(spread, spread.scalar(1e-12))
    of_first, of_second = op.logarithms(x)
    by_target = g * (of_second - of_first)
    return narrow(by_input, at.x.dtype), narrow(by_target, at.x.dtype), *[None] * len(weight)
