"""From what a caller gives for a value, a number, a nested list or an array, to an array of the declared dtype."""

from typing import Any, cast

import numpy as np

from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array, array_type, dtype_of, numpy_dtype
from asg_schema.tensor_type import TensorType

__all__ = ["as_array"]


def as_array(name: str, given: Any, declared: TensorType) -> Array:
    """`given` as an array of the declared dtype.

    An array must have that dtype already. A Python number, bool or nested list of them is converted if that loses
    nothing but a float's last digits: an integer may become a float, a float never an integer, a bool neither.

    Args:
        name: the value's name, for the error.
        given: the array, number or nested list.
        declared: the declared type; its shape is not checked here.

    Raises:
        InterfaceError: the dtype differs, a list is ragged, or a number does not fit the dtype.
    """
    if isinstance(given, np.ndarray | np.generic):
        array = np.asarray(cast("Array", given))
        if dtype_of(array) is not declared.dtype:
            raise InterfaceError(f'"{name}" is {array_type(array)}; the document declares {declared}')
        return array
    try:
        array = np.asarray(given)
    except (ValueError, OverflowError) as error:
        raise InterfaceError(f'"{name}" cannot be read as {declared}: {error}') from None
    return _converted(name, array, declared)


def _converted(name: str, array: Array, declared: TensorType) -> Array:
    dtype, kind = declared.dtype, array.dtype.kind
    if array.size == 0:
        return array.astype(numpy_dtype(dtype))
    if kind == "f" and dtype.is_floating:
        with np.errstate(over="ignore"):
            result = array.astype(numpy_dtype(dtype))
        if np.any(np.isfinite(array) & ~np.isfinite(result)):
            raise InterfaceError(f'"{name}" holds a number that overflows {dtype.value}; {declared} is declared')
        return result
    if kind in "iu" and dtype.is_floating:
        with np.errstate(over="ignore"):  # what overflows is found to differ
            result = array.astype(numpy_dtype(dtype))
        if np.array_equal(result.astype(np.float64).astype(object), array.astype(object)):
            return result
        raise InterfaceError(f'"{name}" holds an integer that {dtype.value} cannot represent; {declared} is declared')
    if kind in "iu" and dtype.is_integer:
        low, high = dtype.integer_range
        if low <= int(array.min()) and int(array.max()) <= high:
            return array.astype(numpy_dtype(dtype))
        raise InterfaceError(f'"{name}" holds an integer outside {low} to {high}; the document declares {declared}')
    if kind == "b" and dtype.value == "bool":
        return array
    found = {"f": "floats", "i": "integers", "u": "integers", "b": "bools"}.get(kind, "something else than numbers")
    raise InterfaceError(f'"{name}" holds {found}; the document declares {declared}')
