"""`machine_memory`: how much memory this process can have at all."""

import os
from pathlib import Path

__all__ = ["machine_memory"]

_UNKNOWN_BYTES = 8 * 2**30
_CONTROL_GROUPS = Path("/sys/fs/cgroup")


def machine_memory(control_groups: Path = _CONTROL_GROUPS) -> int:
    """The machine's memory in bytes, or what its container may have of it, if that is less.

    Args:
        control_groups: where the kernel shows the limits of containers.
    """
    found = [_physical_bytes()]
    # Version 2 of the kernel's interface, and version 1, as a container sees its own.
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        try:
            text = (control_groups / name).read_text().strip()
        except OSError:
            continue
        if text.isdecimal() and int(text) > 0:
            found.append(int(text))
    return min(found)


def _physical_bytes() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # not a POSIX system
        return _UNKNOWN_BYTES
