"""Sums of products over labelled axes, and products, distances and similarities of vectors."""

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.contraction_products import CosineSimilarity, Outer, PairwiseDistance
from asg_schema.composites.contraction_rotary import RotaryEmbedding

__all__ = ["cosine_similarity", "einsum", "outer", "pairwise_distance", "rotary_embedding"]


def einsum(equation: str, /, *operands: TensorLike) -> Tensor:
    """The sum of products over labelled axes, as `numpy.einsum` has it: `"ij,jk->ik"` is the matrix product.

    Args:
        equation: a letter for each axis of each operand, then "->" and the axes of the result. A letter that an operand
            has twice takes its diagonal; letters that the result does not have are summed over; "..." stands for
            further axes, which broadcast. Without "->" the result has the letters that stand once, in order.
        operands: of one number dtype.
    """
    return apply(Einsum, *operands, equation=equation)


def outer(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """All products of an element of a vector [n] with one of a vector [m]: [n, m]; of any number dtype."""
    return apply(Outer, x1, x2)


def cosine_similarity(x1: TensorLike, x2: TensorLike, /, *, axis: int = 1, eps: float = 1e-8) -> Tensor:
    """The cosine of the angle between vectors; 0 for a vector of zeros, with a finite derivative.

    Args:
        x1: of a floating-point dtype.
        x2: broadcasts with x1.
        axis: the axis of the vectors, in the shape to which x1 and x2 broadcast; the result does not have it.
        eps: the least that a norm counts as.
    """
    return apply(CosineSimilarity, x1, x2, axis=axis, eps=eps)


def pairwise_distance(
    x1: TensorLike, x2: TensorLike, /, *, p: float = 2.0, eps: float = 1e-6, keepdims: bool = False
) -> Tensor:
    """The p-norm of x1 - x2 + eps along the last axis.

    Args:
        x1: […, E], of a floating-point dtype.
        x2: broadcasts with x1.
        p: a number, also inf, -inf or 0.
        eps: added to every difference.
        keepdims: whether the last axis stays with size 1.
    """
    return apply(PairwiseDistance, x1, x2, p=p, eps=eps, keepdims=keepdims)


def rotary_embedding(
    x: Tensor, positions: TensorLike | None = None, *, base: float = 10000.0, interleaved: bool = False
) -> Tensor:
    """Every pair of elements of the last axis turned by an angle that grows with its position (Su et al., 2021).

    Args:
        x: […, L, E] with E even, of a floating-point dtype.
        positions: int32 or int64, broadcasts to […, L]; None is 0 to L - 1.
        base: what the angles of successive pairs fall by.
        interleaved: whether the elements of a pair are neighbours; else they are half the axis apart.

    Returns:
        The shape and dtype of x.
    """
    return apply(RotaryEmbedding, x, positions, base=base, interleaved=interleaved)
