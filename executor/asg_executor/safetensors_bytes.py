"""Bodies in the safetensors format: tensors by name, all other fields as strings in its metadata.

The `safetensors` library checks the layout (offsets without gaps or overlaps that agree with dtypes and shapes). Its
header is read here as well, because the library does not give the metadata of a body in memory; strictly, so that a
name that stands twice is an error.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.numpy

from asg_executor.plan.arrays import Array, numpy_dtype
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.wire import parse_json

__all__ = [
    "DTYPES",
    "MEDIA_TYPE",
    "METADATA",
    "MOST_HEADER_BYTES",
    "SafetensorsError",
    "canonical_safetensors",
    "check_tensor_names",
    "metadata_of",
    "read_safetensors",
    "write_safetensors",
]

MEDIA_TYPE = "application/vnd.safetensors"

MOST_HEADER_BYTES = 8 * 2**20
"""How long a header may be: names, dtypes, shapes and metadata."""

_LENGTH_BYTES = 8
METADATA = "__metadata__"
"""The entry of a header that is no tensor."""

DTYPES = {
    "F16": DType.FLOAT16,
    "BF16": DType.BFLOAT16,
    "F32": DType.FLOAT32,
    "F64": DType.FLOAT64,
    "I8": DType.INT8,
    "I32": DType.INT32,
    "I64": DType.INT64,
    "U8": DType.UINT8,
    "U32": DType.UINT32,
    "BOOL": DType.BOOL,
}
"""The format's dtypes, by their names in a header."""
_CODES = {numpy_dtype(dtype): code for code, dtype in DTYPES.items()}


class SafetensorsError(ValueError):
    """Bytes are not in the safetensors format, or hold what the format of documents has no dtype for."""


def read_safetensors(body: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a body.

    Returns:
        The tensors by name, and the metadata. The arrays are read-only.

    Raises:
        SafetensorsError: the body is truncated or malformed, or a tensor's dtype is none of the format's.
    """
    header = _header(body)
    metadata = metadata_of(header)
    try:
        content: Any = safetensors.deserialize(body)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - it has no types
    except safetensors.SafetensorError as error:
        raise SafetensorsError(f"the body is not valid safetensors: {error}") from None
    tensors = dict(cast("list[tuple[str, dict[str, Any]]]", content))
    # The library's order changes from call to call.
    return {name: _array(name, tensors[name]) for name in header if name != METADATA}, metadata


def _header(body: bytes) -> dict[str, Any]:
    if len(body) < _LENGTH_BYTES:
        raise SafetensorsError(
            f"the body is truncated: it has {len(body)} bytes, and the length of a safetensors header alone takes 8"
        )
    length = int.from_bytes(body[:_LENGTH_BYTES], "little")
    if length > MOST_HEADER_BYTES:
        raise SafetensorsError(f"the header claims {length} bytes; at most {MOST_HEADER_BYTES} are read")
    if length > len(body) - _LENGTH_BYTES:
        rest = len(body) - _LENGTH_BYTES
        raise SafetensorsError(f"the body is truncated: its header claims {length} bytes, and {rest} follow")
    try:
        header = parse_json(body[_LENGTH_BYTES : _LENGTH_BYTES + length])
    except DocumentError as error:
        raise SafetensorsError(f"the safetensors header: {error.problems[0].message}") from None
    if not isinstance(header, dict):
        raise SafetensorsError("the safetensors header is not a JSON object")
    return cast("dict[str, Any]", header)


def metadata_of(header: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a header.

    Raises:
        SafetensorsError: they are not texts.
    """
    metadata: Any = header.get(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(item, str) for item in cast("Any", metadata).values()):
        raise SafetensorsError(f'"{METADATA}" in the safetensors header is not an object of strings')
    return cast("dict[str, str]", metadata)


def _array(name: str, fields: Mapping[str, Any]) -> Array:
    dtype = DTYPES.get(fields["dtype"])
    if dtype is None:
        known = ", ".join(DTYPES)
        raise SafetensorsError(f'the tensor "{name}" has the dtype {fields["dtype"]}; known are {known}')
    array = np.frombuffer(fields["data"], np.uint8)
    if dtype is DType.BOOL and array.size and array.max() > 1:
        raise SafetensorsError(f'the tensor "{name}" is BOOL and holds the byte {array.max()}; 0 or 1 is needed')
    array = array.view(numpy_dtype(dtype)).reshape(fields["shape"])
    array.flags.writeable = False
    return array


def check_tensor_names(names: Iterable[str]) -> None:
    """Refuse the one name that the format keeps for itself.

    Raises:
        SafetensorsError: a tensor has it.
    """
    if METADATA in names:
        raise SafetensorsError(f'a tensor cannot be named "{METADATA}" in safetensors; ask for JSON')


def write_safetensors(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> bytes:
    """Write a body.

    Raises:
        SafetensorsError: a tensor has the one name that the format keeps for itself.
    """
    check_tensor_names(tensors)
    contiguous = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in tensors.items()}
    return safetensors.numpy.save(contiguous, dict(metadata) or None)


def canonical_safetensors(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """A body in pieces, none of the arrays copied; the same content has the same bytes.

    Names are in order, first of the metadata and then of the tensors.

    Args:
        tensors: arrays by name, of the format's dtypes.
        metadata: texts by name.
    """
    header: dict[str, Any] = {METADATA: dict(sorted(metadata.items()))}
    pieces: list[bytes | memoryview] = []
    end = 0
    for name, array in sorted(tensors.items()):
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": _CODES[array.dtype], "shape": array.shape, "data_offsets": [begin, end]}
        pieces.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % _LENGTH_BYTES)
    return [len(text).to_bytes(_LENGTH_BYTES, "little") + text, *pieces]
