"""Memory in huge pages: long vectors that every step passes over whole need fewer entries of the processor's tables."""

import math
import mmap
from contextlib import suppress
from typing import Any

import numpy as np

from asg_executor.plan.arrays import Array

__all__ = ["zero_bytes", "zeros"]

_PAGE_BYTES = 2 * 2**20  # of x86-64, and of AArch64 with small pages of 4 KiB
_ADVICE: int | None = getattr(mmap, "MADV_HUGEPAGE", None)  # Linux has it


def zeros(shape: int | tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """An array of zeros, as `numpy.zeros` makes it, in huge pages where it fills one and the system has them.

    Args:
        shape: its shape.
        dtype: its dtype.

    Raises:
        MemoryError: this machine cannot provide them.
    """
    count = shape if isinstance(shape, int) else math.prod(shape)
    return zero_bytes(count * dtype.itemsize).view(dtype).reshape(shape)


def zero_bytes(size: int) -> Array:
    """So many bytes, all 0, from the beginning of a huge page on where they fill one.

    What is behind the last whole one is in small pages, so that no memory is taken that is not asked for.

    Args:
        size: how many.

    Raises:
        MemoryError: this machine cannot provide them.
    """
    if size < _PAGE_BYTES or _ADVICE is None:
        return np.zeros(size, np.uint8)
    try:
        mapped = mmap.mmap(-1, size + _PAGE_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    except (OSError, OverflowError) as error:
        raise MemoryError(f"{size:,} bytes are more than this machine can provide") from error
    memory = np.frombuffer(mapped, np.uint8)
    begin = -memory.ctypes.data % _PAGE_BYTES
    with suppress(OSError):  # a kernel without huge pages refuses the advice, and the pages are small
        mapped.madvise(_ADVICE, begin, size // _PAGE_BYTES * _PAGE_BYTES)
    return memory[begin : begin + size]
