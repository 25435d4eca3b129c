"""NumPy arrays of the format's dtypes, and the one rule by which data is converted to a declared dtype."""

from typing import Any, TypeAlias

import ml_dtypes
import numpy as np
import numpy.typing as npt

from asg_schema.dtype import DType
from asg_schema.errors import AsgError

__all__ = ["Array", "as_array", "convert", "dtype_of", "numpy_dtype"]

Array: TypeAlias = npt.NDArray[Any]
"""An array of any dtype."""

_NUMPY: dict[DType, np.dtype[Any]] = {
    dtype: np.dtype(ml_dtypes.bfloat16 if dtype is DType.BFLOAT16 else dtype.value) for dtype in DType
}
_DTYPES = {numpy: dtype for dtype, numpy in _NUMPY.items()}


def numpy_dtype(dtype: DType) -> np.dtype[Any]:
    """NumPy's dtype for one of the format; bfloat16 is that of `ml_dtypes`."""
    return _NUMPY[dtype]


def dtype_of(array: Array) -> DType:
    """The format's dtype of an array.

    Raises:
        TypeError: the format has no such dtype.
    """
    dtype = _DTYPES.get(array.dtype.newbyteorder("="))
    if dtype is None:
        raise TypeError(f"the format has no dtype {array.dtype}; it has {', '.join(member.value for member in DType)}")
    return dtype


def as_array(data: npt.ArrayLike, what: str) -> Array:
    """`data` as an array, of whatever dtype.

    Args:
        data: an array, a number, a text, or nested sequences of such.
        what: what the data is, for the error.

    Raises:
        AsgError: NumPy makes no array of it, or one that holds it as its only element, as of a generator.
    """
    try:
        array = np.asarray(data)
    except (TypeError, ValueError, RuntimeError) as error:  # a tensor of PyTorch's with a gradient, or a ragged list
        raise AsgError(f"{what} is not an array: {error}") from None
    if array.dtype.kind == "O" and array.ndim == 0 and array.item() is data:
        raise AsgError(f"{what} is a {type(data).__name__}; an array, or what NumPy makes one of, is needed")
    return array


def convert(data: npt.ArrayLike, dtype: DType, what: str) -> Array:
    """`data` as an array of `dtype`, where that keeps its kind.

    Floats become floats of another width, rounded to nearest; integers become integers or floats that hold each value
    exactly. Nothing else is converted: a fraction never becomes an integer, and a bool only a bool.

    Args:
        data: an array, a number, or nested sequences of numbers.
        dtype: the dtype that is needed.
        what: what the data is for, for the error: `input "x"`.

    Raises:
        TypeError: the conversion would change the kind of the data, or the data is not numeric.
        ValueError: a number does not fit, or nested sequences are ragged.
    """
    target = _NUMPY[dtype]
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"{what}: the data is not an array: {error}") from None
    if array.dtype == target:
        return array
    if array.size == 0 and not isinstance(data, np.ndarray | np.generic):
        return array.astype(target)
    source = _kind(array.dtype)
    if source == "float" and dtype.is_floating:
        with np.errstate(over="ignore"):
            result = array.astype(target)
        if np.any(np.isfinite(array) & ~np.isfinite(result)):
            raise ValueError(f"{what}: it holds a number that overflows {dtype.value}")
        return result
    if source == "integer" and dtype.is_integer:
        low, high = dtype.integer_range
        if array.size and not (low <= int(array.min()) and int(array.max()) <= high):
            outside = int(array.min()) if int(array.min()) < low else int(array.max())
            raise ValueError(f"{what}: {outside} does not fit into {dtype.value}, which holds {low} to {high}")
        return array.astype(target)
    if source == "integer" and dtype.is_floating:
        with np.errstate(over="ignore"):  # what overflows is found to differ
            result = array.astype(target)
        if _is_exact(array, result, 2**dtype.precision):
            return result
        raise ValueError(f"{what}: it holds an integer that {dtype.value} cannot represent")
    raise TypeError(
        f"{what}: an array of {array.dtype} is not converted to {dtype.value} in silence; "
        f'convert it where you made it, such as with .astype("{dtype.value}")'
    )


def _is_exact(integers: Array, floats: Array, largest: int) -> bool:
    """Whether every integer became the float of the same value; up to `largest` each does."""
    if integers.size == 0 or (-largest <= int(integers.min()) and int(integers.max()) <= largest):
        return True
    return np.array_equal(floats.astype(np.float64).astype(object), integers.astype(object))


def _kind(dtype: np.dtype[Any]) -> str:
    if dtype.kind == "f" or dtype == _NUMPY[DType.BFLOAT16]:
        return "float"
    return "integer" if dtype.kind in "iu" else "other"
