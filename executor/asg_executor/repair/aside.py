"""`Aside`: where a repair keeps what it takes away: `damaged-<time>/` in the data directory."""

import json
import os
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from asg_executor.store.durable_files import make_directory, storage_errors, sync_directory, write_file

__all__ = ["Aside"]


class Aside:
    """The directory that has what was taken away. It is made when there is something.

    Args:
        root: the data directory.

    Attributes:
        path: where it is.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self.path = root / f"damaged-{datetime.now(UTC).strftime('%Y%m%dT%H%M%S.%fZ')}"

    def move(self, path: Path) -> None:
        """Take a file or directory away from where it is.

        Args:
            path: in the data directory; it keeps its path below this one.
        """
        target = self.path / path.relative_to(self._root)
        make_directory(target.parent)
        with storage_errors(path):
            path.rename(target)
            sync_directory(target.parent)
            sync_directory(path.parent)

    def copy(self, path: Path) -> None:
        """Keep a copy of a file, if there is one, flushed to the disk."""
        make_directory(self.path)
        target = self.path / path.name
        with storage_errors(target):
            if not path.exists():
                return
            shutil.copyfile(path, target)
            descriptor = os.open(target, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            sync_directory(self.path)

    def write_report(self, report: Mapping[str, Any]) -> None:
        """Keep what was found, beside what was taken away."""
        make_directory(self.path)
        write_file(self.path / "report.json", [json.dumps(report, indent=1).encode()])
