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
        self._free: list[tuple[int, int]] = []  # (begin, end), sorted, never touching each other
        self._taken: dict[int, int] = {}

    def allocate(self, size: int) -> int:
        """The first byte of a free range of `size` bytes: the smallest hole that fits, else the end of the arena."""
        size = max(ALIGNMENT, -(-size // ALIGNMENT) * ALIGNMENT)
        fitting = [(end - begin, index) for index, (begin, end) in enumerate(self._free) if end - begin >= size]
        if fitting:
            begin, end = self._free.pop(min(fitting)[1])
            if end - begin > size:
                insort(self._free, (begin + size, end))
        elif self._free and self._free[-1][1] == self.size:
            begin = self._free.pop()[0]
            self.size = begin + size
        else:
            begin = self.size
            self.size += size
        self._taken[begin] = size
        return begin

    def free(self, begin: int) -> None:
        """Take back a range that `allocate` handed out.

        Raises:
            KeyError: no range begins there.
        """
        end = begin + self._taken.pop(begin)
        index = bisect_left(self._free, (begin, end))
        if index < len(self._free) and self._free[index][0] == end:
            end = self._free.pop(index)[1]
        if index > 0 and self._free[index - 1][1] == begin:
            begin = self._free.pop(index - 1)[0]
        insort(self._free, (begin, end))
