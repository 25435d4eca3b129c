"""`Workspace`: scratch memory that all steps of an executable share, for steps run one after another."""

from typing import Any

import numpy as np

from asg_executor.plan.arena import ALIGNMENT
from asg_executor.plan.arrays import Array

__all__ = ["Workspace"]

_BLOCK = 1 << 20


class Workspace:
    """Scratch arrays for kernels. What one kernel takes, the next one takes again."""

    def __init__(self) -> None:
        self._blocks: list[Array] = []
        self._current = 0
        self._used = 0

    def reset(self) -> None:
        """Take back all arrays: the next kernel begins."""
        self._current = self._used = 0

    def empty(self, shape: tuple[int, ...], dtype: "np.dtype[Any] | type[np.generic]") -> Array:
        """An array that stays the kernel's own until its step has run, and holds anything at first."""
        dtype = np.dtype(dtype)
        count = int(np.prod(shape, dtype=np.int64))
        size = -(-count * dtype.itemsize // ALIGNMENT) * ALIGNMENT
        while self._current < len(self._blocks) and self._used + size > self._blocks[self._current].size:
            self._current, self._used = self._current + 1, 0
        if self._current == len(self._blocks):
            self._blocks.append(np.empty(max(size, _BLOCK), np.uint8))
            self._used = 0
        block = self._blocks[self._current]
        begin, self._used = self._used, self._used + size
        return block[begin : begin + count * dtype.itemsize].view(dtype).reshape(shape)
