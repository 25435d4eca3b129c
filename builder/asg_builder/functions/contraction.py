"""Matrix products, and what is built from them."""

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.contraction import Attention, AttentionWeights, Linear
from asg_schema.ops.contraction import Matmul

__all__ = ["attention", "attention_weights", "linear", "matmul"]


def matmul(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The matrix product over the last two axes, […, n, k] @ […, k, m], leading axes broadcast, as `numpy.matmul`."""
    return apply(Matmul, x1, x2)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ weightᵀ + bias`.

    Args:
        x: […, in].
        weight: [out, in].
        bias: [out]; None is none.

    Returns:
        […, out].
    """
    return apply(Linear, x, weight, bias)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: TensorLike | None = None,
    *,
    causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """softmax(scale · query @ keyᵀ + mask) @ value, the softmax taken over the keys (Vaswani et al., 2017).

    Args:
        query: […, L, E].
        key: […, S, E].
        value: […, S, Ev].
        mask: broadcasts to […, L, S]: a bool, True where a query may attend to a key; or a number of the query's dtype
            that is added to the score.
        causal: whether the query at position i attends only to the keys 0 to i.
        scale: the factor of the scores; None is 1/√E.

    Returns:
        […, L, Ev]; 0 for a query that may attend to no key.
    """
    return apply(Attention, query, key, value, mask, causal=causal, scale=scale)


def attention_weights(
    query: Tensor, key: Tensor, mask: TensorLike | None = None, *, causal: bool = False, scale: float | None = None
) -> Tensor:
    """softmax(scale · query @ keyᵀ + mask), taken over the keys: how much of each value `attention` takes.

    Args:
        query: […, L, E].
        key: […, S, E].
        mask: as in `attention`.
        causal: whether the query at position i attends only to the keys 0 to i.
        scale: the factor of the scores; None is 1/√E.

    Returns:
        […, L, S]; 0 for a query that may attend to no key.
    """
    return apply(AttentionWeights, query, key, mask, causal=causal, scale=scale)
