"""The `Server-Timing` header (https://www.w3.org/TR/server-timing/)."""

from collections.abc import Mapping

__all__ = ["server_timing"]


def server_timing(seconds: Mapping[str, float]) -> str:
    """The header's value.

    Args:
        seconds: how long each phase took.
    """
    return ", ".join([f"{phase};dur={duration * 1e3:.3f}" for phase, duration in seconds.items()])
