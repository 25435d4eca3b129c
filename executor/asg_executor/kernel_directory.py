"""Where the machine code of native kernels is kept from one process to the next."""

import os
from pathlib import Path

import platformdirs

__all__ = ["keep_kernels_in", "kernel_directory"]

_VARIABLE = "ASG_KERNEL_CACHE"

_named: list[Path] = []


def keep_kernels_in(directory: Path) -> None:
    """Name the directory, for the whole process and before anything is compiled.

    Args:
        directory: it is made where it does not exist.
    """
    _named[:] = [directory]


def kernel_directory() -> Path:
    """The directory that was named, else that of `ASG_KERNEL_CACHE`, else one of the user's for what is at hand."""
    if _named:
        return _named[0]
    named = os.environ.get(_VARIABLE)
    return Path(named) if named else platformdirs.user_cache_path("asg") / "kernels"
