"""Timing several candidates fairly on a noisy machine: in turns, so that all see the same weather."""

import gc
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple

__all__ = ["Timing", "time_in_turns", "time_once"]


class Timing(NamedTuple):
    """Milliseconds per call."""

    minimum: float
    median: float


def time_in_turns(
    candidates: Mapping[str, Callable[[], object]], *, seconds: float, rounds: int = 12
) -> dict[str, Timing]:
    """Time each candidate in `rounds` short bursts, A B C A B C.

    Args:
        candidates: what to call, by name.
        seconds: how long to spend on each candidate in all.
        rounds: the number of bursts.

    Returns:
        The minimum and the median over all calls of a candidate.
    """
    samples: dict[str, list[float]] = {name: [] for name in candidates}
    for call in candidates.values():
        for _ in range(3):
            call()
    gc.collect()
    gc.disable()
    try:
        for _ in range(rounds):
            for name, call in candidates.items():
                _burst(call, samples[name], seconds / rounds)
    finally:
        gc.enable()
    return {name: Timing(min(times), median(times)) for name, times in samples.items()}


def _burst(call: Callable[[], object], times: list[float], seconds: float) -> None:
    clock = time.perf_counter
    end = clock() + seconds
    call()  # brings the candidate's data back into the caches
    while True:
        start = clock()
        call()
        stop = clock()
        times.append((stop - start) * 1e3)
        if stop >= end:
            return


def time_once(call: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
