"""A disk that stops at a chosen moment: what a process does to the files of a directory, counted, and broken off.

The functions of `os` that change files, and the commits of SQLite, are wrapped while a `FaultyDisk` is entered. Each
call is one operation. At the chosen one the fault happens:

- `CRASH`: nothing of it reaches the disk, and nothing after it: the files are what a killed process leaves.
- `ENOSPC` and others: it fails with this error, as does every one like it after it, until `mend`, or `once`.

A write of several bytes is two operations, of half the bytes each, so that a crash falls into the middle, too, and the
program has to cope with short writes.
"""

import errno
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fault_harness.durable_state import DurableState

__all__ = ["CRASH", "NEVER", "FaultyDisk"]

CRASH = 0
"""The fault that lets nothing reach the disk any more."""

NEVER = -1
"""The number of an operation that does not come."""

_BY_DESCRIPTOR = ("write", "writev", "pwrite", "pwritev", "fsync", "fdatasync", "ftruncate")
_BY_PATH = ("rename", "replace", "mkdir", "rmdir", "unlink", "remove", "truncate", "link", "symlink")
_WRITES = frozenset({"write", "writev", "pwrite", "pwritev"})
# What needs room on the disk: other operations do not fail where there is none.
_NEEDS_ROOM = frozenset({*_WRITES, "create", "mkdir", "commit"})


class FaultyDisk:
    """The files under a directory, with one fault.

    Args:
        root: the directory.
        at: the number of the operation that the fault happens at, from 0.
        fault: `CRASH`, or the number of the system's error.
        only: the kinds of operations that fail with an error; absent: those that need room, for `ENOSPC` and the like,
            else all.
        follows: whether to follow what is durable.
        once: whether one operation fails, and no other after it.

    Attributes:
        operations: what was done so far, each as its kind and its path.
        at: the number of the operation that the fault happens at.
        durable: what a loss of power would leave, if that is followed.
        happened: whether the fault came to pass.
    """

    def __init__(
        self,
        root: Path,
        at: int = NEVER,
        fault: int = CRASH,
        only: frozenset[str] | None = None,
        *,
        follows: bool = True,
        once: bool = False,
    ) -> None:
        self.root = root.resolve()
        self.operations: list[str] = []
        self.durable = DurableState(self.root) if follows else None
        self.happened = False
        self.at, self._fault, self._once = at, fault, once
        self._only = _NEEDS_ROOM if only is None and fault in (errno.ENOSPC, errno.EFBIG) else only
        self._begun_writes: set[int] = set()
        self._originals: dict[str, Any] = {}
        self._lock = threading.RLock()

    def __enter__(self) -> Self:
        for name in (*_BY_DESCRIPTOR, *_BY_PATH, "open"):
            self._originals[name] = getattr(os, name)
        for name in _BY_DESCRIPTOR:
            setattr(os, name, self._descriptor_function(name))
        for name in _BY_PATH:
            setattr(os, name, self._path_function(name))
        os.open = self._open
        self._originals["connect"] = sqlite3.connect
        sqlite3.connect = self._connect
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sqlite3.connect = self._originals.pop("connect")
        for name, function in self._originals.items():
            setattr(os, name, function)

    def fail_from_now_on(self) -> None:
        """Let the fault happen at the next operation."""
        self.at = len(self.operations)

    def mend(self) -> None:
        """Let operations succeed again."""
        self.at = NEVER

    def operation(self, kind: str, path: object) -> None:
        """Count an operation that is about to happen.

        Raises:
            OSError: it does not happen.
        """
        number = len(self.operations)
        relative = str(path).removeprefix(f"{self.root}/")
        self.operations.append(f"{kind} {relative}")
        fails = self._fault == CRASH or self._only is None or kind in self._only
        if number >= self.at >= 0 and fails:
            self.happened = True
            if self._once:
                self.mend()
            code = self._fault or errno.EIO
            raise OSError(code, os.strerror(code), str(path))

    def _inside(self, path: object) -> bool:
        text = str(path)
        return text == str(self.root) or text.startswith(f"{self.root}/")

    def _path_of(self, descriptor: int) -> str:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink()).removesuffix(" (deleted)")

    def _absolute(self, path: Any, dir_fd: int | None) -> str:
        base = Path.cwd() if dir_fd is None else Path(self._path_of(dir_fd))
        return str(base / os.fsdecode(path))

    def _descriptor_function(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def wrapped(descriptor: Any, *arguments: Any) -> Any:
            number: int = descriptor if isinstance(descriptor, int) else descriptor.fileno()
            path = self._path_of(number)
            if not self._inside(path):
                return original(descriptor, *arguments)
            with self._lock:
                self.operation(name, path)
                if name == "write":
                    arguments = (self._half(number, arguments[0]),)
                result = original(descriptor, *arguments)
                if name in ("fsync", "fdatasync") and self.durable is not None:
                    self.durable.synced(number, path)
                return result

        return wrapped

    def _half(self, descriptor: int, data: Any) -> memoryview:
        """The first half of what is to be written; all of it where the half before was written."""
        view = memoryview(data).cast("B")
        if descriptor in self._begun_writes or len(view) < 2:
            self._begun_writes.discard(descriptor)
            return view
        self._begun_writes.add(descriptor)
        return view[: len(view) // 2]

    def _path_function(self, name: str) -> Callable[..., Any]:
        original = self._originals[name]

        def wrapped(path: Any, *arguments: Any, **options: Any) -> Any:
            where = self._absolute(path, options.get("dir_fd") or options.get("src_dir_fd"))
            if not self._inside(where) or (name == "mkdir" and Path(where).exists()):
                return original(path, *arguments, **options)
            with self._lock:
                self.operation(name, where)
                result = original(path, *arguments, **options)
                if name == "mkdir" and self.durable is not None:
                    self.durable.made(where)
                return result

        return wrapped

    def _open(self, path: Any, flags: int, *arguments: Any, **options: Any) -> int:
        original: Callable[..., int] = self._originals["open"]
        where = self._absolute(path, options.get("dir_fd"))
        changes = flags & os.O_CREAT and not Path(where).exists()
        if not (changes and self._inside(where)):
            return original(path, flags, *arguments, **options)
        with self._lock:
            self.operation("create", where)
            descriptor = original(path, flags, *arguments, **options)
            if self.durable is not None:
                self.durable.made(where)
            return descriptor

    def _connect(self, database: Any, *arguments: Any, **options: Any) -> sqlite3.Connection:
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql: str, parameters: Any = ()) -> sqlite3.Cursor:
                if sql.strip().upper().startswith("COMMIT"):
                    disk.commit(database)
                return super().execute(sql, parameters)

            def executescript(self, sql_script: str) -> sqlite3.Cursor:
                disk.commit(database)
                return super().executescript(sql_script)

        connect: Callable[..., sqlite3.Connection] = self._originals["connect"]
        return connect(database, *arguments, factory=Connection, **options)

    def commit(self, database: Any) -> None:
        """Count a commit.

        Raises:
            sqlite3.OperationalError: it does not happen.
        """
        try:
            with self._lock:
                self.operation("commit", database)
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EFBIG)
            refusal = sqlite3.OperationalError("database or disk is full" if full else "disk I/O error")
            refusal.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
            raise refusal from None
