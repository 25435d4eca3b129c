"""Tensors of the protocol: in JSON, and as binary data behind it."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple, cast

import numpy as np
from pydantic_core import to_json

from asg_executor.api.json_numbers import Numbers, ShortText
from asg_executor.api.open_inference.datatypes import DATATYPES
from asg_executor.api.open_inference.messages import InferRequest, InputTensor, Wanted
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.plan.arrays import Array, dtype_of, numpy_dtype
from asg_schema.dims import SymbolicDim
from asg_schema.dtype import DType
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer, nearest, show_value

__all__ = ["Answer", "decode_inputs", "encode_answer"]


_MOST_KNOWN = 256  # answers whose JSON is remembered


class _TensorError(ValueError):
    """A tensor is not what is needed; the message says what would be right."""


class Answer(NamedTuple):
    """The body of an answer.

    Attributes:
        content: its bytes.
        header_length: how many of them are JSON; None where all are.
    """

    content: bytes
    header_length: int | None


def decode_inputs(
    request: InferRequest, declared: Mapping[str, TensorType], buffers: memoryview, short: ShortText | None = None
) -> dict[str, Array]:
    """The inputs of a request: arrays of the declared dtypes and ranks, and with the declared sizes that are numbers.

    Args:
        request: the JSON.
        declared: the type of each input of the graph, by id.
        buffers: what follows the JSON.
        short: the text that the request was read from, where lists of numbers were taken out of it. What is wrong with
            one of these is not told in words for a client.

    Raises:
        ProblemError: with every tensor that does not fit.
    """
    arrays: dict[str, Array] = {}
    problems: list[Problem] = []
    begin = 0
    for index, item in enumerate(request.inputs):
        size = (item.parameters or {}).get("binary_data_size")
        try:
            content = _take(buffers, begin, size)
            begin += 0 if size is None else size
            numbers = None if short is None else short.numbers_at(item.data)
            arrays[item.name] = _decode(item, numbers or item.data, declared, content)
        except _TensorError as error:
            problems.append(Problem(json_pointer(["inputs", index]), "invalid_tensor", str(error)))
    if not problems and begin != len(buffers):
        message = f"{len(buffers)} bytes follow the JSON; the inputs' binary_data_size are {begin} together"
        raise ProblemError("invalid_body", message, problems=[Problem("/inputs", "invalid_size", message)])
    refuse("interface_mismatch", problems)
    return arrays


def _take(buffers: memoryview, begin: int, size: Any) -> memoryview | None:
    if size is None:
        return None
    if type(size) is not int or size < 0:
        raise _TensorError(f"binary_data_size is {show_value(size)}; an integer of at least 0 is needed")
    if begin + size > len(buffers):
        raise _TensorError(f"binary_data_size is {size}; {max(len(buffers) - begin, 0)} bytes are left behind the JSON")
    return buffers[begin : begin + size]


def _decode(item: InputTensor, data: Any, declared: Mapping[str, TensorType], content: memoryview | None) -> Array:
    type = declared.get(item.name)
    if type is None:
        listed = ", ".join(f'"{name}"' for name in declared) or "none"
        hint = nearest(item.name, declared) or f"; the model has {listed}"
        raise _TensorError(f"there is no input {show_value(item.name)}{hint}")
    try:
        return _of_type(item, data, type, content)
    except _TensorError as error:
        raise _TensorError(f'input "{item.name}" {type}: {error}') from None


def _of_type(item: InputTensor, data: Any, type: TensorType, content: memoryview | None) -> Array:
    if item.datatype != DATATYPES[type.dtype]:
        what = "strings are no numbers; " if item.datatype == "BYTES" else ""
        raise _TensorError(f"{what}its datatype is {show_value(item.datatype)}; {DATATYPES[type.dtype]} is needed")
    shape = tuple(item.shape)
    if len(shape) != type.rank or any(
        not isinstance(dim, SymbolicDim) and dim != size for dim, size in zip(type.shape, shape, strict=True)
    ):
        raise _TensorError(f"its shape is {list(shape)}; {list(type.shape)} is needed")
    if content is not None:
        return _from_bytes(content, type.dtype, shape, has_data=data is not None)
    return _from_list(data, type.dtype, shape)


def _from_bytes(content: memoryview, dtype: DType, shape: tuple[int, ...], *, has_data: bool) -> Array:
    if has_data:
        raise _TensorError("it has data and binary_data_size; one of them is needed")
    needed = math.prod(shape) * dtype.itemsize
    if len(content) != needed:
        raise _TensorError(f"binary_data_size is {len(content)}; the shape {list(shape)} takes {needed} bytes")
    if dtype is DType.BOOL and content.nbytes and np.frombuffer(content, np.uint8).max() > 1:
        raise _TensorError("a byte of it is neither 0 nor 1")
    return np.frombuffer(content, numpy_dtype(dtype)).reshape(shape)


def _from_list(data: Any, dtype: DType, shape: tuple[int, ...]) -> Array:
    if isinstance(data, Numbers):
        return _from_numbers(data, dtype, shape)
    if not isinstance(data, list):
        raise _TensorError(f"its data is {show_value(data)}; a list, or binary_data_size, is needed")
    flat = _flatten(cast("list[Any]", data), shape)
    _check_elements(flat, dtype)
    if not dtype.is_floating:
        return np.array(flat, numpy_dtype(dtype)).reshape(shape)
    try:
        doubles = np.array(flat, np.float64)
    except OverflowError:
        raise _TensorError(f"an integer of it is beyond the range of {DATATYPES[dtype]}") from None
    with np.errstate(over="ignore"):
        array = doubles.astype(numpy_dtype(dtype))
    if np.any(np.isinf(array) & np.isfinite(doubles)):
        raise _TensorError(f"a number of it is beyond the range of {DATATYPES[dtype]}")
    return array.reshape(shape)


def _from_numbers(numbers: Numbers, dtype: DType, shape: tuple[int, ...]) -> Array:
    array = numbers.array(dtype)
    if array is None or array.size != math.prod(shape):
        raise _TensorError("the elements do not fit")
    return array.reshape(shape)


def _flatten(data: list[Any], shape: tuple[int, ...]) -> list[Any]:
    """The elements of a flat list, or of lists that are nested as the shape is."""
    if len(shape) < 2 or not data or not isinstance(data[0], list):
        if len(data) != math.prod(shape):
            raise _TensorError(f"its data has {len(data)} elements; the shape {list(shape)} has {math.prod(shape)}")
        return data
    level: list[Any] = [data]
    for size in shape:
        if not all(isinstance(item, list) and len(cast("list[Any]", item)) == size for item in level):
            raise _TensorError(f"its data is neither flat nor nested as the shape {list(shape)} is")
        level = list(chain.from_iterable(level))
    return level


def _check_elements(flat: list[Any], dtype: DType) -> None:
    """Refuse elements that are not of the dtype; the range of floats is checked once they are an array."""
    if dtype.is_floating:
        allowed, needed = {int, float}, "a number"
    elif dtype is DType.BOOL:
        allowed, needed = {bool}, "true or false"
    else:
        low, high = dtype.integer_range
        allowed, needed = {int}, f"an integer from {low} to {high}"
        if set(map(type, flat)) <= allowed and (not flat or (low <= min(flat) and max(flat) <= high)):
            return
        wrong = next(item for item in flat if type(item) is not int or not low <= item <= high)
        raise _TensorError(f"the element {show_value(wrong)} is not {needed}")
    if not set(map(type, flat)) <= allowed:
        wrong = next(item for item in flat if type(item) not in allowed)
        raise _TensorError(f"the element {show_value(wrong)} is not {needed}")


def encode_answer(wanted: Wanted, model: str, version: str, step: int, outputs: Mapping[str, Array]) -> Answer:
    """The answer to a request.

    Args:
        wanted: what is asked for.
        model: the model's name, as it was asked for.
        version: its version.
        step: the number of the session's step whose parameters were used.
        outputs: the outputs by name, in the order in which they are answered.
    """
    buffers: list[bytes] = []
    described: list[_Described] = []
    for name, array in outputs.items():
        dtype = dtype_of(array)
        assert dtype is not None, "an engine answers in the format's dtypes"
        data: list[Any] | None = None
        if wanted.is_binary(name):
            buffers.append(array.tobytes())
        else:
            flat = array.reshape(-1)
            data = (flat.astype(np.float64) if dtype.is_floating else flat).tolist()
        described.append(_Described(name, dtype, array.shape, data))
    if len(buffers) < len(described):
        content = _header(model, version, wanted.id, step, described)
    else:
        content = _header_again(model, version, wanted.id, step, tuple(described))
    if not buffers:
        return Answer(content, None)
    return Answer(b"".join([content, *buffers]), len(content))


class _Described(NamedTuple):
    """An output, as the JSON of an answer has it; its elements are None where they follow the JSON."""

    name: str
    dtype: DType
    shape: tuple[int, ...]
    data: list[Any] | None


def _header(model: str, version: str, id: str | None, step: int, outputs: Sequence[_Described]) -> bytes:
    """The JSON of an answer; NaN and Infinity stand in it as bare words."""
    tensors: list[dict[str, Any]] = []
    for name, dtype, shape, data in outputs:
        tensor: dict[str, Any] = {"name": name, "datatype": DATATYPES[dtype], "shape": shape}
        if data is None:
            tensor["parameters"] = {"binary_data_size": math.prod(shape) * dtype.itemsize}
        else:
            tensor["data"] = data
        tensors.append(tensor)
    own = {} if id is None else {"id": id}
    header = {"model_name": model, "model_version": version, **own, "parameters": {"step": step}, "outputs": tensors}
    return to_json(header)


# Where the elements follow it, it is the same again and again.
_header_again = lru_cache(_MOST_KNOWN)(_header)
