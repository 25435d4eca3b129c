"""The header of the safetensors format: which tensors a body in memory holds, and where.

The `safetensors` library copies every tensor out of such a body and does not give its metadata. A body of a request is
read and written without a copy where only the header is dealt with, as the format's specification has it: eight bytes
with the header's length, the header in JSON, and the tensors' bytes without gaps or overlaps
(https://github.com/huggingface/safetensors#format).
"""

import json
import math
from collections.abc import Mapping
from typing import Any, NamedTuple, cast

from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.wire import parse_json, show_value

__all__ = [
    "DTYPES",
    "LENGTH_BYTES",
    "METADATA",
    "MOST_HEADER_BYTES",
    "Header",
    "SafetensorsError",
    "TensorPlace",
    "parse_header",
    "read_header",
    "write_header",
]

METADATA = "__metadata__"
"""The entry of a header that is no tensor."""
MOST_HEADER_BYTES = 8 * 2**20
"""How long a header may be: names, dtypes, shapes and metadata."""

LENGTH_BYTES = 8
"""How many bytes say how long the header is."""

_MOST_AXES = 64
_MOST_SHOWN = 60
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
_CODES = {dtype: code for code, dtype in DTYPES.items()}


class SafetensorsError(ValueError):
    """Bytes are not in the safetensors format, or hold what the format of documents has no dtype for."""


class TensorPlace(NamedTuple):
    """Where a tensor is.

    Attributes:
        dtype: its dtype.
        shape: its shape.
        begin: the place of its first byte, counted from the end of the header.
        end: the place behind its last byte.
    """

    dtype: DType
    shape: tuple[int, ...]
    begin: int
    end: int


class Header(NamedTuple):
    """What a header says.

    Attributes:
        tensors: the places of the tensors by name, in the header's order.
        metadata: texts by name.
        data_bytes: how many bytes follow the header.
    """

    tensors: dict[str, TensorPlace]
    metadata: dict[str, str]
    data_bytes: int


def read_header(body: bytes) -> tuple[Header, int]:
    """Read the header of a whole body.

    Returns:
        The header, and the place in the body where it ends.

    Raises:
        SafetensorsError: the body is truncated or malformed, or a tensor's dtype is none of the format's.
    """
    if len(body) < LENGTH_BYTES:
        raise SafetensorsError(
            f"the body is truncated: it has {len(body)} bytes, and the length of a safetensors header alone takes 8"
        )
    length = int.from_bytes(body[:LENGTH_BYTES], "little")
    if length > MOST_HEADER_BYTES:
        raise SafetensorsError(f"the header claims {length} bytes; at most {MOST_HEADER_BYTES} are read")
    begin = LENGTH_BYTES + length
    if begin > len(body):
        rest = len(body) - LENGTH_BYTES
        raise SafetensorsError(f"the body is truncated: its header claims {length} bytes, and {rest} follow")
    header = parse_header(body[LENGTH_BYTES:begin])
    if header.data_bytes > len(body) - begin:
        rest = len(body) - begin
        raise SafetensorsError(f"the body is truncated: its tensors take {header.data_bytes} bytes, and {rest} follow")
    if header.data_bytes < len(body) - begin:
        raise SafetensorsError(f"{len(body) - begin - header.data_bytes} bytes follow the last tensor of the body")
    return header, begin


def parse_header(text: bytes) -> Header:
    """Read a header, without the 8 bytes that say how long it is.

    Raises:
        SafetensorsError: it is malformed, or a tensor's dtype is none of the format's.
    """
    try:
        entries = parse_json(text)
    except DocumentError as error:
        raise SafetensorsError(f"the safetensors header: {error.problems[0].message}") from None
    if not isinstance(entries, dict):
        raise SafetensorsError("the safetensors header is not a JSON object")
    fields = cast("dict[str, Any]", entries)
    metadata = fields.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(item, str) for item in cast("Any", metadata).values()):
        raise SafetensorsError(f'"{METADATA}" in the safetensors header is not an object of strings')
    tensors = {name: _place(name, entry) for name, entry in fields.items()}
    return Header(tensors, cast("dict[str, str]", metadata), _data_bytes(tensors))


def _place(name: str, entry: Any) -> TensorPlace:
    """Where a tensor is, as its entry in the header says."""
    if not isinstance(entry, dict) or cast("dict[str, Any]", entry).keys() != {"dtype", "shape", "data_offsets"}:
        raise SafetensorsError(
            f"the entry of {show_value(name)} in the safetensors header has not the fields dtype, shape, data_offsets"
        )
    fields = cast("dict[str, Any]", entry)
    dtype = DTYPES.get(fields["dtype"]) if isinstance(fields["dtype"], str) else None
    if dtype is None:
        known = ", ".join(DTYPES)
        raise SafetensorsError(
            f"the tensor {show_value(name)} has the dtype {show_value(fields['dtype'])}; known are {known}"
        )
    shape, offsets = _sizes(fields["shape"]), _sizes(fields["data_offsets"])
    if shape is None or len(shape) > _MOST_AXES or offsets is None or len(offsets) != 2:
        raise SafetensorsError(
            f"the tensor {show_value(name)} has the shape {_shown(fields['shape'])} and the data_offsets "
            f"{_shown(fields['data_offsets'])}; at most {_MOST_AXES} sizes, and two places, are needed"
        )
    begin, end = offsets
    size = dtype.itemsize * math.prod(shape)
    if end - begin != size:
        raise SafetensorsError(
            f"the tensor {show_value(name)} lies from byte {begin} to {end}; its dtype and shape take {size} bytes"
        )
    return TensorPlace(dtype, shape, begin, end)


def _shown(source: Any) -> str:
    text = json.dumps(source)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def _sizes(source: Any) -> tuple[int, ...] | None:
    """A list of integers of at least 0; None for anything else."""
    if not isinstance(source, list):
        return None
    items = cast("list[Any]", source)
    return tuple(items) if all(type(item) is int and item >= 0 for item in items) else None


def _data_bytes(tensors: Mapping[str, TensorPlace]) -> int:
    """How many bytes the tensors take, which lie one behind the other."""
    end = 0
    for name, place in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if place.begin != end:
            raise SafetensorsError(
                f"the tensor {show_value(name)} begins at byte {place.begin}, and the one before it ends at {end}; "
                "safetensors have neither gaps nor overlaps"
            )
        end = place.end
    return end


def write_header(tensors: Mapping[str, TensorPlace], metadata: Mapping[str, str]) -> bytes:
    """A header, with the 8 bytes before it that say how long it is, which is a multiple of 8.

    Args:
        tensors: the places of the tensors by name.
        metadata: texts by name.
    """
    entries: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    for name, (dtype, shape, begin, end) in tensors.items():
        entries[name] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": (begin, end)}
    text = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % LENGTH_BYTES)
    return len(text).to_bytes(LENGTH_BYTES, "little") + text
