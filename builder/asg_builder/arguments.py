"""What callers may write for a dtype, a shape or axes, turned into what a document holds."""

from collections.abc import Sequence
from typing import TypeAlias, cast

import numpy as np

from asg_schema.dims import Dim, SymbolicDim, element_count, symbol
from asg_schema.dtype import DType
from asg_schema.wire import nearest

__all__ = [
    "AxisLike",
    "DTypeLike",
    "DimLike",
    "ShapeLike",
    "as_axes",
    "as_dim",
    "as_dtype",
    "as_shape",
    "complete_shape",
]

DTypeLike: TypeAlias = str | type | np.dtype
"""A dtype: its name (`"float32"`), a `DType`, or NumPy's (`np.float32`, `np.dtype("float32")`)."""

DimLike: TypeAlias = int | str | SymbolicDim
"""A dim: an int, a symbol's name, or an expression such as `x.shape[0] + 1`."""

ShapeLike: TypeAlias = DimLike | Sequence[DimLike]
"""A shape: a sequence of dims, or one dim for rank 1."""

AxisLike: TypeAlias = int | Sequence[int] | None
"""Axes: one, several, or None for all."""


def as_dtype(dtype: DTypeLike) -> DType:
    """The dtype of the format that `dtype` stands for.

    Raises:
        ValueError: the format has no such dtype.
    """
    if isinstance(dtype, DType):
        return dtype
    name = dtype if isinstance(dtype, str) else np.dtype(dtype).name
    try:
        return DType(name)
    except ValueError:
        known = [member.value for member in DType]
        raise ValueError(
            f'there is no dtype "{name}"{nearest(name, known) or "; known are " + ", ".join(known)}'
        ) from None


def as_dim(dim: DimLike) -> Dim:
    """The dim that `dim` stands for.

    Raises:
        TypeError: it is not an int, a symbol's name or a symbolic dim.
        DimError: it is text, but not a symbol's name.
    """
    given = cast("object", dim)  # a caller without a type checker may give anything
    if isinstance(given, SymbolicDim):
        return given
    if isinstance(given, str):
        return symbol(given)
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return int(cast("int", given))
    raise TypeError(f'a dim is an int, a symbol such as "batch", or an expression over symbols, not {dim!r}')


def as_shape(shape: ShapeLike) -> tuple[Dim, ...]:
    """The shape that `shape` stands for.

    Raises:
        TypeError: an entry is not a dim.
        DimError: an entry is text, but not a symbol's name.
    """
    if isinstance(shape, Sequence) and not isinstance(shape, str):
        return tuple(map(as_dim, shape))
    return (as_dim(shape),)


def as_axes(axis: AxisLike) -> tuple[int, ...] | None:
    """`axis` as the list that a reduction carries; None stays None."""
    if axis is None or isinstance(axis, tuple):
        return axis
    return (axis,) if isinstance(axis, int) else tuple(axis)


def complete_shape(shape: ShapeLike, size: Dim) -> tuple[Dim, ...]:
    """`shape` with an entry of -1 replaced by what `size` elements leave for it.

    Raises:
        ValueError: there is more than one -1, or the other entries do not divide the number of elements.
    """
    dims = as_shape(shape)
    unknown = [axis for axis, dim in enumerate(dims) if dim == -1]
    if not unknown:
        return dims
    shown = f"[{', '.join(map(str, dims))}]"
    if len(unknown) > 1:
        raise ValueError(f"shape {shown} has {len(unknown)} entries of -1; one can be inferred")
    known = element_count(dim for dim in dims if dim != -1)
    if known == 0 or size % known != 0:
        raise ValueError(f"shape {shown}: {size} elements are not divided by {known}, the product of the other entries")
    return (*dims[: unknown[0]], size // known, *dims[unknown[0] + 1 :])
