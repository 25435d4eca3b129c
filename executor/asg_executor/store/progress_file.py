r"""`ProgressFile`: the newest of a row of small records, on disk before `write` returns, in a file that does not grow.

The file has two slots of `SLOT_BYTES`, which are written in turns, so that a crash in the middle of a write leaves the
record before it. A slot begins with a header of 48 bytes:

| bytes | what |
|---|---|
| 4 | `prog` |
| 4 | the length of the record, little-endian |
| 8 | the number of the record, little-endian |
| 32 | the SHA-256 of the number, as these 8 bytes, and the record |

All of it is written when the file is made, so that no later write needs room on the disk.
"""

import json
import os
import struct
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from asg_executor.store.durable_files import storage_errors, write_file
from asg_executor.store.errors import DamagedFileError, StoreError

__all__ = ["SLOT_BYTES", "ProgressFile"]

SLOT_BYTES = 32_768
"""The most that a record takes, its header included."""

_HEADER = struct.Struct("<4sIQ32s")
_MARK = b"prog"


class ProgressFile:
    """A file of records, open. Not to be used by two threads at a time.

    Args:
        path: the file, which `create` made.

    Attributes:
        record: the newest record that is sound.

    Raises:
        DamagedFileError: no record is sound.
        StoreError: the system refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with storage_errors(path):
            try:
                self._descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                raise DamagedFileError(path, "it is missing") from None
        try:
            with storage_errors(path):
                content = os.pread(self._descriptor, 2 * SLOT_BYTES, 0)
            found = [_read(content[begin : begin + SLOT_BYTES]) for begin in (0, SLOT_BYTES)]
            sound = [item for item in found if item is not None]
            if not sound:
                raise DamagedFileError(path, "neither of its records holds what was written to it")
        except BaseException:
            os.close(self._descriptor)
            raise
        self._number, self.record = max(sound, key=lambda item: item[0])

    @staticmethod
    def create(path: Path, record: Mapping[str, Any]) -> None:
        """Make a file with a first record.

        Raises:
            StorageFullError: there is no room; nothing is kept.
            StoreError: the system refuses; likewise.
        """
        slot = _written(0, record)
        write_file(path, [slot.ljust(SLOT_BYTES, b"\0"), bytes(SLOT_BYTES)])

    def write(self, record: Mapping[str, Any]) -> None:
        """Have a further record on disk.

        Raises:
            StoreError: the system refuses; the newest record is the one before.
        """
        number = self._number + 1
        slot = _written(number, record)
        with storage_errors(self._path):
            if os.pwrite(self._descriptor, slot, number % 2 * SLOT_BYTES) != len(slot):
                raise StoreError(f"{self._path}: the system wrote a part of the record")
            os.fdatasync(self._descriptor)
        self._number, self.record = number, record

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)


def _written(number: int, record: Mapping[str, Any]) -> bytes:
    """A slot that holds a record, without what follows it."""
    content = json.dumps(record, separators=(",", ":")).encode()
    if _HEADER.size + len(content) > SLOT_BYTES:
        raise StoreError(f"a record of progress takes {len(content)} bytes; at most {SLOT_BYTES - _HEADER.size} fit")
    return _HEADER.pack(_MARK, len(content), number, _digest(number, content)) + content


def _read(slot: bytes) -> tuple[int, Mapping[str, Any]] | None:
    """The number and the record of a slot; None where it does not hold what was written to it."""
    if len(slot) < _HEADER.size:
        return None
    mark, length, number, digest = _HEADER.unpack_from(slot)
    content = slot[_HEADER.size : _HEADER.size + length]
    if mark != _MARK or len(content) != length or _digest(number, content) != digest:
        return None
    return number, json.loads(content)


def _digest(number: int, content: bytes) -> bytes:
    return sha256(number.to_bytes(8, "little") + content).digest()
