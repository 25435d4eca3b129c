"""`Layout`: where the tensors of a safetensors file lie, and what makes them a data set.

The header of a file that is on its way is checked before its data has come. (The format:
https://github.com/huggingface/safetensors#format)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, NamedTuple, Self, cast

from asg_executor.datasets.errors import InvalidDatasetError
from asg_executor.plan.arrays import numpy_dtype
from asg_executor.safetensors_bytes import DTYPES, METADATA, SafetensorsError, metadata_of
from asg_schema.dtype import DType
from asg_schema.errors import DocumentError
from asg_schema.wire import parse_json, show_value

__all__ = ["LENGTH_BYTES", "MOST_HEADER_BYTES", "Layout", "Place"]

LENGTH_BYTES = 8
"""How many bytes say how long the header is."""

MOST_HEADER_BYTES = 8 * 2**20
_MOST_DIMS = 32


class Place(NamedTuple):
    """A tensor of a file.

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


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of a file that is a data set.

    Attributes:
        tensors: where each tensor lies, by name.
        metadata: the texts of the header.
        data_bytes: how many bytes follow the header.
        length: the length of the first axis, which all tensors have in common.
    """

    tensors: Mapping[str, Place]
    metadata: Mapping[str, str]
    data_bytes: int
    length: int

    @classmethod
    def parse(cls, header: bytes) -> Self:
        """Read a header, without the 8 bytes that say how long it is.

        Raises:
            InvalidDatasetError: it is malformed, or its tensors are no data set.
        """
        try:
            source = parse_json(header)
            if not isinstance(source, dict):
                raise InvalidDatasetError("the safetensors header is not a JSON object")
            fields = cast("dict[str, Any]", source)
            metadata = metadata_of(fields)
        except DocumentError as error:
            raise InvalidDatasetError(f"the safetensors header: {error.problems[0].message}") from None
        except SafetensorsError as error:
            raise InvalidDatasetError(str(error)) from None
        tensors = {name: _place(name, entry) for name, entry in fields.items() if name != METADATA}
        return cls(tensors, metadata, _data_bytes(tensors), _length(tensors))


def _place(name: str, entry: Any) -> Place:
    """Where a tensor lies, as its entry in the header says."""
    if not isinstance(entry, dict) or cast("dict[str, Any]", entry).keys() != {"dtype", "shape", "data_offsets"}:
        raise InvalidDatasetError(
            f"the entry of {show_value(name)} in the safetensors header has not the fields dtype, shape, data_offsets"
        )
    fields = cast("dict[str, Any]", entry)
    dtype = DTYPES.get(fields["dtype"]) if isinstance(fields["dtype"], str) else None
    if dtype is None:
        known = ", ".join(DTYPES)
        raise InvalidDatasetError(
            f"the tensor {show_value(name)} has the dtype {show_value(fields['dtype'])}; known are {known}"
        )
    shape, offsets = _sizes(fields["shape"]), _sizes(fields["data_offsets"])
    if shape is None or len(shape) > _MOST_DIMS or offsets is None or len(offsets) != 2:
        raise InvalidDatasetError(
            f"the tensor {show_value(name)} has the shape {show_value(fields['shape'])} and the data_offsets "
            f"{show_value(fields['data_offsets'])}; at most {_MOST_DIMS} sizes, and two places, are needed"
        )
    begin, end = offsets
    size = numpy_dtype(dtype).itemsize * prod(shape)
    if end - begin != size:
        raise InvalidDatasetError(
            f"the tensor {show_value(name)} lies from byte {begin} to {end}; its dtype and shape take {size} bytes"
        )
    return Place(dtype, shape, begin, end)


def _sizes(source: Any) -> tuple[int, ...] | None:
    """A list of integers of at least 0; None for anything else."""
    if not isinstance(source, list):
        return None
    items = cast("list[Any]", source)
    return tuple(items) if all(type(item) is int and item >= 0 for item in items) else None


def _data_bytes(tensors: Mapping[str, Place]) -> int:
    """How many bytes the tensors take, which lie one behind the other."""
    end = 0
    for name, place in sorted(tensors.items(), key=lambda item: (item[1].begin, item[1].end)):
        if place.begin != end:
            raise InvalidDatasetError(
                f"the tensor {show_value(name)} begins at byte {place.begin}, and the one before it ends at {end}; "
                "safetensors have neither gaps nor overlaps"
            )
        end = place.end
    return end


def _length(tensors: Mapping[str, Place]) -> int:
    """The number of rows that all tensors have."""
    if not tensors:
        raise InvalidDatasetError("there is no tensor; a data set has at least one")
    for name, place in tensors.items():
        if not place.shape:
            raise InvalidDatasetError(
                f"the tensor {show_value(name)} has rank 0; a data set has a row for each example"
            )
    lengths = {name: place.shape[0] for name, place in tensors.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{show_value(name)} has {length}" for name, length in lengths.items())
        raise InvalidDatasetError(f"the tensors have different numbers of rows: {listed}")
    length = next(iter(lengths.values()))
    if length == 0:
        raise InvalidDatasetError("the tensors have no row; a data set has at least one")
    return length
