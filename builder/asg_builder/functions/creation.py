"""Tensors from attributes alone, in the current graph.

Each raises `AsgError` where no graph is open. Shapes take ints, symbols and expressions over symbols.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from asg_builder.arguments import AxisLike, DimLike, DTypeLike, ShapeLike, as_axes, as_dim, as_dtype, as_shape
from asg_builder.arrays import dtype_of
from asg_builder.constants import embed_array
from asg_builder.graph import current_graph
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.creation import Size
from asg_schema.dims import SymbolicDim
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from asg_schema.ops.comparison import Equal
from asg_schema.ops.creation import DimSize, Full, Iota
from asg_schema.ops.elementwise import Astype

__all__ = [
    "arange",
    "constant",
    "dim_size",
    "eye",
    "full",
    "full_like",
    "iota",
    "ones",
    "ones_like",
    "size",
    "zeros",
    "zeros_like",
]


def constant(value: npt.ArrayLike, dtype: DTypeLike | None = None, shape: ShapeLike | None = None) -> Tensor:
    """Numbers that stand in the document itself.

    Args:
        value: a number, nested sequences of numbers, or an array; at most 65,536 elements (larger arrays are inputs or
            parameters).
        dtype: the dtype; None is an array's own, and for Python numbers float32, int64 or bool.
        shape: the shape; None is the value's own.

    Raises:
        TypeError: the value is not of the kind that `dtype` asks for: a fraction for an int, a number for a bool.
        ValueError: the value is ragged, too large, or does not have as many elements as `shape`.
    """
    array = np.asarray(value)
    wanted = _default_dtype(value, array) if dtype is None else as_dtype(dtype)
    if shape is None:
        return embed_array(current_graph(), value, wanted, "constant")
    dims = as_shape(shape)
    if any(isinstance(dim, SymbolicDim) for dim in dims):
        raise ValueError(f"constant: shape {dims} holds a symbol; the elements of a constant are all known")
    return embed_array(current_graph(), array.reshape([int(str(dim)) for dim in dims]), wanted, "constant")


def _default_dtype(value: npt.ArrayLike, array: npt.NDArray[Any]) -> DType:
    if isinstance(value, np.ndarray | np.generic):
        return dtype_of(array)
    return {"f": DType.FLOAT32, "i": DType.INT64, "b": DType.BOOL}.get(array.dtype.kind) or dtype_of(array)


def full(shape: ShapeLike, value: float, dtype: DTypeLike) -> Tensor:
    """An array in which every element is `value`, a number of the dtype's kind."""
    attributes = {"shape": as_shape(shape), "value": value, "dtype": as_dtype(dtype)}
    return current_graph().emit(Full, (), attributes)[0]


def iota(shape: ShapeLike, dtype: DTypeLike, axis: int = 0) -> Tensor:
    """An array whose elements are their index along `axis`, of a number dtype."""
    return current_graph().emit(Iota, (), {"shape": as_shape(shape), "dtype": as_dtype(dtype), "axis": axis})[0]


def dim_size(x: Tensor, /, axis: int) -> Tensor:
    """The size of one axis of x, rank 0, int64: for arithmetic with a symbolic dim."""
    return apply(DimSize, x, axis=axis)


def size(x: Tensor, /, axis: AxisLike = None, *, dtype: DTypeLike = "int64") -> Tensor:
    """The number of elements of x, rank 0: to divide by where dims are symbolic.

    Args:
        x: of any dtype.
        axis: the axes whose sizes are multiplied; None is all.
        dtype: the dtype of the result: a number.
    """
    return apply(Size, x, axis=as_axes(axis), dtype=as_dtype(dtype))


def zeros(shape: ShapeLike, dtype: DTypeLike = "float32") -> Tensor:
    """An array of zeros; of False for bool."""
    return full(shape, _unit(0, as_dtype(dtype)), dtype)


def ones(shape: ShapeLike, dtype: DTypeLike = "float32") -> Tensor:
    """An array of ones; of True for bool."""
    return full(shape, _unit(1, as_dtype(dtype)), dtype)


def _unit(number: int, dtype: DType) -> float:
    return bool(number) if dtype is DType.BOOL else number


def full_like(x: Tensor, /, value: float) -> Tensor:
    """An array of the shape and dtype of x in which every element is `value`."""
    return x.editor.full(x.shape, value, x.dtype)


def zeros_like(x: Tensor, /) -> Tensor:
    """An array of zeros, of the shape and dtype of x."""
    return full_like(x, _unit(0, x.dtype))


def ones_like(x: Tensor, /) -> Tensor:
    """An array of ones, of the shape and dtype of x."""
    return full_like(x, _unit(1, x.dtype))


def arange(start: DimLike, stop: DimLike | None = None, step: int = 1, *, dtype: DTypeLike = "int64") -> Tensor:
    """start, start + step, … before stop.

    Args:
        start: the first element, an int; where `stop` is absent, the stop, and the first element is 0.
        stop: where to end: an int, or a symbolic dim such as `x.shape[1]`.
        step: the distance, not 0.
        dtype: a number dtype.

    Returns:
        Rank 1, of size ceil((stop - start) / step).

    Raises:
        AsgError: `step` is 0, or `start` is symbolic.
    """
    first, last = (0, as_dim(start)) if stop is None else (as_dim(start), as_dim(stop))
    if isinstance(first, SymbolicDim) or step == 0:
        raise AsgError(f"arange({start}, {stop}, {step}): start is an int, and step an int other than 0")
    count = -((first - last) // step)
    size = max(count, 0) if isinstance(count, int) else count
    index = iota((size,), dtype)
    scaled = index if step == 1 else index * (float(step) if index.dtype.is_floating else step)
    return scaled if first == 0 else scaled + first


def eye(n_rows: DimLike, n_cols: DimLike | None = None, /, *, k: int = 0, dtype: DTypeLike = "float32") -> Tensor:
    """A matrix with ones on its k-th diagonal and zeros elsewhere.

    Args:
        n_rows: the number of rows.
        n_cols: the number of columns; None is as many as rows.
        k: which diagonal: 0 is the main one, positive ones lie above it.
        dtype: a dtype.
    """
    shape = (as_dim(n_rows), as_dim(n_rows if n_cols is None else n_cols))
    rows, columns = (iota(shape, "int64", axis=axis) for axis in (0, 1))
    return apply(Astype, apply(Equal, rows + k, columns), dtype=as_dtype(dtype))
