"""`AcknowledgedStep`: the number of the last step that a session acknowledged, beside its log.

A log that lost its end at the border of two records looks like one that never had more. This file tells them apart. It
is written after each step is on disk, and not flushed itself, which would take as long as the step's own flush: after
a loss of power it may name an earlier step, never a later one than the log has.
"""

import logging
import os
from pathlib import Path
from zlib import crc32

from asg_executor.store.durable_files import storage_errors

__all__ = ["AcknowledgedStep"]

_log = logging.getLogger("asg_executor")


class AcknowledgedStep:
    """The file of one session. Not to be used by two threads at a time.

    Args:
        path: the file; made when it is first written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def write(self, history: str, number: int) -> None:
        """Remember a step. Where that fails, the step is on disk all the same, and only this check is weaker.

        Args:
            history: the history that the step belongs to.
            number: its number.
        """
        try:
            if self._descriptor is None:
                self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o600)
            os.pwrite(self._descriptor, _line(history, number), 0)
        except OSError as error:
            _log.warning("%s: step %d could not be noted: %s", self.path, number, error.strerror)

    def read(self, history: str) -> int:
        """The number of the last step of a history that was acknowledged; 0 where the file says nothing of it.

        Raises:
            StoreError: the system refuses.
        """
        with storage_errors(self.path):
            try:
                content = self.path.read_bytes()
            except FileNotFoundError:
                return 0
        own, _, rest = content.decode(errors="replace").partition(" ")
        number = rest.partition(" ")[0]
        if not (number.isascii() and number.isdecimal() and content == _line(own, int(number))):
            if content.strip(b"\0"):  # else a loss of power came before it reached the disk
                _log.error("%s: it does not hold what was written to it; the end of the log is not checked", self.path)
            return 0
        return int(number) if own == history else 0

    def close(self) -> None:
        """Close the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _line(history: str, number: int) -> bytes:
    text = f"{history} {number:020d}"
    return f"{text} {crc32(text.encode()):08x}\n".encode()
