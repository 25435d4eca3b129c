"""Tangent rules of the losses of classification. `cross_entropy` is differentiated by its expansion.

As in their expansions, float16 and bfloat16 are computed in float32 and rounded once at the end.
"""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.reduction import Mean
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, Nll
from asg_schema.expansion import narrow, widen
from asg_schema.ops.elementwise import Maximum
from asg_schema.ops.reduction import Sum

__all__: list[str] = []

tangents.define(Nll)(multilinear)


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
    if weight:
        losses = losses * weight[0]
    if op.reduction != "none":
        losses = Mean.of(losses) if op.reduction == "mean" else Sum.of(losses)
    return (narrow(losses, at.x.dtype),)
