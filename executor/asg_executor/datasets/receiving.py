"""`DatasetWriter`: a data set that arrives in pieces, written to the disk as it comes."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import NamedTuple

import numpy as np

from asg_executor.datasets.errors import InvalidDatasetError
from asg_executor.datasets.layout import Layout
from asg_executor.plan.arrays import Array
from asg_executor.store.durable_files import storage_errors, write_all
from asg_schema.dtype import DType
from asg_schema.safetensors_header import LENGTH_BYTES, MOST_HEADER_BYTES, write_header
from asg_schema.wire import show_value

__all__ = ["DatasetWriter", "Received"]

_ROWS = 2**20


class Received(NamedTuple):
    """A data set that arrived whole.

    Attributes:
        path: its file, which has no name to stay yet.
        digest: the SHA-256 of the file, in hexadecimal.
        bytes: how many bytes it has.
        layout: its header.
    """

    path: Path
    digest: str
    bytes: int
    layout: Layout


class DatasetWriter:
    """Writes a safetensors body to a file while it arrives, in a few pieces of memory at a time.

    The texts of the header are not kept, so that the same tensors are the same data set whatever was sent with them.
    Its methods may be called from several threads; they wait for each other.

    Args:
        path: the file, which is made.
        check: called with the texts of the header before any data is written; it refuses the body by raising.

    Raises:
        StoreError: the system refuses.
    """

    def __init__(self, path: Path, check: Callable[[Mapping[str, str]], None]) -> None:
        self._path = path
        self._check = check
        self._lock = Lock()
        self._begin = bytearray()
        self._layout: Layout | None = None
        self._digest = sha256()
        self._written = 0
        self._data = 0
        with storage_errors(path):
            self._descriptor: int | None = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)

    def write(self, content: bytes) -> None:
        """Take a further piece.

        Raises:
            InvalidDatasetError: this cannot become a data set.
            StorageFullError: there is no room.
            StoreError: the system refuses.
        """
        with self._lock:
            if self._layout is None:
                self._begin += content
                content = self._read_header()
            layout = self._layout
            if layout is None or not content:
                return
            self._data += len(content)
            if self._data > layout.data_bytes:
                raise InvalidDatasetError(
                    f"the body goes on behind its tensors, which take {layout.data_bytes} bytes behind the header"
                )
            self._put(content)

    def _read_header(self) -> bytes:
        """Write the header, once it is there; what came behind it."""
        begin = self._begin
        if len(begin) < LENGTH_BYTES:
            return b""
        length = int.from_bytes(begin[:LENGTH_BYTES], "little")
        if length > MOST_HEADER_BYTES:
            raise InvalidDatasetError(f"the header claims {length} bytes; at most {MOST_HEADER_BYTES} are read")
        end = LENGTH_BYTES + length
        if len(begin) < end:
            return b""
        layout = Layout.parse(bytes(begin[LENGTH_BYTES:end]))
        self._check(layout.metadata)
        self._put(write_header(layout.tensors, {}) if layout.metadata else bytes(begin[:end]))
        rest = bytes(begin[end:])
        self._begin = bytearray()
        self._layout = layout
        return rest

    def _put(self, content: bytes) -> None:
        if self._descriptor is None:
            raise InvalidDatasetError("the upload was given up")
        with storage_errors(self._path):
            write_all(self._descriptor, [content])
        self._digest.update(content)
        self._written += len(content)

    def finish(self) -> Received:
        """Have all that came on the disk.

        Raises:
            InvalidDatasetError: it is not whole, or holds a bool that is neither 0 nor 1.
            StoreError: the system refuses.
        """
        with self._lock:
            layout, descriptor = self._layout, self._descriptor
            if layout is None or descriptor is None or self._data < layout.data_bytes:
                came = len(self._begin) if layout is None else self._written
                needed = "a whole header is" if layout is None else f"{layout.data_bytes - self._data} more are"
                raise InvalidDatasetError(f"the body is truncated: it ended after {came} bytes, and {needed} needed")
            with storage_errors(self._path):
                _check_bools(np.asarray(np.memmap(self._path, np.uint8, "r"))[self._written - self._data :], layout)
                os.fsync(descriptor)
                self._close()
            return Received(self._path, self._digest.hexdigest(), self._written, layout)

    def _close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def give_up(self) -> None:
        """Remove what was written; where that fails, the next start removes it."""
        with self._lock:
            self._close()
            with suppress(OSError):
                self._path.unlink(missing_ok=True)


def _check_bools(data: Array, layout: Layout) -> None:
    """Find every bool 0 or 1: other bytes are no values of the dtype.

    Raises:
        InvalidDatasetError: there is another.
    """
    for name, place in layout.tensors.items():
        if place.dtype is DType.BOOL:
            values = data[place.begin : place.end]
            for begin in range(0, len(values), _ROWS):
                most = int(values[begin : begin + _ROWS].max())
                if most > 1:
                    raise InvalidDatasetError(
                        f"the tensor {show_value(name)} is BOOL and holds the byte {most}; 0 or 1 is needed"
                    )
