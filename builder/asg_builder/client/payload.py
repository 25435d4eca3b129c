"""Tensors on their way to and from the executor: safetensors bodies."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import safetensors

from asg_builder.arrays import Array, convert, dtype_of, numpy_dtype
from asg_builder.client.errors import UnexpectedAnswer
from asg_schema.dtype import DType
from asg_schema.errors import AsgError
from asg_schema.safetensors_header import DTYPES, LENGTH_BYTES, METADATA, TensorPlace, read_header, write_header

__all__ = ["Payload", "as_names", "convert_tensors", "decode", "encode", "read_tensors", "to_json"]


class Payload(NamedTuple):
    """What a safetensors body holds.

    Attributes:
        tensors: the tensors by name.
        fields: the metadata, each value parsed from JSON.
    """

    tensors: dict[str, Array]
    fields: dict[str, Any]


def convert_tensors(
    data: Mapping[str, npt.ArrayLike], declared: Mapping[str, DType], kind: str, owner: str
) -> dict[str, Array]:
    """Data as arrays of the declared dtypes, where that keeps their kind (see `asg_builder.arrays.convert`).

    Args:
        data: arrays, numbers or nested sequences by name.
        declared: the dtypes by name.
        kind: what they are: "input" or "parameter".
        owner: whose they are, for the error.

    Raises:
        AsgError: a name is not declared, or data is not converted to its dtype.
    """
    converted: dict[str, Array] = {}
    for name, value in data.items():
        if name not in declared:
            raise AsgError(f'{owner}: there is no {kind} "{name}"; known are {_listed(declared)}')
        try:
            converted[name] = convert(value, declared[name], f'{kind} "{name}"')
        except (TypeError, ValueError) as error:
            raise AsgError(str(error)) from None
    return converted


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names) or "none"


def as_names(outputs: Sequence[str] | None) -> list[str] | None:
    """The names of outputs as a list; None stays None.

    Raises:
        AsgError: it is one name, whose letters would be taken for names.
    """
    if isinstance(outputs, str):
        raise AsgError(f'outputs is "{outputs}"; a list of names is needed: ["{outputs}"]')
    return None if outputs is None else list(outputs)


def to_json(value: Any) -> str:
    """A field of a request as JSON; numbers of NumPy are numbers.

    Raises:
        AsgError: something in it is nothing that JSON has.
    """
    try:
        return json.dumps(value, default=_plain)
    except TypeError as error:
        raise AsgError(f"a field of the request cannot be written: {error}") from None


def _plain(value: object) -> Any:
    if isinstance(value, np.generic):
        return cast("Any", value).item()
    raise TypeError(f"a {type(value).__name__} is nothing that JSON has")


def encode(tensors: Mapping[str, Array], *, texts: Mapping[str, str] | None = None, **fields: Any) -> bytes:
    """A safetensors body. Tensors with wide elements come first, so that all are aligned.

    Args:
        tensors: arrays by name, of the format's dtypes.
        texts: the request's other fields whose metadata is their text itself.
        fields: the request's other fields, JSON values; None leaves a field out.

    Raises:
        AsgError: a tensor has the one name that safetensors keeps for itself.
    """
    if METADATA in tensors:
        raise AsgError(f'a tensor cannot be named "{METADATA}": safetensors keeps that name for itself')
    written = {name: to_json(value) for name, value in fields.items() if value is not None}
    places: dict[str, TensorPlace] = {}
    pieces: list[bytes | memoryview] = [b""]
    end = 0
    for name, array in sorted(tensors.items(), key=lambda item: -item[1].itemsize):
        begin, end = end, end + array.nbytes
        places[name] = TensorPlace(dtype_of(array), array.shape, begin, end)
        pieces.append(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    pieces[0] = write_header(places, {**(texts or {}), **written})
    return b"".join(pieces)


def decode(body: bytes) -> Payload:
    """Read a safetensors body.

    Raises:
        UnexpectedAnswer: the body is truncated or malformed, or holds a dtype that documents have not.
    """
    try:
        header, begin = read_header(body)
        fields = {name: json.loads(text) for name, text in header.metadata.items()}
    except ValueError as error:
        raise UnexpectedAnswer(f"the answer is not valid safetensors: {error}") from None
    content = np.frombuffer(body, np.uint8)[begin:]
    tensors = {
        # A copy, which may be changed, and which does not keep the others in memory.
        name: content[place.begin : place.end].copy().view(numpy_dtype(place.dtype)).reshape(place.shape)
        for name, place in header.tensors.items()
    }
    return Payload(tensors, fields)


def read_tensors(body: bytes, source: str) -> tuple[dict[str, Array], dict[str, str]]:
    """The tensors and the metadata of a safetensors file, whoever wrote it.

    Args:
        body: the file's content.
        source: what it is called, for errors.

    Raises:
        AsgError: the content is truncated or malformed, or a tensor has a dtype that documents have not.
    """
    try:
        return {name: _array(name, entry) for name, entry in _deserialize(body)}, _metadata(body)
    except safetensors.SafetensorError as error:
        raise AsgError(f"{source} is not a safetensors file: {error}") from None
    except _UnknownDTypeError as error:
        raise AsgError(f"{source} {error}") from None


class _UnknownDTypeError(Exception):
    """A tensor has a dtype that documents have not."""


def _deserialize(body: bytes) -> list[tuple[str, dict[str, Any]]]:
    content: Any = safetensors.deserialize(body)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - it has no types
    return cast("list[tuple[str, dict[str, Any]]]", content)


def _metadata(body: bytes) -> dict[str, str]:
    """The metadata of a body that has been read without complaint."""
    header = json.loads(body[LENGTH_BYTES : LENGTH_BYTES + int.from_bytes(body[:LENGTH_BYTES], "little")])
    return header.get("__metadata__", {})


def _array(name: str, entry: Mapping[str, Any]) -> Array:
    dtype = DTYPES.get(entry["dtype"])
    if dtype is None:
        raise _UnknownDTypeError(f'holds the tensor "{name}" of dtype {entry["dtype"]}, which documents have not')
    array = np.frombuffer(entry["data"], dtype=numpy_dtype(dtype)).reshape(entry["shape"])
    return array if array.flags.writeable else array.copy()
