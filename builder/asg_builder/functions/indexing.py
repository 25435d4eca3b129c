"""Gathers and scatters.

Indices are int32 or int64 and lie in [-n, n) along an axis of size n, negative ones counting from the end; one outside
is an error when the document runs. Lists of ints and NumPy integer arrays become constants.
"""

from collections.abc import Sequence
from typing import Any

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis

__all__ = ["embedding", "index_add", "scatter_add_along_axis", "take", "take_along_axis"]


def take(x: Tensor, indices: TensorLike | Sequence[Any], /, *, axis: int = 0) -> Tensor:
    """The slices of x along `axis` that `indices`, of any shape, name.

    Returns:
        The shape of x with `axis` replaced by the shape of `indices`; the dtype of x.
    """
    return apply(Take, x, indices, axis=axis)


def index_add(x: Tensor, indices: TensorLike | Sequence[Any], source: Tensor, /, *, axis: int = 0) -> Tensor:
    """`x` with slices of `source` added along `axis` where `indices` say; repeated indices add up.

    Args:
        x: of any number dtype.
        indices: of any shape.
        source: the shape of x with `axis` replaced by the shape of `indices`.
        axis: the axis of x.
    """
    return apply(IndexAdd, x, indices, source, axis=axis)


def take_along_axis(x: Tensor, indices: TensorLike | Sequence[Any], /, *, axis: int = -1) -> Tensor:
    """For each place of `indices` the element of x at that index along `axis`; the other axes agree."""
    return apply(TakeAlongAxis, x, indices, axis=axis)


def scatter_add_along_axis(
    x: Tensor, indices: TensorLike | Sequence[Any], source: Tensor, /, *, axis: int = -1
) -> Tensor:
    """`x` with elements of `source`, of the shape of `indices`, added along `axis`; repeated indices add up."""
    return apply(ScatterAddAlongAxis, x, indices, source, axis=axis)


def embedding(indices: TensorLike | Sequence[Any], weight: Tensor, /) -> Tensor:
    """The rows of a table: […] indices into [rows, features] give […, features] (`torch.nn.functional.embedding`)."""
    return apply(Take, weight, indices, axis=0)
