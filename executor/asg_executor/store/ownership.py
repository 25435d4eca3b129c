"""`DirectoryLock`: one process owns a data directory at a time."""

import fcntl
import logging
import os
from pathlib import Path

from asg_executor.store.durable_files import make_directory, storage_errors
from asg_executor.store.errors import DirectoryInUseError

__all__ = ["DirectoryLock"]

_NAME = "owner.lock"

_log = logging.getLogger("asg_executor")


class DirectoryLock:
    """The ownership of a data directory, from construction until `release` or the end of the process.

    The system holds the lock for the open file, so it is gone with the process, however that ends. The number in the
    file is for people.

    Args:
        directory: the data directory; made where there is none.

    Raises:
        DirectoryInUseError: another process owns it.
        StoreError: the directory cannot be used.
    """

    def __init__(self, directory: Path) -> None:
        make_directory(directory)
        path = directory / _NAME
        with storage_errors(path):
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(self._descriptor, 32).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise DirectoryInUseError(
                f"{directory} is in use by the process {owner or 'that holds its lock'}; stop it, or name another "
                "data directory"
            ) from None
        try:
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, f"{os.getpid()}\n".encode())
        except OSError as error:
            # The lock is what counts, and a full disk must not keep the service from starting.
            _log.warning("%s: the number of the process could not be written: %s", path, error.strerror)

    def release(self) -> None:
        """Let another process have the directory. Again, it does nothing: the number may be another file's by then."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
