"""`arrange`: where buffers lie in one piece of memory, whose lifetimes are known beforehand."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asg_executor.plan.arena import ALIGNMENT, Arena
from asg_executor.plan.arrays import Array

__all__ = ["Arrangement", "Buffer", "arrange"]

_MOST = 4096  # buffers: placing them in another order than that in time takes quadratic time
_PLACED = 1000  # how many buffers are placed again, each some 20 µs, to find a better order


class Buffer(NamedTuple):
    """Memory that is needed for a while.

    Attributes:
        size: how many bytes it has.
        first: when it is needed first.
        last: when it is needed last; not before `first`.
    """

    size: int
    first: int
    last: int


class Arrangement(NamedTuple):
    """Where buffers lie.

    Attributes:
        begins: the first byte of each.
        size: how many bytes all of them span.
    """

    begins: Sequence[int]
    size: int


def arrange(buffers: Sequence[Buffer]) -> Arrangement:
    """Places for buffers, so that no two that are needed at the same time overlap.

    Of three ways the one that takes the least memory: one after another in time, each in the smallest hole that fits;
    the largest first, each in the smallest gap between those that are needed while it is, as Pisarchyk and Lee propose
    (Efficient Memory Management for Deep Neural Net Inference, 2020); or so, those first that are needed for longest.
    Where the last two leave gaps, the buffer that lies highest is placed first, a few times.

    Args:
        buffers: the buffers.
    """
    best, least = _one_after_another(buffers), _least(buffers)
    if best.size <= least or len(buffers) > _MOST:
        return best
    for priority in (_size, _duration):
        order = sorted(range(len(buffers)), key=lambda number: priority(buffers[number]))
        for _ in range(1 + _PLACED // len(buffers)):
            found = _in_order(buffers, order)
            best = min(best, found, key=lambda arrangement: arrangement.size)
            if best.size <= least:
                return best
            highest = max(order, key=lambda number: found.begins[number] + buffers[number].size)
            order.remove(highest)
            order.insert(0, highest)
    return best


def _size(buffer: Buffer) -> tuple[int, int]:
    return -buffer.size, buffer.first


def _duration(buffer: Buffer) -> tuple[int, int]:
    return buffer.first - buffer.last, -buffer.size


def _padded(size: int) -> int:
    return max(ALIGNMENT, -(-size // ALIGNMENT) * ALIGNMENT)


def _least(buffers: Sequence[Buffer]) -> int:
    """The most bytes that are needed at one time."""
    changes = [(buffer.first, _padded(buffer.size)) for buffer in buffers]
    changes += [(buffer.last + 1, -_padded(buffer.size)) for buffer in buffers]
    needed = most = 0
    for _, change in sorted(changes):
        needed += change
        most = max(most, needed)
    return most


def _one_after_another(buffers: Sequence[Buffer]) -> Arrangement:
    arena = Arena()
    begins = [0] * len(buffers)
    ending = sorted(range(len(buffers)), key=lambda number: buffers[number].last, reverse=True)
    for number in sorted(range(len(buffers)), key=lambda number: buffers[number].first):
        while buffers[ending[-1]].last < buffers[number].first:
            arena.free(begins[ending.pop()])
        begins[number] = arena.allocate(buffers[number].size)
    return Arrangement(begins, arena.size)


def _in_order(buffers: Sequence[Buffer], order: Sequence[int]) -> Arrangement:
    """Each in the smallest gap between those before it in the order that are needed while it is."""
    placed = np.zeros((4, len(buffers)), np.int64)  # first, last, begin and end of those that have a place
    begins = [0] * len(buffers)
    for count, number in enumerate(order):
        buffer, size = buffers[number], _padded(buffers[number].size)
        first, last, begin, end = placed[:, :count]
        meeting = (first <= buffer.last) & (last >= buffer.first)
        begins[number] = _place(begin[meeting], end[meeting], size)
        placed[:, count] = buffer.first, buffer.last, begins[number], begins[number] + size
    return Arrangement(begins, int(placed[3].max(initial=0)))


def _place(begins: Array, ends: Array, size: int) -> int:
    """Where the smallest gap between ranges begins that has this size; else where the last of them ends."""
    order = np.argsort(begins, kind="stable")
    reached = np.maximum.accumulate(np.concatenate(([0], ends[order])))
    gaps = begins[order] - reached[:-1]
    fitting = np.flatnonzero(gaps >= size)
    chosen = fitting[np.argmin(gaps[fitting])] if fitting.size else -1
    return int(reached[chosen])
