"""From what a caller gives for a value, a number, a nested list or an array, to an array of the declared dtype."""

from typing import Any, cast

import numpy as np

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, dtype_of, numpy_dtype
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["as_array"]

_ARRAYS = (np.ndarray, np.generic)


def as_array(name: str, given: Any, declared: TensorType) -> Array:
    """`given` as an array of the declared dtype.

    What has another dtype is converted if that loses nothing but a float's last digits: a float may become a float of
    another width, an integer a float or an integer that holds it; a float never becomes an integer, and only a bool a
    bool. The client of `asg_builder` has the same rule.

    Args:
        name: the value's name, for the error.
        given: the array, number or nested list.
        declared: the declared type; its shape is not checked here.

    Raises:
        InterfaceError: the kind of number differs, a list is ragged, or a number does not fit the dtype.
    """
    if isinstance(given, _ARRAYS):
        array = np.asarray(cast("Array", given))
        if dtype_of(array) is declared.dtype:
            return array
    else:
        try:
            array = np.asarray(given)
        except (ValueError, OverflowError) as error:
            raise InterfaceError(f'"{name}" cannot be read as {declared}: {error}') from None
        if array.size == 0:
            return array.astype(numpy_dtype(declared.dtype))
    return _converted(name, array, declared)


def _converted(name: str, array: Array, declared: TensorType) -> Array:
    dtype = declared.dtype
    kind = "f" if dtype_of(array) is DType.BFLOAT16 else array.dtype.kind
    if kind == "f" and dtype.is_floating:
        with np.errstate(over="ignore"):
            result = array.astype(numpy_dtype(dtype))
        if np.any(np.isfinite(array) & ~np.isfinite(result)):
            raise InterfaceError(f'"{name}" holds a number that overflows {dtype.value}; {declared} is declared')
        return result
    if kind in "iu" and dtype.is_floating:
        with np.errstate(over="ignore"):  # what overflows is found to differ
            result = array.astype(numpy_dtype(dtype))
        if _is_exact(array, result, 2**dtype.precision):
            return result
        raise InterfaceError(f'"{name}" holds an integer that {dtype.value} cannot represent; {declared} is declared')
    if kind in "iu" and dtype.is_integer:
        low, high = dtype.integer_range
        if array.size == 0 or (low <= int(array.min()) and int(array.max()) <= high):
            return array.astype(numpy_dtype(dtype))
        raise InterfaceError(f'"{name}" holds an integer outside {low} to {high}; the document declares {declared}')
    if kind == "b" and dtype.value == "bool":
        return array
    found = {"f": "floats", "i": "integers", "u": "integers", "b": "bools"}.get(kind, "something else than numbers")
    raise InterfaceError(f'"{name}" holds {found}; the document declares {declared}')


def _is_exact(integers: Array, floats: Array, largest: int) -> bool:
    """Whether every integer became the float of the same value; up to `largest` each does."""
    if integers.size == 0 or (-largest <= int(integers.min()) and int(integers.max()) <= largest):
        return True
    return np.array_equal(floats.astype(np.float64).astype(object), integers.astype(object))
