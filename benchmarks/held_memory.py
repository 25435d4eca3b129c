"""How much memory this process holds, as Linux tells it."""

from pathlib import Path

__all__ = ["forget_peak", "held_bytes", "peak_bytes"]

_STATUS = Path("/proc/self/status")


def held_bytes() -> int | None:
    """The bytes that the process holds; None where the system does not tell."""
    return _field("VmRSS")


def peak_bytes() -> int | None:
    """The bytes that the process held at most since `forget_peak`; None where the system does not tell."""
    return _field("VmHWM")


def forget_peak() -> None:
    """Count the peak anew from what is held now, where the system can."""
    if _STATUS.exists():
        Path("/proc/self/clear_refs").write_text("5")


def _field(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    return next(int(line.split()[1]) * 1024 for line in _STATUS.read_text().splitlines() if line.startswith(name))
