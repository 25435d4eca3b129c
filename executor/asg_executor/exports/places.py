"""`ExportPlace`: a directory of files behind a URL, each read and written whole.

`file://` is this machine's, written as the data directory is: flushed, and renamed once it is whole. All other kinds
are those of the library fsspec (`s3://`, `gs://`, `az://`, `sftp://`, `memory://`, …).
"""

import importlib
import logging
import os
import re
import stat
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from asg_executor.exports.errors import DamagedExportError, ExportError, ExportUnavailableError, UnknownExportError
from asg_executor.store.durable_files import make_directory, storage_errors, write_file
from asg_executor.store.errors import StorageFullError, StoreError

__all__ = ["ExportPlace", "is_prefix", "open_place"]

_log = logging.getLogger("asg_executor")

_FILE = "file://"
_PREFIX = re.compile(r"(?!https?:)[a-z][a-z0-9+.-]*://[^\s?#*\[\]\\%]*/\Z")
_CHUNK_BYTES = 2**20


class ExportPlace(Protocol):
    """A directory behind a URL.

    Attributes:
        url: the URL, which ends with a slash.
    """

    url: str

    def read(self, name: str, limit: int) -> bytes:
        """The content of a file.

        Args:
            name: its name.
            limit: how many bytes it has at most.

        Raises:
            UnknownExportError: there is none.
            DamagedExportError: it is longer, or no ordinary file.
            ExportError: the storage failed.
        """
        ...

    def write(self, name: str, pieces: Sequence[bytes | memoryview]) -> None:
        """Write a file whole, in place of one that may be there.

        Args:
            name: its name.
            pieces: its content.

        Raises:
            ExportError: the storage failed.
            StorageFullError: there is no room on this machine; nothing is kept of it.
        """
        ...


def is_prefix(text: str) -> bool:
    """Whether a text can be the beginning of URLs that are exported to: `<kind>://<place>/`.

    Not of `http:` and `https:`, to which nothing can be written and which lead elsewhere, nor a chain of kinds.
    """
    return _PREFIX.match(text) is not None and "::" not in text


def open_place(prefix: str, rest: str) -> ExportPlace:
    """The directory at `<prefix><rest>/`.

    Args:
        prefix: a beginning for which `is_prefix` holds.
        rest: the names of the directories below, with slashes between them; none is `..`.

    Raises:
        ExportUnavailableError: the library for the kind of URL is not installed.
        ExportError: the path of a `file:` URL leads out of the prefix.
    """
    if prefix.startswith(_FILE):
        return _LocalPlace(prefix, rest)
    return _RemotePlace(f"{prefix}{rest}/")


class _LocalPlace:
    """A directory of this machine. No symbolic link leads out of the prefix, or is followed to a file.

    Args:
        prefix: the URL that it lies below.
        rest: the path from there.
    """

    def __init__(self, prefix: str, rest: str) -> None:
        self.url = f"{prefix}{rest}/"
        root = Path(prefix.removeprefix(_FILE)).resolve()
        self._path = (root / rest).resolve()
        if not self._path.is_relative_to(root):
            raise ExportError(f"{self.url}: a symbolic link leads out of {prefix}")

    def read(self, name: str, limit: int) -> bytes:
        path = self._path / name
        with self._errors(path):
            try:
                # A pipe or a device must neither be waited for nor read.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            except (FileNotFoundError, NotADirectoryError):
                raise UnknownExportError(f"there is no file {self.url}{name}") from None
            with os.fdopen(descriptor, "rb") as file:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    raise DamagedExportError(self.url + name, "it is no ordinary file")
                return _bounded(self.url + name, file.read, limit)

    def write(self, name: str, pieces: Sequence[bytes | memoryview]) -> None:
        with self._errors(self._path / name):
            make_directory(self._path)
            write_file(self._path / name, pieces)

    @staticmethod
    @contextmanager
    def _errors(path: Path) -> Generator[None]:
        """Turn what the system says into an error of exports; a full disk stays one."""
        try:
            with storage_errors(path):
                yield
        except StorageFullError:
            raise
        except StoreError as error:
            raise ExportError(str(error)) from error


def _bounded(url: str, read: Callable[[int], bytes], limit: int) -> bytes:
    chunks: list[bytes] = []
    received = 0
    while chunk := read(_CHUNK_BYTES):
        received += len(chunk)
        if received > limit:
            raise DamagedExportError(url, f"it has more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


class _RemotePlace:
    """A directory of a storage that fsspec knows.

    Args:
        url: the URL.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            library: Any = importlib.import_module("fsspec.core")
        except ImportError:
            raise ExportUnavailableError(
                f"{url} needs the library fsspec, which is not installed here: pip install 'asgraph[remote]'"
            ) from None
        with self._failures():
            try:
                self._storage, path = library.url_to_fs(url)
            except (ImportError, ValueError) as error:  # fsspec says which library it misses, or that it knows none
                raise ExportUnavailableError(f"{url}: {error}") from None
        self._path = str(path).rstrip("/")

    def read(self, name: str, limit: int) -> bytes:
        with self._failures():
            try:
                content: bytes = self._storage.cat_file(f"{self._path}/{name}", start=0, end=limit + 1)
            except FileNotFoundError:
                raise UnknownExportError(f"there is no file {self.url}{name}") from None
        if len(content) > limit:
            raise DamagedExportError(self.url + name, f"it has more than {limit} bytes")
        return content

    def write(self, name: str, pieces: Sequence[bytes | memoryview]) -> None:
        with self._failures():
            self._storage.makedirs(self._path, exist_ok=True)
            self._storage.pipe_file(f"{self._path}/{name}", b"".join(pieces))

    @contextmanager
    def _failures(self) -> Generator[None]:
        """Tell what the storage's library raises as an error of ours, without its text, which may have credentials."""
        try:
            yield
        except ExportError:
            raise
        except Exception as error:  # the libraries of the storages have no error in common
            _log.error("%s failed", self.url, exc_info=error)
            reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
            raise ExportError(f"{self.url}: the storage failed: {reason}; the server's log has more") from error
