"""Files that are on disk, whole, once a function returns.

A file is written under another name, flushed to the disk, renamed, and the directory is flushed: after a crash there is
the old file or the new one, never a part of it. (Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014,
have what can happen otherwise.)
"""

import ctypes
import errno
import logging
import os
import shutil
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from asg_executor.store.errors import StorageFullError, StoreError

__all__ = [
    "TEMPORARY_PREFIX",
    "begin_flush",
    "discard_file",
    "make_directory",
    "remove_tree",
    "remove_unfinished",
    "storage_errors",
    "sync_directory",
    "write_all",
    "write_directory",
    "write_file",
]

TEMPORARY_PREFIX = ".writing-"
"""What the names of files and directories begin with that are not finished yet."""

_log = logging.getLogger("asg_executor")

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def _find_begin_write_out() -> Callable[[int, int, int, int], int] | None:
    """Linux's `sync_file_range`, which Python does not have; None elsewhere."""
    try:
        function = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError, TypeError):
        return None
    function.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]
    return function


_begin_write_out = _find_begin_write_out()
_SYNC_FILE_RANGE_WRITE = 2  # <fcntl.h>: hand the pages to the disk that are not with it yet


@contextmanager
def storage_errors(path: Path) -> Generator[None]:
    """Turn the system's errors about `path` into those of the store.

    Raises:
        StorageFullError: there is no room, or the file would be larger than it may.
        StoreError: anything else that the system refuses.
    """
    try:
        yield
    except OSError as error:
        reason = f"{path}: {error.strerror or error}"
        if error.errno in _NO_ROOM:
            raise StorageFullError(f"{reason}; nothing was kept of it") from error
        raise StoreError(reason) from error


def write_all(descriptor: int, buffers: Sequence[bytes | memoryview]) -> None:
    """Write buffers to a file one after another, however often the system stops short."""
    for buffer in buffers:
        rest = memoryview(buffer).cast("B")
        while len(rest):
            rest = rest[os.write(descriptor, rest) :]


def begin_flush(descriptor: int, start: int, length: int) -> None:
    """Let the disk begin with what was written to a file, without waiting for it.

    Nothing is promised before the file is flushed; that takes less time then. Where the system has no such call, or
    refuses it, nothing happens: what goes wrong with the disk, the flush will say.

    Args:
        descriptor: the file.
        start: the place of the first byte.
        length: how many bytes.
    """
    if _begin_write_out is not None:
        _begin_write_out(descriptor, start, length, _SYNC_FILE_RANGE_WRITE)


def sync_directory(path: Path) -> None:
    """Have the names in a directory on disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_directory(path: Path) -> None:
    """Make a directory, where there is none, and have its name on disk."""
    with storage_errors(path):
        missing = [place for place in (path, *path.parents) if not place.exists()]
        path.mkdir(parents=True, exist_ok=True)
        for place in reversed(missing):
            sync_directory(place.parent)


def write_file(path: Path, buffers: Sequence[bytes | memoryview]) -> None:
    """Write a file whole, in place of one that may be there.

    Raises:
        StorageFullError: there is no room; what was there before still is.
        StoreError: the system refuses for another reason; likewise.
    """
    with storage_errors(path):
        _replace(path, lambda temporary: _write_new(temporary, buffers))


def write_directory(path: Path, files: dict[str, Sequence[bytes | memoryview]]) -> None:
    """Write a directory with files, whole; there must be none of that name.

    Raises:
        StorageFullError: there is no room; nothing is kept.
        StoreError: the system refuses for another reason; likewise.
    """

    def write(temporary: Path) -> None:
        temporary.mkdir()
        for name, buffers in files.items():
            _write_new(temporary / name, buffers)
        sync_directory(temporary)

    with storage_errors(path):
        _replace(path, write)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Let `write` make a file or directory beside `path`, and give it that name."""
    temporary = path.with_name(f"{TEMPORARY_PREFIX}{uuid4().hex}")
    try:
        write(temporary)
        temporary.rename(path)
    except BaseException:
        _discard(temporary)
        raise
    sync_directory(path.parent)


def _write_new(path: Path, buffers: Sequence[bytes | memoryview]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        write_all(descriptor, buffers)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _discard(path: Path) -> None:
    """Remove what could not be finished; where that fails too, the next start removes it."""
    with suppress(OSError):
        _remove(path)


def discard_file(path: Path) -> None:
    """Remove a file that does not count any more; where that fails, the next start removes it."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.warning("%s is not needed any more, and could not be removed: %s", path, error.strerror)


def remove_tree(path: Path) -> None:
    """Remove a directory, or a file, as one step: a crash leaves an unfinished name, not half a directory.

    Raises:
        StoreError: the system refuses.
    """
    with storage_errors(path):
        condemned = path.with_name(f"{TEMPORARY_PREFIX}{uuid4().hex}")
        try:
            path.rename(condemned)
        except FileNotFoundError:
            return
        sync_directory(path.parent)
        _remove(condemned)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_unfinished(directory: Path) -> None:
    """Remove what a crash left unfinished in a directory.

    Raises:
        StoreError: the system refuses.
    """
    with storage_errors(directory):
        for path in directory.glob(f"{TEMPORARY_PREFIX}*"):
            _remove(path)
