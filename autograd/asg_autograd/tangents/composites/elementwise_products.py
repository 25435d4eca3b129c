"""Tangent rules of gates and of sums with a product."""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.elementwise_products import Addcmul, Gate

__all__: list[str] = []

tangents.define(Gate)(multilinear)


@tangents.define(Addcmul)
def _addcmul(op: Addcmul, at: Perturbation) -> Tangents:
    (_, a, b), (moved, a_moves, b_moves) = at.operands, at.tangents
    for move, other in ((a_moves, b), (b_moves, a)):
        if move is not None:
            start = at.y.scalar(0.0) if moved is None else moved
            moved = Addcmul.of(start, move, other, value=op.value)
    return (moved,)
