"""Gradient rules of the affine map and attention.

Of arrays of queries and keys the axes are called l, the queries, s, the keys, and e, what they have numbers for.
"""

from collections.abc import Sequence

from asg_autograd.rules.axes import softmax_cotangent
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.contraction import Attention, AttentionWeights, Linear, scaled
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen

__all__: list[str] = []

_SCORES, _QUERIES, _KEYS = "...le,...se->...ls", "...ls,...se->...le", "...ls,...le->...se"


@rules.define(Linear)
def _linear(op: Linear, at: Application) -> Cotangents:
    x, weight, *_ = at.operands
    cotangents = at.g @ weight, Einsum.of(at.g, x, equation="...o,...i->oi"), at.g
    return cotangents[: len(at.operands)]


@rules.define(AttentionWeights)
def _attention_weights(op: AttentionWeights, at: Application) -> Cotangents:
    query, key, *mask = at.operands
    return _of_scores(op, query, key, mask, at.y, at.g)


def _of_scores(
    op: AttentionWeights | Attention, query: Value, key: Value, mask: Sequence[Value], weights: Value, g: Value
) -> Cotangents:
    """The cotangents of query, key and mask, from that of the weights."""
    by_scores = _by_scores(weights, g)
    # The factor is put to what has E columns, of which there are fewer than keys where it matters.
    by_query = Einsum.of(by_scores, scaled(key, query, op.scale), equation=_QUERIES)
    by_key = Einsum.of(by_scores, scaled(query, query, op.scale), equation=_KEYS)
    return by_query, by_key, *(by_scores if operand.dtype.is_floating else None for operand in mask)


def _by_scores(weights: Value, g: Value) -> Value:
    """The cotangent of the scores; where a query may not attend, the weight is 0, and so is this."""
    return narrow(softmax_cotangent(widen(weights), widen(g), -1), weights.dtype)


@rules.define(Attention)
def _attention(op: Attention, at: Application) -> Cotangents:
    query, key, value, *mask = at.operands
    weights = op.weights(query, key, mask)
    by_value = Einsum.of(weights, at.g, equation=_KEYS)
    if any(operand.dtype.is_floating for operand in mask):
        by_weights = Einsum.of(at.g, value, equation=_SCORES)
        by_query, by_key, *by_mask = _of_scores(op, query, key, mask, weights, by_weights)
        return by_query, by_key, by_value, *by_mask
    # The factor of the scores is a factor of all that follows: put to the cotangent, it is there for both.
    by_scores = _by_scores(weights, Einsum.of(scaled(at.g, query, op.scale), value, equation=_SCORES))
    by_query, by_key = (
        Einsum.of(by_scores, other, equation=equation) for other, equation in ((key, _QUERIES), (query, _KEYS))
    )
    return by_query, by_key, by_value, *(None for _ in mask)
