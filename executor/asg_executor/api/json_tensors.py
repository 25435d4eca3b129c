"""Tensors in JSON.

In a request a tensor is a nested list, or a number where its rank is 0; the document declares its dtype. Or it is
`{"dtype": …, "shape": […], "data": […]}` with flat row-major data, of exactly the declared dtype. In a response it is
always the latter. Non-finite floats are the strings "inf", "-inf" and "nan".

Reading is strict: a bool is no number and a number no bool, an integer is not written as 1.0, and a number that its
dtype cannot hold is refused instead of becoming an infinity or wrapping around.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, cast

import numpy as np

from asg_executor.api.quick_tensors import as_json, quick_tensor
from asg_executor.plan.arrays import Array, array_type, dtype_of, numpy_dtype
from asg_schema.dims import SymbolicDim
from asg_schema.dtype import DType
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer, nearest

__all__ = ["TensorError", "decode_tensor", "decode_tensors", "encode_tensor"]

_NON_FINITE = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}
_FIELDS = frozenset({"dtype", "shape", "data"})


class TensorError(ValueError):
    """A JSON value is not the tensor that is needed.

    Args:
        path: where the fault is within the value.
        message: what is wrong and what would be right.
    """

    def __init__(self, path: Iterable[str | int], message: str) -> None:
        self.path = tuple(path)
        self.message = message
        super().__init__(message)


def decode_tensors(
    kind: str, values: Mapping[str, Any], declared: Mapping[str, TensorType], field: str | Sequence[str | int]
) -> tuple[dict[str, Array], list[Problem]]:
    """Read the tensors of one field of a request.

    Args:
        kind: what they are, for messages: `"input"` or `"parameter"`.
        values: JSON values, or arrays that came in binary, by name.
        declared: the declared type of each name.
        field: the field's name in the request, or the way to it.

    Returns:
        The arrays by name, of the declared dtypes and ranks and with their concrete dims as declared; and a problem
        for each value that is not one.
    """
    arrays: dict[str, Array] = {}
    problems: list[Problem] = []
    place = [field] if isinstance(field, str) else list(field)
    for name, value in values.items():
        expected = declared.get(name)
        if expected is None:
            known = ", ".join(f'"{item}"' for item in declared) or "none"
            message = f'there is no {kind} "{name}"{nearest(name, declared) or f"; declared: {known}"}'
            problems.append(Problem(json_pointer([*place, name]), "unknown_name", message))
            continue
        try:
            array = decode_tensor(value, expected)
        except TensorError as error:
            message = f'{kind} "{name}" {expected}: {error.message}'
            problems.append(Problem(json_pointer([*place, name, *error.path]), "invalid_tensor", message))
        else:
            arrays[name] = array
    return arrays, problems


def decode_tensor(value: Any, declared: TensorType) -> Array:
    """Read a tensor from its JSON value, whose long lists may be `Numbers`; an array that came in binary is checked.

    Raises:
        TensorError: the value is not a tensor of the declared type.
    """
    if isinstance(value, np.ndarray):
        return _check_type(cast("Array", value), declared)
    quick = quick_tensor(value, declared)
    if quick is not None:
        return quick
    value = as_json(value)
    if isinstance(value, dict):
        return _check_type(_from_object(cast("dict[str, Any]", value), declared.dtype), declared)
    flat, shape = _flatten(value, declared.rank)
    _check_shape(shape, declared)
    return _elements(flat, declared.dtype, shape, ()).reshape(shape)


def _check_type(array: Array, declared: TensorType) -> Array:
    if dtype_of(array) is not declared.dtype:
        raise TensorError((), f"it is {array_type(array)}; {declared.dtype.value} is needed")
    _check_shape(array.shape, declared)
    return array


def _check_shape(shape: tuple[int, ...], declared: TensorType) -> None:
    fits = len(shape) == declared.rank and all(
        isinstance(dim, SymbolicDim) or dim == size for dim, size in zip(declared.shape, shape, strict=True)
    )
    if not fits:
        raise TensorError((), f"its shape is {list(shape)}; {list(declared.shape)} is needed")


def _flatten(value: Any, rank: int) -> tuple[list[Any], tuple[int, ...]]:
    """The elements of nested lists of `rank` levels, row-major, and the lists' lengths."""
    level: list[Any] = [value]
    shape: list[int] = []
    for depth in range(rank):
        lengths: set[int] = set()
        for index, item in enumerate(level):
            if not isinstance(item, list):
                what = "a list" if depth == 0 else f"lists nested {rank} deep"
                raise TensorError(_path(index, shape), f"it is {_show(item)}; {what} is needed")
            lengths.add(len(cast("list[Any]", item)))
            if len(lengths) > 1:
                found = len(cast("list[Any]", item))
                raise TensorError(
                    _path(index, shape), f"the list has {found} elements; those before it have {len(level[0])}"
                )
        if not level:
            raise TensorError((), f"a list cannot say the shape of a rank-{rank} tensor without elements; {_LONG_FORM}")
        shape.append(lengths.pop())
        level = list(chain.from_iterable(level))
    return level, tuple(shape)


_LONG_FORM = 'write {"dtype": …, "shape": […], "data": []}'


