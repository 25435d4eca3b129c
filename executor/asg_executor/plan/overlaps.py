"""`Overlaps`: which of many arrays lie in the memory of another, without a look at each."""

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate

from numpy.lib.array_utils import byte_bounds

from asg_executor.plan.arrays import Array

__all__ = ["Overlaps"]


class Overlaps:
    """Arrays by the memory that they span, from their first to their last byte, gaps included.

    Args:
        arrays: the arrays, by name.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        spans = sorted((*byte_bounds(array), name) for name, array in arrays.items() if array.size)
        self._names = [name for _, _, name in spans]
        self._begins = [begin for begin, _, _ in spans]
        self._ends = [end for _, end, _ in spans]
        # How far the spans up to each one reach, so that a search backwards knows when no more can follow.
        self._reach = list(accumulate(self._ends, max))

    def of(self, array: Array) -> list[str]:
        """The names of the arrays that may share memory with this one, as `numpy.may_share_memory` has it."""
        if not array.size:
            return []
        begin, end = byte_bounds(array)
        found: list[str] = []
        index = bisect_left(self._begins, end) - 1
        while index >= 0 and self._reach[index] > begin:
            if self._ends[index] > begin:
                found.append(self._names[index])
            index -= 1
        return found
