"""The masks of `MultiHeadAttention`, brought into the one mask that the op `attention` takes.

PyTorch has two conventions, and so has ASG: for its layer (`torch.nn.MultiheadAttention`) a bool says True where
attention is *refused*; for its function (`torch.nn.functional.scaled_dot_product_attention`, here the op `attention`)
True where it is *allowed*. What is here turns the first into the second.
"""

import math
from collections.abc import Sequence

from asg_builder.functions.comparison import logical_and, logical_not
from asg_builder.functions.elementwise import where
from asg_builder.functions.layout import expand_dims, reshape
from asg_builder.tensor import Tensor
from asg_schema.dtype import DType
from asg_schema.errors import AsgError

__all__ = ["attention_mask"]


def attention_mask(
    query: Tensor,
    heads: Sequence[int],
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    score_bias: Tensor | None,
) -> Tensor | None:
    """The mask of `attention` that says what these say together.

    Args:
        query: the layer's query, […, L, E].
        heads: the axes of heads that the scores […, *heads, L, S] have; their product is the number of heads.
        attn_mask: [L, S], […, L, S] with at most the query's rank, or […, num_heads, L, S]: a bool, True where a query
            may not attend, or a float that is added to the scores.
        key_padding_mask: […, S]: a bool, True for keys to which no query may attend, or a float that is added.
        score_bias: [num_heads, L, S], a float that is added to the scores.

    Returns:
        A bool, True where a query may attend, or a float of the query's dtype to be added; None where none is given.

    Raises:
        AsgError: a mask has a dtype that is neither bool nor the query's, or too few axes.
    """
    masks: list[Tensor] = []
    if attn_mask is not None:
        _check(attn_mask, query, "attn_mask", "[L, S], […, L, S] or […, num_heads, L, S]", 2)
        per_head = attn_mask.ndim == 2 or attn_mask.ndim > query.ndim
        masks.append(_by_heads(attn_mask if per_head else expand_dims(attn_mask, -3), heads))
    if key_padding_mask is not None:
        _check(key_padding_mask, query, "key_padding_mask", "[…, S]", 1)
        by_query = expand_dims(key_padding_mask, -2)
        masks.append(_by_heads(expand_dims(by_query, -3) if by_query.ndim > 2 else by_query, heads))
    if score_bias is not None:
        masks.append(_by_heads(score_bias, heads))
    return _combined(masks)


def _check(mask: Tensor, query: Tensor, name: str, shape: str, axes: int) -> None:
    if mask.dtype not in (DType.BOOL, query.dtype):
        raise AsgError(
            f"{name} is {mask}; a bool, True where attention is refused, or a {query.dtype.value} that is added to the "
            "scores is needed"
        )
    if mask.ndim < axes:
        raise AsgError(f"{name} is {mask}; a shape {shape} is needed")


def _by_heads(mask: Tensor, heads: Sequence[int]) -> Tensor:
    """[…, 1 or num_heads, L, S] with its axis of heads split as `heads` says."""
    if mask.ndim == 2 or len(heads) == 1:
        return mask
    count = mask.shape[-3]
    split = [1] * len(heads) if count == 1 else list(heads)
    return reshape(mask, (*mask.shape[:-3], *split, *mask.shape[-2:]))


def _combined(masks: Sequence[Tensor]) -> Tensor | None:
    """Everything that is added, added; and where anything refuses, no attention."""
    allowed: Tensor | None = None
    added: Tensor | None = None
    for mask in masks:
        if mask.dtype is DType.BOOL:
            here = logical_not(mask)
            allowed = here if allowed is None else logical_and(allowed, here)
        else:
            added = mask if added is None else added + mask
    if allowed is None or added is None:
        return added if allowed is None else allowed
    return where(allowed, added, -math.inf)
