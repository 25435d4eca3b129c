"""Attention whose weights are dropped at random, as while training."""

import math

from asg_builder.functions.comparison import greater, greater_equal, logical_and
from asg_builder.functions.contraction import matmul
from asg_builder.functions.creation import iota
from asg_builder.functions.elementwise import where
from asg_builder.functions.layout import swapaxes
from asg_builder.functions.random import dropout
from asg_builder.functions.reduction import max, softmax
from asg_builder.tensor import Tensor
from asg_schema.dtype import DType
from asg_schema.errors import AsgError

__all__ = ["attention_with_dropout"]


def attention_with_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, *, causal: bool, p: float
) -> Tensor:
    """dropout(softmax(query @ keyᵀ / √E + mask)) @ value: the op `attention` with dropout between.

    The op has no random numbers, so this is written in simpler ones.

    Args:
        query: […, L, E].
        key: […, S, E].
        value: […, S, Ev].
        mask: as `attention` has it.
        causal: as `attention` has it.
        p: the probability with which a weight is dropped; the others are divided by 1 - p.

    Returns:
        […, L, Ev]; 0 for a query that may attend to no key.
    """
    width = query.shape[-1]
    if not isinstance(width, int):
        raise AsgError(f"attention with dropout: the size of a head of {query} is not known")
    scores = matmul(query * (1 / math.sqrt(width)), swapaxes(key, -2, -1))
    if mask is not None and mask.dtype is not DType.BOOL:
        scores = scores + mask
    allowed = mask if mask is not None and mask.dtype is DType.BOOL else None
    if causal:
        ordered = _up_to_diagonal(scores)
        allowed = ordered if allowed is None else logical_and(allowed, ordered)
    if allowed is not None:
        scores = where(allowed, scores, -math.inf)
    if mask is None:  # every query attends to some key: the causal rule leaves it key 0
        return matmul(dropout(softmax(scores, -1), p=p), value)
    attends = greater(max(scores, -1, keepdims=True), -math.inf)
    weights = softmax(where(attends, scores, 0.0), -1)
    return where(attends, matmul(dropout(weights, p=p), value), 0.0)


def _up_to_diagonal(scores: Tensor) -> Tensor:
    """For scores […, L, S] the bool [L, S] that holds at (i, j) where j ≤ i."""
    length, keys = scores.shape[-2:]
    return greater_equal(iota((length, 1), "int64", 0), iota((1, keys), "int64", 1))
