"""How busy the cores of this machine are, whoever computes, as Linux tells it."""

import os
from pathlib import Path

from asg_executor.cores import available_cores

__all__ = ["busy_seconds"]

_STATISTICS = Path("/proc/stat")
_IDLE_FIELDS = (3, 4)  # idle, and waiting for a device
_FIELDS = 8  # those behind are counted among these already; the last of these is time that another machine took


def busy_seconds() -> float | None:
    """The time for which the cores have been busy since the machine started, in seconds of one core.

    None where the system does not tell it, or where this process may not use all cores that it tells of.
    """
    if not _STATISTICS.exists():
        return None
    lines = [line.split() for line in _STATISTICS.read_text().splitlines() if line.startswith("cpu")]
    if len(lines) - 1 != available_cores():
        return None
    ticks = [int(field) for field in lines[0][1 : 1 + _FIELDS]]
    busy = sum(ticks) - sum(ticks[index] for index in _IDLE_FIELDS)
    return busy / os.sysconf("SC_CLK_TCK")
