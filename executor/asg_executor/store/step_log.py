r"""`StepLog`: what a session's steps were given, on disk before the steps are acknowledged.

The log is a directory of segments, `<number of the first step>.log`. A segment begins with a line that names the
format, and goes on with records end to end. A record is a header of 64 bytes, a payload, and a trailer of 64 bytes.

| bytes | header | trailer |
|---|---|---|
| 4 | `step` | `done` |
| 4 | the CRC-32 of the 56 bytes that follow, little-endian | likewise |
| 8 | the number of the step, little-endian | likewise |
| 8 | the length of the payload, little-endian | 0 |
| 8 | zeros | zeros |
| 32 | the SHA-256 of the payload | that of the step's answer |

The header and the payload may be written while the step is still computed; the trailer follows once it is. A step is
acknowledged after its trailer is on disk. So a record that ends before its trailer does was never acknowledged, and is
cut off when the log is opened. Anything else that does not add up is damage, which is named and never passed over.
"""

import logging
import os
import struct
from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from asg_executor.store.durable_files import (
    begin_flush,
    make_directory,
    remove_unfinished,
    storage_errors,
    sync_directory,
    write_all,
    write_file,
)
from asg_executor.store.errors import DamagedFileError, UnreliableFileError

__all__ = ["LoggedStep", "StepLog"]

_FORMAT = b"asg step log 2\n\n"
_FRAME = struct.Struct("<4sIQQQ32s")
_STEP, _DONE = b"step", b"done"
_CHECKED_FROM = 8
_LITTLE_BYTES = 65_536


_log = logging.getLogger("asg_executor")


class LoggedStep(NamedTuple):
    """A step as the log has it.

    Attributes:
        number: its number.
        payload: what is remembered of its request.
        digest: the SHA-256 of the payload.
        answer: the SHA-256 of its answer.
    """

    number: int
    payload: bytes
    digest: bytes
    answer: bytes


