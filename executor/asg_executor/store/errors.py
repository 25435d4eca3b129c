"""What can go wrong with the data directory.

ExecutorError (asg_executor.errors)
└── StoreError
    ├── DirectoryInUseError     another process owns the data directory
    ├── NewerDirectoryError     a newer version wrote the data directory
    ├── StorageFullError        there is no room for what is to be written
    ├── UnreliableFileError     what was written may not have reached the disk
    └── DamagedFileError        a file does not hold what was written to it
"""

from pathlib import Path
from typing import ClassVar

from asg_executor.errors import ExecutorError

__all__ = [
    "DamagedFileError",
    "DirectoryInUseError",
    "NewerDirectoryError",
    "StorageFullError",
    "StoreError",
    "UnreliableFileError",
]


class StoreError(ExecutorError):
    """The root of the data directory's errors."""

    code: ClassVar[str] = "store_error"


class DirectoryInUseError(StoreError):
    """Another process owns the data directory."""

    code: ClassVar[str] = "directory_in_use"


class NewerDirectoryError(StoreError):
    """A newer version than this one wrote the data directory."""

    code: ClassVar[str] = "newer_directory"


class StorageFullError(StoreError):
    """There is no room for what is to be written. Nothing of it was kept."""

    code: ClassVar[str] = "storage_full"


class UnreliableFileError(StoreError):
    """The system could not say whether what was written is on disk; the file must be opened anew before it is used."""

    code: ClassVar[str] = "storage_failed"


class DamagedFileError(StoreError):
    """A file does not hold what was written to it.

    Args:
        path: the file.
        reason: what is wrong in it, and where.
    """

    code: ClassVar[str] = "damaged_file"

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")
