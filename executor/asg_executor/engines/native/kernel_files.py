"""`KernelFiles`: machine code that is kept on disk, from one process to the next."""

import hashlib
import logging
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

__all__ = ["KernelFiles"]

_logger = logging.getLogger(__name__)
_MAGIC = b"ASG machine code\n"
_DIGEST_BYTES = hashlib.sha256().digest_size
_MOST_BYTES = 256 * 1024 * 1024  # some thirty thousand kernels
_LOOKS = 16  # how often it is looked whether there are too many, while so many bytes are added
_TEMPORARY = ".new"


class KernelFiles:
    """A directory of object files, each with a checksum. What is damaged counts as not there.

    Where the directory cannot be written, or where others could write machine code into it, nothing is kept; that is
    logged once. The files that were not used for the longest time go first.

    Args:
        directory: it is made where it does not exist.
        most_bytes: how many bytes the files may take together, about.
    """

    def __init__(self, directory: Path, most_bytes: int = _MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._unchecked_bytes = most_bytes  # so that the first write looks, too
        self._usable: bool | None = None

    def read(self, key: str) -> bytes | None:
        """The object file of a key, if it is there and whole.

        Args:
            key: a digest in hexadecimal.
        """
        if not self._is_usable():
            return None
        path = self._path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._give_up(error)
            return None
        code = _unpacked(key, content)
        if code is None:
            _logger.warning("the machine code in %s is damaged, and is compiled anew", path)
            return None
        with suppress(OSError):  # a directory that may be read alone has no order of use, and needs none
            os.utime(path)
        return code

    def write(self, key: str, code: bytes) -> None:
        """Keep an object file.

        Args:
            key: a digest in hexadecimal.
            code: the file.
        """
        if not self._is_usable():
            return
        content = _packed(key, code)
        try:
            _write_whole(self._path(key), content)
            self._unchecked_bytes += len(content)
            if self._unchecked_bytes >= self._most_bytes // _LOOKS:
                self._unchecked_bytes = 0
                self._remove_oldest()
        except OSError as error:
            self._give_up(error)

    def _path(self, key: str) -> Path:
        return self._directory / key

    def _is_usable(self) -> bool:
        if self._usable is None:
            try:
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                _check_ours(self._directory)
                self._usable = True
            except OSError as error:
                self._give_up(error)
        return bool(self._usable)

    def _give_up(self, error: OSError) -> None:
        if self._usable is not False:
            _logger.warning("machine code is not kept from one process to the next: %s", error)
        self._usable = False

    def _remove_oldest(self) -> None:
        found: list[tuple[float, int, Path]] = []
        for entry in os.scandir(self._directory):
            with suppress(FileNotFoundError):  # another process may remove it meanwhile
                status = entry.stat(follow_symlinks=False)
                found.append((status.st_mtime, status.st_size, Path(entry.path)))
        excess = sum(size for _, size, _ in found) - self._most_bytes
        for _, size, path in sorted(found):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size


def _check_ours(directory: Path) -> None:
    """Code that others could have put there would run with this user's rights."""
    if not hasattr(os, "geteuid"):
        return
    status = directory.stat()
    if status.st_uid not in (os.geteuid(), 0) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"{directory} can be written by other users; remove it, or name another in ASG_KERNEL_CACHE"
        )


def _packed(key: str, code: bytes) -> bytes:
    return _MAGIC + _checksum(key, code) + code


def _unpacked(key: str, content: bytes) -> bytes | None:
    begin = len(_MAGIC) + _DIGEST_BYTES
    code = content[begin:]
    return code if content[:begin] == _MAGIC + _checksum(key, code) else None


def _checksum(key: str, code: bytes) -> bytes:
    return hashlib.sha256(key.encode() + code).digest()


def _write_whole(path: Path, content: bytes) -> None:
    """Other processes see the file whole or not at all."""
    handle, name = tempfile.mkstemp(suffix=_TEMPORARY, dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
