"""`Workspace`: scratch memory that all steps of an executable share, for steps run one after another."""

from collections.abc import Callable
from typing import Any

import numpy as np

from asg_executor.errors import MemoryLimitError
from asg_executor.plan.arena import ALIGNMENT
from asg_executor.plan.arrays import Array
from asg_executor.plan.layout import element_count

__all__ = ["Workspace"]

_BLOCK = 1 << 20


def _claim_nothing(_: int) -> None:
    """Outside the service nothing is counted."""


class Workspace:
    """Scratch arrays for kernels. What one kernel takes, the next one takes again.

    Args:
        limit: how many bytes it may take; None for no limit.
        claim: called with each number of bytes before they are taken; it raises where there is no room.
    """

    def __init__(self, limit: int | None = None, claim: Callable[[int], object] = _claim_nothing) -> None:
        self._limit = limit
        self._claim = claim
        self._owner = "a kernel"
        self._blocks: list[Array] = []
        self._current = 0
        self._used = 0
        self._taken = 0
        self._reserved = 0

    @property
    def size(self) -> int:
        """How many bytes it has taken, and the most that a step takes beside while it runs."""
        return self._taken + self._reserved

    def reset(self, owner: str) -> None:
        """Take back all arrays: the next kernel begins.

        Args:
            owner: for whom the kernel computes, for errors.
        """
        self._owner = owner
        self._current = self._used = 0

    def empty(self, shape: tuple[int, ...], dtype: "np.dtype[Any] | type[np.generic]") -> Array:
        """An array that stays the kernel's own until its step has run, and holds anything at first.

        Raises:
            MemoryLimitError: there is not as much memory, or it may not be taken.
        """
        dtype = np.dtype(dtype)
        count = element_count(shape)
        size = -(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        while self._current < len(self._blocks) and self._used + size > self._blocks[self._current].size:
            self._current, self._used = self._current + 1, 0
        if self._current == len(self._blocks):
            self._blocks.append(self._block(size))
            self._used = 0
        block = self._blocks[self._current]
        begin, self._used = self._used, self._used + size
        return block[begin : begin + count * dtype.itemsize].view(dtype).reshape(shape)

    def reserve(self, size: int) -> None:
        """Announce that a step takes `size` bytes of its own each time it runs, and gives them back.

        Raises:
            MemoryLimitError: that is more than may be taken.
        """
        self._refuse_beyond_limit(self._taken + size)
        if size > self._reserved:
            self._claim(size - self._reserved)
            self._reserved = size

    def count(self, size: int) -> None:
        """Count memory that a step has taken itself, and keeps.

        Raises:
            MemoryLimitError: that is more than may be taken.
        """
        self._refuse_beyond_limit(self.size + size)
        self._claim(size)
        self._taken += size

    def _block(self, size: int) -> Array:
        self._refuse_beyond_limit(self.size + size)
        if self._limit is None or self.size + _BLOCK <= self._limit:
            size = max(size, _BLOCK)
        self._claim(size)
        try:
            block = np.empty(size, np.uint8)
        except (MemoryError, ValueError):
            raise MemoryLimitError(
                f"{self._owner} takes {size:,} bytes of scratch memory, more than this machine can provide"
            ) from None
        self._taken += size
        return block

    def _refuse_beyond_limit(self, size: int) -> None:
        if self._limit is not None and size > self._limit:
            raise MemoryLimitError(
                f"{self._owner} takes {size:,} bytes of scratch memory; {self._limit:,} are left of the limit"
            )
