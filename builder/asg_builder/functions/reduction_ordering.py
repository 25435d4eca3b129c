"""Sorting, and the largest or smallest elements along an axis.

NaN counts as the largest. `axis` may be negative, counting from the end.
"""

from asg_builder.tensor import Tensor, apply, apply_all
from asg_schema.composites.reduction_ordering import TopK
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__ = ["argsort", "sort", "top_k"]


def sort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The elements along `axis` in order; the shape and dtype of x.

    Args:
        x: of any number dtype.
        axis: the axis to sort along.
        descending: whether the largest comes first.
        stable: whether equal elements stay in the order in which x has them.
    """
    return apply(Sort, x, axis=axis, descending=descending, stable=stable)


def argsort(x: Tensor, /, *, axis: int = -1, descending: bool = False, stable: bool = True) -> Tensor:
    """The indices that sort x along `axis`: int64, of the shape of x.

    Args:
        x: of any number dtype.
        axis: the axis to sort along.
        descending: whether the index of the largest comes first.
        stable: whether indices of equal elements ascend.
    """
    return apply(Argsort, x, axis=axis, descending=descending, stable=stable)


def top_k(x: Tensor, /, *, k: int, axis: int = -1, largest: bool = True) -> tuple[Tensor, Tensor]:
    """The k largest elements along `axis`, the largest first, and their indices.

    Args:
        x: of any number dtype.
        k: how many; at most the size of the axis.
        axis: the axis to search along.
        largest: False for the k smallest, the smallest first.

    Returns:
        The values, of the dtype of x, and the indices, int64; both of size k along `axis`.
    """
    values, indices = apply_all(TopK, x, k=k, axis=axis, largest=largest)
    return values, indices
