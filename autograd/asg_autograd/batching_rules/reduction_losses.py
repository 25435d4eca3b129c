"""Batching rules of losses: each example has its own mean or sum, taken of losses that are computed for all at once."""

from typing import Any

from asg_autograd.batching_rules.axes import shifted
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.reduction import Mean
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


def _classification(op: Nll | CrossEntropy, at: Batched) -> Results | None:
    weights = at.operands[2:]
    counted = at.operands[1].dtype.is_integer and (bool(weights) or op.ignore_index is not None)
    if any(at.mapped[2:]) or (op.reduction == "mean" and counted):
        return None  # the mean divides by what the targets weigh
    scores, target = at.every(0), at.every(1)
    axis = shifted(op.axis, at.rank())
    if op.reduction == "none":
        return at.again(scores, target, *weights, axis=axis)
    wide = [widen(operand) if operand.dtype.is_floating else operand for operand in (scores, target, *weights)]
    (losses,) = at.again(*wide, axis=axis, reduction="none")
    return (narrow(_of_each(losses, op.reduction), scores.dtype),)


batching.define(Nll)(_classification)
batching.define(CrossEntropy)(_classification)


@batching.define(BinaryCrossEntropy)
def _binary_cross_entropy(op: BinaryCrossEntropy, at: Batched) -> Results:
    operands = [at.every(0), at.every(1), *(at.lifted(index, at.rank()) for index in range(2, len(at.operands)))]
    if op.reduction == "none":
        return at.again(*operands)
    (losses,) = at.again(*map(widen, operands), reduction="none")
    return (narrow(_of_each(losses, op.reduction), at.x.dtype),)


def _of_each(losses: Value, reduction: str) -> Value:
    """The mean or the sum of the losses of each example."""
    over: dict[str, Any] = {"axis": tuple(range(1, losses.rank))}
    return (Mean if reduction == "mean" else Sum).of(losses, **over)
