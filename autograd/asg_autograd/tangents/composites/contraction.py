"""Tangent rules of the affine map and of attention's weights.

`attention` is differentiated by its expansion, a product with its weights, which is as short as a rule.
"""

from asg_autograd.rules.axes import softmax_cotangent
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.contraction import AttentionWeights, Linear, scaled
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.elementwise import Where

__all__: list[str] = []


@tangents.define(Linear)
def _linear(op: Linear, at: Perturbation) -> Tangents:
    (x, weight, *_), (x_moves, weight_moves, *bias_moves) = at.operands, at.tangents
    by_weight = None if weight_moves is None else Linear.of(x, weight_moves)
    if x_moves is None:
        return (total(by_weight, *bias_moves),)
    return (total(Linear.of(x_moves, weight, *bias_moves), by_weight),)


@tangents.define(AttentionWeights)
def _attention_weights(op: AttentionWeights, at: Perturbation) -> Tangents:
    (query, key, *mask), (query_moves, key_moves, *mask_moves) = at.operands, at.tangents
    by_query = None if query_moves is None else _scores(scaled(query_moves, query, op.scale), key)
    by_key = None if key_moves is None else _scores(scaled(query, query, op.scale), key_moves)
    moved = total(by_query, by_key, *mask_moves)
    if moved is None:
        return (None,)
    for permission in op.permissions(at.y, mask):  # what is shut out may be anything
        moved = Where.of(permission, moved, moved.scalar(0.0))
    # The Jacobian of a softmax is symmetric.
    return (narrow(softmax_cotangent(widen(at.y), widen(moved), -1), query.dtype),)


def _scores(query: Value, key: Value) -> Value:
    return Einsum.of(query, key, equation="...le,...se->...ls")
