"""Tangent rules of outer products, similarities and rotary embedding.

`pairwise_distance` is differentiated by its expansion, a norm.
"""

from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.composites.contraction_products import CosineSimilarity, Outer
from asg_schema.composites.contraction_rotary import RotaryEmbedding
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Greater
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []

tangents.define(Outer)(multilinear)
tangents.define(RotaryEmbedding)(multilinear)


@tangents.define(CosineSimilarity)
def _cosine_similarity(op: CosineSimilarity, at: Perturbation) -> Tangents:
    (a, a_length), (b, b_length) = op.directions(at.operands)
    y = Reshape.of(widen(at.y), shape=a_length.shape)
    terms: list[Value | None] = []
    for tangent, own, length, other in zip(at.tangents, (a, b), (a_length, b_length), (b, a), strict=True):
        if tangent is not None:
            free = Where.of(Greater.of(length, length.scalar(op.eps)), y, y.scalar(0.0))
            terms.append(widen(tangent) * (other - free * own) / length)
    moved = total(*terms)
    return (None if moved is None else narrow(Sum.of(moved, axis=(op.axis,)), at.x.dtype),)
