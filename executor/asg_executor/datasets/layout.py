"""`Layout`: where the tensors of a safetensors file lie, and what makes them a data set.

The header of a file that is on its way is checked before its data has come. (The format:
https://github.com/huggingface/safetensors#format)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from asg_executor.datasets.errors import InvalidDatasetError
from asg_schema.safetensors_header import SafetensorsError, TensorPlace, parse_header
from asg_schema.wire import show_value

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The header of a file that is a data set.

    Attributes:
        tensors: where each tensor lies, by name.
        metadata: the texts of the header.
        data_bytes: how many bytes follow the header.
        length: the length of the first axis, which all tensors have in common.
    """

    tensors: Mapping[str, TensorPlace]
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
            found = parse_header(header)
        except SafetensorsError as error:
            raise InvalidDatasetError(str(error)) from None
        return cls(found.tensors, found.metadata, found.data_bytes, _length(found.tensors))


def _length(tensors: Mapping[str, TensorPlace]) -> int:
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
