"""`Dataset`: a data set that is read where it lies on disk; `DatasetInfo`: what is known of it without reading it."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np

from asg_executor.datasets.layout import Layout
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.store.durable_files import storage_errors
from asg_executor.store.errors import DamagedFileError
from asg_schema.safetensors_header import LENGTH_BYTES
from asg_schema.tensor_type import TensorType

__all__ = ["Dataset", "DatasetInfo"]

_CHUNK = 2**20


class DatasetInfo(NamedTuple):
    """What is known of a data set without reading it.

    Attributes:
        digest: the SHA-256 of its file, in hexadecimal.
        bytes: how many bytes the file has.
        length: how many rows it has.
        tensors: the type of each tensor, by name.
        created: when it was sent first, in seconds since 1970.
    """

    digest: str
    bytes: int
    length: int
    tensors: Mapping[str, TensorType]
    created: float


class Dataset:
    """A data set, mapped into memory: the system reads the pages that are asked for, and lets go of them by itself.

    Args:
        info: what is known of it.
        tensors: read-only arrays by name.
    """

    def __init__(self, info: DatasetInfo, tensors: Mapping[str, Array]) -> None:
        self.info = info
        self.tensors = tensors

    @classmethod
    def open(cls, path: Path, info: DatasetInfo) -> Self:
        """Find that a file is what was written, every byte of it, and map it.

        Args:
            path: the file.
            info: what is known of it.

        Raises:
            DamagedFileError: it is missing, or does not hold what was written to it.
            StoreError: the system refuses to read it.
        """
        _verify(path, info)
        with storage_errors(path):
            content: Array = np.asarray(np.memmap(path, np.uint8, "r"))
        begin = LENGTH_BYTES + int.from_bytes(content[:LENGTH_BYTES].tobytes(), "little")
        layout = Layout.parse(content[LENGTH_BYTES:begin].tobytes())
        return cls(info, _arrays_of(content[begin:], layout))

    def rows(self, name: str, chosen: Array) -> Array:
        """A copy of rows of a tensor.

        Args:
            name: the tensor's name.
            chosen: the numbers of the rows, int64 [n].
        """
        return np.ascontiguousarray(self.tensors[name][chosen])


def _arrays_of(data: Array, layout: Layout) -> dict[str, Array]:
    """The tensors in the bytes behind a header, as views.

    Args:
        data: the bytes, uint8 [n].
        layout: the header.
    """
    return {
        name: data[place.begin : place.end].view(numpy_dtype(place.dtype)).reshape(place.shape)
        for name, place in layout.tensors.items()
    }


def _verify(path: Path, info: DatasetInfo) -> None:
    digest = sha256()
    with storage_errors(path):
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    digest.update(chunk)
        except FileNotFoundError:
            raise DamagedFileError(path, "it is missing") from None
    if digest.hexdigest() != info.digest:
        raise DamagedFileError(path, f"its SHA-256 is not {info.digest}, with which it was written")
