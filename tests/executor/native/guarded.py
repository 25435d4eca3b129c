"""Memory beside which nothing may be read or written: for the tests of kernels that read whole vectors."""

import ctypes
import mmap

import numpy as np

from asg_executor.plan.arrays import Array


class Guarded:
    """Memory between two pages that nobody may touch.

    Args:
        bytes: how much.
        end: whether its end is at the second page, or its beginning at the first.
    """

    def __init__(self, bytes: int, *, end: bool) -> None:
        page = mmap.PAGESIZE
        pages = -(-bytes // page)
        self._map = mmap.mmap(-1, (pages + 2) * page)
        self._buffer = (ctypes.c_char * len(self._map)).from_buffer(self._map)
        address = ctypes.addressof(self._buffer)
        libc = ctypes.CDLL(None, use_errno=True)
        for place in (address, address + (pages + 1) * page):
            assert libc.mprotect(ctypes.c_void_p(place), ctypes.c_size_t(page), 0) == 0
        self.offset = page + (pages * page - bytes if end else 0)

    def array(self, like: Array) -> Array:
        array = np.frombuffer(self._map, like.dtype, like.size, self.offset).reshape(like.shape)
        array[...] = like
        return array


def guarded(array: Array, *, end: bool) -> Array:
    """A copy of an array between two pages that nobody may touch; see `Guarded`."""
    return Guarded(array.nbytes, end=end).array(array)