class StepLog:
    """The log of one session, open for appending. Not to be used by two threads at a time.

    Args:
        directory: where its segments are; made where there is none.
        number: the number of the step that it goes on from, which a snapshot has. Segments that end before it are not
            looked at.

    Attributes:
        torn: how many bytes at the end belonged to a record that a crash cut short, and were cut off.

    Raises:
        DamagedFileError: a segment does not hold what was written to it, or one is missing.
        StoreError: the system refuses.
    """

    def __init__(self, directory: Path, number: int) -> None:
        self._directory = directory
        self._failed = False
        self.torn = 0
        make_directory(directory)
        remove_unfinished(directory)
        segments = self._segments()
        self._closed = sum(path.stat().st_size for path in segments[:-1])
        if segments:
            self._last, end = _sound_part(_from_step(segments, number + 1))
            self._open(segments[-1], end)
            if self._last < number:
                self._skip_to(number)
        else:
            self._last = number
            self._begin()

    @staticmethod
    def exists(directory: Path) -> bool:
        """Whether there is a log in this directory."""
        return any(directory.glob("*.log"))

    @property
    def is_reliable(self) -> bool:
        """Whether it is known what is on disk."""
        return not self._failed

    @property
    def last(self) -> int:
        """The number of the last step in the log, or of the one that it goes on from."""
        return self._last

    @property
    def size(self) -> int:
        """How many bytes its segments take."""
        return self._closed + self._end

    def begin(self, number: int, payload: Sequence[bytes | memoryview], digest: bytes) -> None:
        """Write what a step was given. It does not count before `finish`, and another `begin` takes its place.

        Args:
            number: its number: the last one's plus 1.
            payload: what is to be remembered of it, in pieces.
            digest: the SHA-256 of the payload.

        Raises:
            StorageFullError: there is no room; nothing is kept of it, and the log goes on as it was.
            UnreliableFileError: it is not known what is on disk; the log must be opened anew.
            StoreError: the system refuses; nothing is kept of it.
        """
        self._check_usable()
        if number != self._last + 1:
            raise ValueError(f"step {number} cannot follow step {self._last} in the log")
        self._drop_begun()
        length = sum(memoryview(piece).nbytes for piece in payload)
        self._write([_frame(_STEP, number, length, digest), *payload])
        self._begun = self._end + _FRAME.size + length
        if length > _LITTLE_BYTES:  # so that `finish`, for which someone waits, has little left to do
            begin_flush(self._descriptor, self._end, self._begun - self._end)

    def finish(self, answer: bytes) -> None:
        """Let the step that was begun count: it is on disk when this returns.

        Args:
            answer: the SHA-256 of its answer.

        Raises:
            StorageFullError: there is no room; nothing is kept of the step, and the log goes on as it was.
            UnreliableFileError: it is not known what is on disk; the log must be opened anew.
            StoreError: the system refuses; nothing is kept of the step.
        """
        self._check_usable()
        self._write([_frame(_DONE, self._last + 1, 0, answer)])
        self._flush()
        self._last += 1
        self._end = self._begun = self._begun + _FRAME.size

    def _drop_begun(self) -> None:
        """Cut off what was begun and not finished."""
        if self._begun != self._end:
            self._cut_to(self._end)

    def _write(self, pieces: Sequence[bytes | memoryview]) -> None:
        """Write behind what is there already; after an error the log ends with the last step that counts."""
        with storage_errors(self._path):
            try:
                write_all(self._descriptor, pieces)
            except BaseException:
                self._cut_to(self._end)
                raise

    def begin_segment(self) -> None:
        """Let the steps that follow stand in a segment of their own, so that those before can be dropped.

        Raises:
            StorageFullError: there is no room; the log goes on in the segment that it has.
            StoreError: the system refuses; likewise.
        """
        self._check_usable()
        if self._end > len(_FORMAT):
            self._drop_begun()
            descriptor, end = self._descriptor, self._end
            self._begin()
            self._closed += end
            os.close(descriptor)

    def drop_through(self, number: int) -> None:
        """Remove the segments all of whose steps are `number` or come before it.

        Raises:
            StoreError: the system refuses.
        """
        segments = self._segments()
        with storage_errors(self._directory):
            for path, following in pairwise(segments):
                if _first(following) > number + 1:
                    break
                size = path.stat().st_size
                path.unlink()
                self._closed -= size
            sync_directory(self._directory)

    def steps(self, after: int) -> Iterator[LoggedStep]:
        """The steps after a number, in order.

        Raises:
            DamagedFileError: a segment does not hold what was written to it, or the first of the steps is missing.
        """
        segments = self._segments()
        if _first(segments[0]) > after + 1:
            raise DamagedFileError(segments[0], f"the log begins with step {_first(segments[0])}, not {after + 1}")
        for path in _from_step(segments, after + 1):
            for step, _ in _read(path):
                if step.number > after:
                    yield step

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _segments(self) -> list[Path]:
        return sorted(self._directory.glob("*.log"))

    def _begin(self) -> None:
        path = self._directory / f"{self._last + 1:020d}.log"
        try:
            write_file(path, [_FORMAT])
            self._open(path, len(_FORMAT))
        except BaseException:
            self._discard(path)
            raise

    def _discard(self, path: Path) -> None:
        """Remove a segment that could not be begun: the log goes on in the one before, which has these numbers then."""
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            self._failed = True
            raise UnreliableFileError(f"{path}: {error.strerror}; the log has to be opened anew") from error

    def _skip_to(self, number: int) -> None:
        """Go on behind a step that a snapshot has, though the log lost those before it."""
        _log.error("%s: the log ends with step %d; a snapshot has step %d", self._path, self._last, number)
        descriptor, end = self._descriptor, self._end
        self._last = number
        self._begin()
        self._closed += end
        os.close(descriptor)

    def _open(self, path: Path, end: int) -> None:
        """Open a segment for appending behind its sound part."""
        with storage_errors(path):
            descriptor = os.open(path, os.O_RDWR)
        self._path, self._descriptor = path, descriptor
        self._end = self._begun = end
        self.torn = os.fstat(descriptor).st_size - end
        if self.torn:
            self._cut_to(end)
            self._flush()
        os.lseek(descriptor, end, os.SEEK_SET)

    def _check_usable(self) -> None:
        if self._failed:
            raise UnreliableFileError(f"{self._path}: a write failed; the log has to be opened anew")

    def _cut_to(self, end: int) -> None:
        try:
            os.ftruncate(self._descriptor, end)
            os.lseek(self._descriptor, end, os.SEEK_SET)
            self._begun = end
        except OSError as error:
            self._failed = True
            raise UnreliableFileError(f"{self._path}: {error.strerror}; the log has to be opened anew") from error

    def _flush(self) -> None:
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            # The system may have dropped the pages, and report success the next time.
            self._failed = True
            raise UnreliableFileError(f"{self._path}: {error.strerror}; the log has to be opened anew") from error


