"""Bodies in the safetensors format: tensors by name, all other fields as strings in its metadata."""

from collections.abc import Iterable, Mapping

import numpy as np

from asg_executor.plan.arrays import Array, dtype_of, numpy_dtype
from asg_schema.dtype import DType
from asg_schema.safetensors_header import (
    METADATA,
    MOST_HEADER_BYTES,
    SafetensorsError,
    TensorPlace,
    read_header,
    write_header,
)

__all__ = [
    "MEDIA_TYPE",
    "METADATA",
    "MOST_HEADER_BYTES",
    "SafetensorsError",
    "canonical_safetensors",
    "check_tensor_names",
    "read_safetensors",
    "write_safetensors",
]

MEDIA_TYPE = "application/vnd.safetensors"


def read_safetensors(body: bytes) -> tuple[dict[str, Array], dict[str, str]]:
    """Read a body.

    Returns:
        The tensors by name, and the metadata. The arrays are read-only views of the body.

    Raises:
        SafetensorsError: the body is truncated or malformed, or a tensor's dtype is none of the format's.
    """
    header, begin = read_header(body)
    content = np.frombuffer(body, np.uint8)[begin:]
    return {name: _array(name, content, place) for name, place in header.tensors.items()}, header.metadata


def _array(name: str, content: Array, place: TensorPlace) -> Array:
    array = content[place.begin : place.end]
    if place.dtype is DType.BOOL and array.size and array.max() > 1:
        raise SafetensorsError(f'the tensor "{name}" is BOOL and holds the byte {array.max()}; 0 or 1 is needed')
    array = array.view(numpy_dtype(place.dtype)).reshape(place.shape)
    if not array.flags.aligned:
        array = array.copy()
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
    """Write a body. Tensors with wide elements come first, so that all are aligned.

    Raises:
        SafetensorsError: a tensor has the one name that the format keeps for itself.
    """
    check_tensor_names(tensors)
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].itemsize, item[0]))
    return b"".join(_pieces(ordered, metadata))


def canonical_safetensors(tensors: Mapping[str, Array], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    """A body in pieces, none of the arrays copied; the same content has the same bytes.

    Names are in order, first of the metadata and then of the tensors.

    Args:
        tensors: arrays by name, of the format's dtypes.
        metadata: texts by name.
    """
    return _pieces(sorted(tensors.items()), dict(sorted(metadata.items())))


def _pieces(tensors: Iterable[tuple[str, Array]], metadata: Mapping[str, str]) -> list[bytes | memoryview]:
    places: dict[str, TensorPlace] = {}
    pieces: list[bytes | memoryview] = [b""]
    end = 0
    for name, array in tensors:
        dtype = dtype_of(array)
        if dtype is None:
            raise TypeError(f"{name}: the format of documents has no dtype {array.dtype}")
        begin, end = end, end + array.nbytes
        places[name] = TensorPlace(dtype, array.shape, begin, end)
        pieces.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    pieces[0] = write_header(places, metadata)
    return pieces
