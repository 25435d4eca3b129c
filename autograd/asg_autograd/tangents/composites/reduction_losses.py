"""Tangent rules of the losses of classification.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import times
from asg_schema.class_targets import ClassTargets
from asg_schema.composites.reduction import LogSoftmax, Mean
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.elementwise import Maximum
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


@tangents.define(Nll)
def _nll(op: Nll, at: Perturbation) -> Tangents:
    losses = _at_targets(op, op.targets_of(at.operands), widen(at.t))
    return (narrow(losses if op.reduction == "none" else Sum.of(losses), at.x.dtype),)


def _at_targets(op: Nll | CrossEntropy, targets: ClassTargets, t: Value) -> Value:
    """The tangent of the loss of each line, or its part of the mean, from the tangents of logarithms."""
    taken = TakeAlongAxis.of(t, targets.indices, axis=op.axis)
    return targets.weighted(_part(op, targets, -Reshape.of(taken, shape=targets.lines)))


def _part(op: Nll | CrossEntropy, targets: ClassTargets, lines: Value) -> Value:
    """What each line adds to the mean. Lines are masked after this: where none counts, all are 0 and not 0 / 0."""
    return lines / targets.total() if op.reduction == "mean" else lines


@tangents.define(CrossEntropy)
def _cross_entropy(op: CrossEntropy, at: Perturbation) -> Tangents:
    (scores, target, *_), scores_move = at.operands, at.tangents[0]
    logarithms, t = LogSoftmax.of(widen(scores), axis=op.axis), None
    if scores_move is not None:
        wide = widen(scores_move)
        t = wide - Sum.of(Exp.of(logarithms) * wide, axis=(op.axis,), keepdims=True)
    if target.dtype.is_floating:
        return (_by_probabilities(op, at, logarithms, t),)
    if t is None:
        return (None,)
    targets, epsilon = op.targets_of(at.operands), op.label_smoothing
    losses = _at_targets(op, targets, t)
    if epsilon:
        uniform = _part(op, targets, -Sum.of(op.weighted(t, at.operands), axis=(op.axis,)))
        losses = losses * (1 - epsilon) + targets.masked(uniform) * op.share(t)
    return (narrow(losses if op.reduction == "none" else Sum.of(losses), scores.dtype),)


def _by_probabilities(op: CrossEntropy, at: Perturbation, logarithms: Value, t: Value | None) -> Value | None:
    """The tangent for a target of probabilities; t is that of the logarithms."""
    target, target_moves = at.operands[1], at.tangents[1]
    q = op.weighted(op.smoothed(widen(target)), at.operands)
    q_moves = None
    if target_moves is not None:
        q_moves = op.weighted(widen(target_moves) * (1 - op.label_smoothing), at.operands)
    products = total(times(t, q), times(q_moves, logarithms))
    if products is None:
        return None
    losses = -Sum.of(products, axis=(op.axis,))
    return narrow(_reduced(op, losses), at.x.dtype)


def _reduced(op: CrossEntropy | BinaryCrossEntropy, losses: Value) -> Value:
    if op.reduction == "none":
        return losses
    return Mean.of(losses) if op.reduction == "mean" else Sum.of(losses)


@tangents.define(BinaryCrossEntropy)
def _binary_cross_entropy(op: BinaryCrossEntropy, at: Perturbation) -> Tangents:
    x, target, *weight = map(widen, at.operands)
    x_moves, target_moves = (None if t is None else widen(t) for t in at.tangents[:2])
    spread = x * (1.0 - x)
    of_first, of_second = op.logarithms(x)
    losses = total(
        None if x_moves is None else x_moves * (x - target) / Maximum.of(spread, spread.scalar(1e-12)),
        None if target_moves is None else target_moves * (of_second - of_first),
    )
    if losses is None:
        return (None,)
    return (narrow(_reduced(op, losses * weight[0] if weight else losses), at.x.dtype),)
