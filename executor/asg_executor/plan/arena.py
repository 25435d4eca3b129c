"""`Arena`: where buffers lie in one piece of memory, decided beforehand."""

from bisect import bisect_left, insort

__all__ = ["ALIGNMENT", "Arena"]

ALIGNMENT = 64
"""Every buffer begins at a multiple of this many bytes: a cache line, and the widest vector register."""


class Arena:
    """Hands out byte ranges and takes them back, best fit first. It holds no memory itself.

    Attributes:
        size: how many bytes the ranges that were ever handed out span.
    """

    def __init__(self) -> None:
        self.size = 0
        self._holes: list[tuple[int, int]] = []  # (size, begin), sorted; holes never touch each other
        self._ends: dict[int, int] = {}  # where each hole ends, by where it begins
        self._begins: dict[int, int] = {}  # and the other way round
        self._taken: dict[int, int] = {}

    def allocate(self, size: int) -> int:
        """The first byte of a free range of `size` bytes: the smallest hole that fits, else the end of the arena."""
        size = max(ALIGNMENT, -(-size // ALIGNMENT) * ALIGNMENT)
        index = bisect_left(self._holes, (size, 0))
        if index < len(self._holes):
            begin = self._holes[index][1]
            end = self._remove(begin)
            if end - begin > size:
                self._add(begin + size, end)
        else:
            begin = self._begins.get(self.size, self.size)
            if begin < self.size:
                self._remove(begin)
            self.size = begin + size
        self._taken[begin] = size
        return begin

    def free(self, begin: int) -> None:
        """Take back a range that `allocate` handed out.

        Raises:
            KeyError: no range begins there.
        """
        end = begin + self._taken.pop(begin)
        if end in self._ends:
            end = self._remove(end)
        if begin in self._begins:
            begin = self._begins[begin]
            self._remove(begin)
        self._add(begin, end)

    def _add(self, begin: int, end: int) -> None:
        insort(self._holes, (end - begin, begin))
        self._ends[begin] = end
        self._begins[end] = begin

    def _remove(self, begin: int) -> int:
        """Take the hole that begins there out, and say where it ends."""
        end = self._ends.pop(begin)
        del self._begins[end]
        del self._holes[bisect_left(self._holes, (end - begin, begin))]
        return end
