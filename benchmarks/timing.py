"""Timing a single call."""

import time
from collections.abc import Callable

__all__ = ["time_once"]


def time_once(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
