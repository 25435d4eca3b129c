"""Gathers and scatters, rows of tables, diagonals and triangles.

Indices are int32 or int64 and lie in [-n, n) along an axis of size n, negative ones counting from the end; one outside
is an error when the document runs. Lists of ints and NumPy integer arrays become constants.
"""

from collections.abc import Sequence
from typing import Any

from asg_builder.arguments import DTypeLike, as_dtype
from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.indexing import Diag, Diagonal, Embedding, OneHot, Tril, Triu
from asg_schema.dtype import DType
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet

__all__ = [
    "diag",
    "diagonal",
    "embedding",
    "gather_nd",
    "index_add",
    "one_hot",
    "scatter_add_along_axis",
    "scatter_nd_add",
    "scatter_nd_set",
    "take",
    "take_along_axis",
    "tril",
    "triu",
]


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


def gather_nd(x: Tensor, indices: TensorLike | Sequence[Any], /, *, batch_dims: int = 0) -> Tensor:
    """The elements or slices of x that the index tuples along the last axis of `indices` name.

    Args:
        x: [b…, n₁…n_K, …], of any dtype.
        indices: [b…, i…, K].
        batch_dims: how many leading axes b… the two have in common.

    Returns:
        [b…, i…, …], of the dtype of x.
    """
    return apply(GatherNd, x, indices, batch_dims=batch_dims)


def scatter_nd_add(
    x: Tensor, indices: TensorLike | Sequence[Any], source: TensorLike, /, *, batch_dims: int = 0
) -> Tensor:
    """`x` with elements or slices of `source` added where index tuples say; repeated tuples add up.

    Args:
        x: [b…, n₁…n_K, …], of any number dtype.
        indices: [b…, i…, K].
        source: [b…, i…, …].
        batch_dims: how many leading axes b… they have in common.
    """
    return apply(ScatterNdAdd, x, indices, source, batch_dims=batch_dims)


def scatter_nd_set(
    x: Tensor, indices: TensorLike | Sequence[Any], source: TensorLike, /, *, batch_dims: int = 0
) -> Tensor:
    """`x` with elements or slices replaced by `source` where index tuples say; of repeated tuples the last one wins.

    Args:
        x: [b…, n₁…n_K, …], of any dtype.
        indices: [b…, i…, K].
        source: [b…, i…, …].
        batch_dims: how many leading axes b… they have in common.
    """
    return apply(ScatterNdSet, x, indices, source, batch_dims=batch_dims)


def one_hot(x: Tensor, /, *, num_classes: int, dtype: DTypeLike = DType.FLOAT32) -> Tensor:
    """1 at the index that each element of x is, along a new last axis, and 0 elsewhere.

    Args:
        x: indices from 0 to num_classes - 1; one outside is an error when the document runs.
        num_classes: the size of the new axis.
        dtype: the dtype of the result.
    """
    return apply(OneHot, x, num_classes=num_classes, dtype=as_dtype(dtype))


def embedding(x: TensorLike | Sequence[Any], weight: Tensor, /, *, padding_idx: int | None = None) -> Tensor:
    """The rows of a table: […] indices into [rows, features] give […, features] (`torch.nn.functional.embedding`).

    Args:
        x: indices from 0 to rows - 1; one outside is an error when the document runs.
        weight: the table.
        padding_idx: a row that gets no gradient; a negative one counts from the end.
    """
    return apply(Embedding, x, weight, padding_idx=padding_idx)


def diag(x: Tensor, /, *, k: int = 0) -> Tensor:
    """A matrix with the vector x on its k-th diagonal, or of a matrix its k-th diagonal, as `numpy.diag`."""
    return apply(Diag, x, k=k)


def diagonal(x: Tensor, /, *, offset: int = 0) -> Tensor:
    """A diagonal of each matrix in the last two axes; positive offsets lie above the main one.

    Sizes that are symbols must be equal, or differ by a number.
    """
    return apply(Diagonal, x, offset=offset)


def tril(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and below the k-th diagonal of the last two axes; zeros above it."""
    return apply(Tril, x, k=k)


def triu(x: Tensor, /, *, k: int = 0) -> Tensor:
    """The elements on and above the k-th diagonal of the last two axes; zeros below it."""
    return apply(Triu, x, k=k)
