"""Large bodies on their way: bars that show how far they are, and files that are received piece by piece."""

import base64
import hashlib
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias
from uuid import uuid4

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from rich.progress import Progress as RichProgress

from asg_builder.client.request import TransferProgress
from asg_schema.errors import AsgError

__all__ = ["NewFile", "Progress", "reporting"]

Progress: TypeAlias = TransferProgress | bool
"""Who is told of a transfer's progress: a function, or a bar where standard error is a terminal; or nobody."""

_DIGEST = "sha-256=:"


@contextmanager
def reporting(progress: Progress, label: str) -> Generator[TransferProgress | None]:
    """What to tell of a transfer's progress, in `with`.

    Args:
        progress: True for a bar, a function to be told, or False.
        label: what the bar is of.
    """
    if not isinstance(progress, bool):
        yield progress
        return
    console = Console(stderr=True)
    if not progress or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


class NewFile:
    """A file that comes to be whole or not at all, in `with`. It receives the body of an answer (see `Receiver`).

    Args:
        path: the file.
        received: told of the progress.

    Raises:
        AsgError: it cannot be written.
    """

    def __init__(self, path: str | os.PathLike[str], received: TransferProgress | None) -> None:
        self._target = Path(path)
        if not self._target.name:
            raise AsgError(f'cannot write "{os.fspath(path)}": it names no file')
        self._received = received
        # Not a file of `tempfile`: only its owner could read those.
        self._beside = self._target.with_name(f".{self._target.name}.{uuid4().hex}")
        with self._writing():
            self._file = self._beside.open("wb")
        self._start_anew(0)

    def _start_anew(self, length: int) -> None:
        self._length, self._done, self._hash = length, 0, hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()
        self._beside.unlink(missing_ok=True)

    def begin(self, length: int) -> None:
        """A body of so many bytes comes, and what came before is void."""
        self._start_anew(length)
        with self._writing():
            self._file.seek(0)
            self._file.truncate()

    def write(self, chunk: bytes) -> None:
        """The next piece of the file."""
        with self._writing():
            self._file.write(chunk)
        self._hash.update(chunk)
        self._done += len(chunk)
        if self._received is not None:
            self._received(self._done, self._length)

    def finish(self, headers: Mapping[str, str]) -> str:
        """What is wrong with what was received, by the server's checksum of it (RFC 9530), or nothing."""
        stated = headers.get("content-digest", "")
        if not stated.startswith(_DIGEST):
            return ""
        found = base64.b64encode(self._hash.digest()).decode()
        if stated.removeprefix(_DIGEST).partition(":")[0] == found:
            return ""
        return f"the {self._done} bytes that arrived have not the checksum that the server gives them"

    def keep(self) -> None:
        """Have the file under its name, and on the disk.

        Raises:
            AsgError: it cannot be written.
        """
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._beside.replace(self._target)

    @contextmanager
    def _writing(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            raise AsgError(f"cannot write {self._target}: {error.strerror or error}") from None
