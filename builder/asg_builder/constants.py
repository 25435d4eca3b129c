"""Numbers and arrays as constants of a graph."""

from base64 import b64encode
from typing import Any, TypeVar

import numpy as np

from asg_builder.arrays import Array, convert
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.ops.creation import MOST_CONSTANT_ELEMENTS, Bytes, Constant

__all__ = ["embed_array"]

V = TypeVar("V", bound=Value)

_LISTED_ELEMENTS = 64
"""A longer constant is written as base64, which is shorter than decimal digits."""


def embed_array(editor: Editor[V], data: Any, dtype: DType, what: str) -> V:
    """A number or an array as a constant of `dtype` in a graph.

    Args:
        editor: the graph.
        data: a number, an array, or nested sequences of numbers.
        dtype: the constant's dtype.
        what: what the data is for, for the error.

    Raises:
        TypeError: the conversion would change the kind of the data.
        ValueError: an integer does not fit, or the array is larger than a constant may be.
    """
    if isinstance(data, int | float):
        return editor.full((), _number(data, dtype, what), dtype)
    array = convert(data, dtype, what)
    if array.ndim == 0:
        return editor.full((), array.item(), dtype)
    if array.size > MOST_CONSTANT_ELEMENTS:
        raise ValueError(
            f"{what}: an array of {array.size} elements is too large for a constant, which holds at most "
            f"{MOST_CONSTANT_ELEMENTS}; make it an input or a parameter"
        )
    value = _listed(data, array) if array.size <= _LISTED_ELEMENTS else _encoded(array)
    return editor.emit(Constant, (), {"shape": array.shape, "dtype": dtype, "value": value})[0]


def _number(number: float, dtype: DType, what: str) -> float:
    """A Python number as it stands in the document: with all its digits, so that 0.1 is written as 0.1.

    Raises:
        TypeError: the number is of another kind than the dtype.
        ValueError: an integer does not fit.
    """
    if dtype.is_floating and not isinstance(number, bool):
        return float(number)
    if dtype is DType.BOOL and isinstance(number, bool):
        return number
    if dtype.is_integer and isinstance(number, int) and not isinstance(number, bool):
        low, high = dtype.integer_range
        if low <= number <= high:
            return number
        raise ValueError(f"{what}: {number} does not fit into {dtype.value}, which holds {low} to {high}")
    raise TypeError(
        f"{what} is {number!r}, a {type(number).__name__}, where {dtype.value} is needed; convert the tensor beside it "
        "with .astype first, or write a number of its kind"
    )


def _listed(data: Any, array: Array) -> list[Any]:
    source = np.asarray(data) if array.dtype.kind not in "iub" else array
    return source.astype(np.float64).ravel().tolist() if source is not array else array.ravel().tolist()


def _encoded(array: Array) -> Bytes:
    little_endian = array.astype(array.dtype.newbyteorder("<"), copy=False)
    return Bytes(base64=b64encode(little_endian.tobytes()).decode("ascii"))
