"""Tangent rule of the affine map. `attention` is differentiated by its expansion, which is as short as a rule."""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.contraction import Linear

__all__: list[str] = []


@tangents.define(Linear)
def _linear(op: Linear, at: Perturbation) -> Tangents:
    (x, weight, *_), (x_moves, weight_moves, *bias_moves) = at.operands, at.tangents
    by_weight = None if weight_moves is None else Linear.of(x, weight_moves)
    if x_moves is None:
        return (total(by_weight, *bias_moves),)
    return (total(Linear.of(x_moves, weight, *bias_moves), by_weight),)