def _frame(mark: bytes, number: int, length: int, digest: bytes) -> bytes:
    unchecked = _FRAME.pack(mark, 0, number, length, 0, digest)
    return _FRAME.pack(mark, crc32(unchecked[_CHECKED_FROM:]), number, length, 0, digest)


def _first(path: Path) -> int:
    """The number of the first step of a segment."""
    if not path.stem.isdecimal():
        raise DamagedFileError(path, "the name of a segment is the number of its first step")
    return int(path.stem)


def _from_step(segments: Sequence[Path], number: int) -> Sequence[Path]:
    """The segments from the one on that a step is in, or would be."""
    before = sum(_first(path) <= number for path in segments)
    return segments[max(before - 1, 0) :]


def _sound_part(segments: Sequence[Path]) -> tuple[int, int]:
    """The number of the last step in the log, and how long the sound part of its last segment is."""
    number, end = _first(segments[0]) - 1, 0
    for path in segments:
        if _first(path) != number + 1:
            raise DamagedFileError(path, f"the segment before it ends with step {number}; one is missing or cut short")
        end = len(_FORMAT)
        for step, end in _read(path):  # noqa: B007 - both are wanted behind the loop
            number = step.number
        if path is not segments[-1] and end < path.stat().st_size:
            raise DamagedFileError(path, f"the record at byte {end} is cut short, and a segment follows it")
    return number, end


def _read(path: Path) -> Iterator[tuple[LoggedStep, int]]:
    """The whole records of a segment, each with the place behind it. What a crash cut short at the end is left out."""
    with storage_errors(path), path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(len(_FORMAT)) != _FORMAT:
            raise DamagedFileError(path, "it does not begin as a log of this version does")
        number, place = _first(path), len(_FORMAT)
        while size - place >= _FRAME.size:
            length, digest = _checked_frame(path, place, file.read(_FRAME.size), _STEP, number)
            if length > size - place - 2 * _FRAME.size:
                return
            payload = file.read(length)
            if sha256(payload).digest() != digest:
                raise DamagedFileError(path, f"the payload of step {number}, at byte {place}, was changed")
            place += _FRAME.size + length
            _, answer = _checked_frame(path, place, file.read(_FRAME.size), _DONE, number)
            place += _FRAME.size
            yield LoggedStep(number, payload, digest, answer), place
            number += 1


def _checked_frame(path: Path, place: int, frame: bytes, mark: bytes, number: int) -> tuple[int, bytes]:
    """The length and the digest in a header or trailer.

    Raises:
        DamagedFileError: it is none, or belongs to another step.
    """
    found_mark, check, found, length, _, digest = _FRAME.unpack(frame)
    if found_mark != mark or crc32(frame[_CHECKED_FROM:]) != check:
        what = "header" if mark == _STEP else "trailer"
        raise DamagedFileError(path, f"the {what} of a record, at byte {place}, was changed")
    if found != number:
        raise DamagedFileError(path, f"the record at byte {place} is step {found}, not {number}")
    return length, digest
