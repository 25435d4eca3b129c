"""Gradient rules of outer products, similarities and rotary embedding.

`pairwise_distance` is differentiated by its expansion, a norm.
"""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.contraction_products import CosineSimilarity, Outer
from asg_schema.composites.contraction_rotary import RotaryEmbedding
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Greater
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


@rules.define(Outer)
def _outer(op: Outer, at: Application) -> Cotangents:
    a, b = at.operands
    return at.g @ b, a @ at.g


@rules.define(CosineSimilarity)
def _cosine_similarity(op: CosineSimilarity, at: Application) -> Cotangents:
    (a, a_length), (b, b_length) = op.directions(at.operands)
    kept = a_length.shape
    g, y = Reshape.of(widen(at.g), shape=kept), Reshape.of(widen(at.y), shape=kept)
    cotangents = [
        g * (other - Where.of(Greater.of(length, length.scalar(op.eps)), y, y.scalar(0.0)) * own) / length
        for own, length, other in ((a, a_length, b), (b, b_length, a))
    ]
    return tuple(narrow(cotangent, at.x.dtype) for cotangent in cotangents)


@rules.define(RotaryEmbedding)
def _rotary_embedding(op: RotaryEmbedding, at: Application) -> Cotangents:
    given = at.operands[1:]
    positions = given[0] if given else op.default_positions(at.x)
    turned_back = RotaryEmbedding.of(at.g, -positions, base=op.base, interleaved=op.interleaved)
    return (turned_back, None) if given else (turned_back,)
