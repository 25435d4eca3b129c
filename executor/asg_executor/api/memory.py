"""`keep_freed_memory`: fewer trips to the operating system for the arrays of requests."""

import ctypes
import os

__all__ = ["keep_freed_memory"]

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_LARGEST_KEPT_BYTES = 32 * 2**20  # the most that glibc accepts
_KEPT_BYTES = 128 * 2**20


def keep_freed_memory() -> None:
    """Let the C library keep memory that was freed, and give it out again.

    As glibc comes, every array of more than 128 KiB is mapped anew and unmapped after use, and its pages are cleared by
    the kernel at the first touch. For bodies of a few megabytes that takes longer than all else together. Settings of
    the environment (`MALLOC_MMAP_THRESHOLD_`, `MALLOC_TRIM_THRESHOLD_`) come first. Other C libraries are left alone.
    """
    if {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"} & os.environ.keys() or os.name != "posix":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
