"""Tensors in JSON whose elements stand in long lists of numbers: see `json_numbers.py`.

They are read quickly where there is nothing to be said about them; else as lists, by which errors name an element.
"""

import json
import math
from typing import Any, cast

import numpy as np

from asg_executor.api.json_numbers import Numbers
from asg_executor.plan.arrays import Array
from asg_schema.dims import SymbolicDim
from asg_schema.tensor_type import MOST_AXES, TensorType

__all__ = ["as_json", "quick_tensor"]


def quick_tensor(value: Any, declared: TensorType) -> Array | None:
    """A tensor of the declared type; None where the value is not made of `Numbers`, or is anything else.

    Args:
        value: what stands in the JSON.
        declared: the tensor's type.
    """
    if type(value) is Numbers:
        parts, shape = [value], (value.doubles.size,)
    elif type(value) is dict:
        parts, shape = _of_object(cast("dict[str, Any]", value), declared)
    elif type(value) is list:
        parts, shape = _of_lists(cast("list[Any]", value))
    else:
        return None
    if not parts or not _fits(shape, declared):
        return None
    arrays: list[Array] = []
    for part in parts:
        array = part.array(declared.dtype)
        if array is None:
            return None
        arrays.append(array)
    whole = arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
    return whole.reshape(shape) if whole.size == math.prod(shape) else None


def _fits(shape: tuple[int, ...], declared: TensorType) -> bool:
    return len(shape) == declared.rank and all(
        isinstance(dim, SymbolicDim) or dim == size for dim, size in zip(declared.shape, shape, strict=True)
    )


def _of_object(value: dict[str, Any], declared: TensorType) -> tuple[list[Numbers], tuple[int, ...]]:
    """The numbers and the shape of an object with `dtype`, `shape` and `data`; no numbers where it is another one."""
    shape, data = value.get("shape"), value.get("data")
    if len(value) != 3 or value.get("dtype") != declared.dtype.value or type(data) is not Numbers:
        return [], ()
    if type(shape) is not list or len(cast("list[Any]", shape)) > MOST_AXES:
        return [], ()
    sizes = cast("list[Any]", shape)
    if not all(type(size) is int and size >= 0 for size in sizes):
        return [], ()
    return [data], tuple(sizes)


def _of_lists(value: list[Any]) -> tuple[list[Numbers], tuple[int, ...]]:
    """The numbers and the shape of nested lists, the innermost of which are all `Numbers`; no numbers where not."""
    shape: list[int] = []
    level = value
    while level and len(shape) < MOST_AXES:
        shape.append(len(level) // math.prod(shape))
        parts = [part for part in level if type(part) is Numbers]
        if len(parts) == len(level):
            sizes = {part.doubles.size for part in parts}
            return (parts, (*shape, sizes.pop())) if len(sizes) == 1 else ([], ())
        lists = [cast("list[Any]", entry) for entry in level if type(entry) is list]
        if len(lists) < len(level) or len({len(entries) for entries in lists}) > 1:
            break
        level = [entry for entries in lists for entry in entries]
    return [], ()


def as_json(value: Any) -> Any:
    """A JSON value as the standard library reads it, with lists in the place of `Numbers`."""
    if type(value) is Numbers:
        return json.loads(value.text)
    if type(value) is dict:
        return {name: as_json(entry) for name, entry in cast("dict[str, Any]", value).items()}
    if type(value) is list:
        entries = cast("list[Any]", value)
        kinds = set(map(type, entries))
        return [as_json(entry) for entry in entries] if kinds & {Numbers, list} else entries
    return value