def _path(index: int, shape: Iterable[int]) -> list[int]:
    """The index, axis by axis, of an element given by its row-major number."""
    path: list[int] = []
    for size in reversed(list(shape)):
        path.append(index % size)
        index //= size
    return path[::-1]


def _from_object(value: dict[str, Any], dtype: DType) -> Array:
    if value.keys() != _FIELDS:
        given = ", ".join(f'"{key}"' for key in value) or "none"
        raise TensorError((), f'an object with exactly the fields "dtype", "shape" and "data" is needed, not {given}')
    if value["dtype"] != dtype.value:
        raise TensorError(("dtype",), f"its dtype is {_show(value['dtype'])}; {dtype.value} is needed")
    shape, data = value["shape"], value["data"]
    if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in cast("list[Any]", shape)):
        raise TensorError(("shape",), f"its shape is {_show(shape)}; a list of integers of at least 0 is needed")
    if not isinstance(data, list):
        raise TensorError(("data",), f"its data is {_show(data)}; a flat list is needed")
    sizes, elements = tuple(cast("list[int]", shape)), cast("list[Any]", data)
    if len(sizes) > 64:
        raise TensorError(("shape",), f"it has {len(sizes)} axes; at most 64 are possible")
    if len(elements) != math.prod(sizes):
        message = f"its data has {len(elements)} elements; the shape {list(sizes)} needs {math.prod(sizes)}"
        raise TensorError(("data",), message)
    return _elements(elements, dtype, (len(elements),), ("data",)).reshape(sizes)


def _elements(flat: list[Any], dtype: DType, shape: tuple[int, ...], prefix: tuple[str, ...]) -> Array:
    """The elements as a flat array of `dtype`.

    Args:
        flat: what stands in the JSON.
        dtype: the declared dtype.
        shape: the shape of the lists that the elements come from, for the path of a wrong one.
        prefix: where these lists stand.
    """

    def refuse(index: int, needed: str) -> TensorError:
        return TensorError((*prefix, *_path(index, shape)), f"the element {_show(flat[index])} is not {needed}")

    allowed, needed = _allowed_types(dtype)
    found = set(map(type, flat))
    if not found <= allowed:
        raise refuse(next(index for index, item in enumerate(flat) if type(item) not in allowed), needed)
    if dtype.is_floating:
        strings = [index for index, item in enumerate(flat) if type(item) is str] if str in found else []
        return _floats(flat, strings, dtype, lambda index: refuse(index, needed))
    if dtype.is_integer and flat:
        low, high = dtype.integer_range
        if min(flat) < low or max(flat) > high:
            raise refuse(next(index for index, item in enumerate(flat) if not low <= item <= high), needed)
    return np.array(flat, numpy_dtype(dtype))


def _allowed_types(dtype: DType) -> tuple[set[type], str]:
    if dtype.is_floating:
        return {int, float, str}, f'a number within the range of {dtype.value}, or "inf", "-inf" or "nan"'
    if dtype.is_integer:
        low, high = dtype.integer_range
        return {int}, f"an integer from {low} to {high}"
    return {bool}, "true or false"


def _floats(flat: list[Any], strings: list[int], dtype: DType, refuse: Callable[[int], TensorError]) -> Array:
    """The elements as floats.

    Args:
        flat: numbers and strings.
        strings: where the strings are.
        dtype: the declared dtype.
        refuse: the error of the element at an index.
    """
    for index in strings:
        if flat[index] not in _NON_FINITE:
            raise refuse(index)
    numbers = flat
    if strings:
        numbers = [_NON_FINITE[item] if type(item) is str else item for item in flat]
    try:
        doubles = np.array(numbers, np.float64)
    except OverflowError:
        index = next(index for index, item in enumerate(flat) if type(item) is int and not _fits_double(item))
        raise refuse(index) from None
    with np.errstate(over="ignore"):
        result = doubles.astype(numpy_dtype(dtype))
    # Only a string may be infinite; a number that is became so by being too large.
    infinite = np.isinf(result)
    infinite[strings] = False
    if infinite.any():
        raise refuse(int(np.argmax(infinite)))
    return result


def _fits_double(value: int) -> bool:
    try:
        float(value)
    except OverflowError:
        return False
    return True


def _show(value: Any) -> str:
    shown = f'"{value}"' if isinstance(value, str) else repr(value)
    shown = {"None": "null", "True": "true", "False": "false"}.get(shown, shown)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def encode_tensor(array: Array) -> dict[str, Any]:
    """A tensor as its JSON value.

    Args:
        array: of one of the format's dtypes.
    """
    dtype = dtype_of(array)
    if dtype is None:
        raise TypeError(f"the format has no dtype for {array.dtype}")
    flat = array.reshape(-1)
    data: list[Any]
    if dtype.is_floating:
        with np.errstate(invalid="ignore"):  # a signalling NaN becomes a quiet one
            doubles = flat.astype(np.float64)
        data = doubles.tolist()
        for index in np.flatnonzero(~np.isfinite(doubles)).tolist():
            data[index] = "nan" if math.isnan(data[index]) else ("inf" if data[index] > 0 else "-inf")
    else:
        data = flat.tolist()
    return {"dtype": dtype.value, "shape": list(array.shape), "data": data}
