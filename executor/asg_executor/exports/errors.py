"""What can go wrong with an exported checkpoint.

ExecutorError (asg_executor.errors)
└── ExportError               the other side failed
    ├── ExportUnavailableError  the library for this kind of URL is not installed
    ├── UnknownExportError      there is no exported checkpoint
    ├── ExportExistsError       there is one of another state
    └── DamagedExportError      what is there is not what was written, or no checkpoint at all
"""

from typing import ClassVar

from asg_executor.errors import ExecutorError

__all__ = ["DamagedExportError", "ExportError", "ExportExistsError", "ExportUnavailableError", "UnknownExportError"]


class ExportError(ExecutorError):
    """The storage that a URL names failed. The same request may succeed later."""

    code: ClassVar[str] = "export_failed"


class ExportUnavailableError(ExportError):
    """The library for this kind of URL is not installed."""

    code: ClassVar[str] = "export_unavailable"


class UnknownExportError(ExportError):
    """There is no exported checkpoint at the URL."""

    code: ClassVar[str] = "unknown_export"


class ExportExistsError(ExportError):
    """There is an exported checkpoint of another state at the URL."""

    code: ClassVar[str] = "export_exists"


class DamagedExportError(ExportError):
    """What is at the URL is not what was written there, or is no checkpoint.

    Args:
        url: the URL of the file.
        reason: what is wrong with it.
    """

    code: ClassVar[str] = "export_damaged"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url}: {reason}")
