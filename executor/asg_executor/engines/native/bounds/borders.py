"""`Borders`: the bytes around what a kernel writes, by which it shows whether its machine code writes more."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asg_executor.engines.native.bounds.table import Range
from asg_executor.plan.arrays import Array

__all__ = ["Borders", "Change"]

_WIDTH = 256  # bytes; several vectors
_PATTERN = 0xA5


class Change(NamedTuple):
    """A byte that changed though it should not have.

    Attributes:
        array: beside what.
        distance: how many bytes behind the array's last one; negative: before its first one.
        total: how many bytes on that side changed.
    """

    array: Range
    distance: int
    total: int


class _Side(NamedTuple):
    """What lies before an array, or behind it.

    Attributes:
        array: the array.
        begin: the address of the first byte.
        bytes: the bytes.
        watched: which of them have to stay what they are.
        filled: which of those nobody reads meanwhile: they hold a pattern, so that nothing written goes unnoticed.
    """

    array: Range
    begin: int
    bytes: Array
    watched: Array
    filled: Array


class Borders:
    """The neighbours of arrays within a block of memory.

    Args:
        block: the block, in bytes.
        arrays: what may change. Those that lie elsewhere have no neighbours here.
        read: what may be read meanwhile.
    """

    def __init__(self, block: Array, arrays: Sequence[Range], read: Sequence[Range]) -> None:
        first = block.ctypes.data
        inside = [item for item in arrays if first <= item.begin and item.end <= first + block.nbytes]
        self._sides: list[_Side] = []
        for item in inside:
            for begin, end in ((item.begin - _WIDTH, item.begin), (item.end, item.end + _WIDTH)):
                begin, end = max(begin, first), min(end, first + block.nbytes)
                bytes = block[begin - first : end - first]
                watched = _outside(begin, end, arrays)
                self._sides.append(_Side(item, begin, bytes, watched, watched & _outside(begin, end, read)))
        self._before: list[Array] = []
        self._expected: list[Array] = []

    def begin(self) -> None:
        """Begin to watch."""
        self._before = [side.bytes.copy() for side in self._sides]
        for side in self._sides:
            side.bytes[side.filled] = _PATTERN
        self._expected = [side.bytes.copy() for side in self._sides]

    def end(self) -> None:
        """Cease to watch: all is again what it was."""
        for side, before in zip(self._sides, self._before, strict=True):
            side.bytes[side.filled] = before[side.filled]

    def change(self) -> Change | None:
        """The first byte that has changed since `begin`; None where there is none."""
        for (item, begin, bytes, watched, _), expected in zip(self._sides, self._expected, strict=True):
            places = np.flatnonzero((bytes != expected) & watched)
            if places.size:
                address = begin + int(places[0] if begin >= item.end else places[-1])
                distance = address - item.end + 1 if begin >= item.end else address - item.begin
                return Change(item, distance, int(places.size))
        return None


def _outside(begin: int, end: int, arrays: Sequence[Range]) -> Array:
    """Which of some bytes belong to none of the arrays."""
    outside = np.ones(end - begin, np.bool_)
    for item in arrays:
        outside[max(item.begin - begin, 0) : max(item.end - begin, 0)] = False
    return outside
