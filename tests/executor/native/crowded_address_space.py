"""A program that links machine code where only far holes are left, and prints what that code computes.

The address space is filled so that a hole of one page lies gigabytes from any hole of two. A linker that takes memory
for code and for its constants one after another gets them further apart than one reaches from the other.
"""

import ctypes
import mmap
import sys

import numpy as np
from llvmlite import binding

from asg_executor.engines.native.compilation import create_linker, machine_code

__all__ = ["main"]

_APART = 4 << 30
_PRIVATE_ANONYMOUS_UNBACKED = 0x2 | 0x20 | 0x4000  # Linux
_LANES = 16
_LONG = "  store volatile float 1.0, ptr %place\n" * 1000  # code of more than a page
_CONSTANTS = ", ".join(f"float {number}.0" for number in range(_LANES))
_TEXT = f"""
define void @kernel(ptr %place) {{
{_LONG}
  store <{_LANES} x float> <{_CONSTANTS}>, ptr %place
  ret void
}}
"""


def main() -> None:
    """Link where there is room, but not near; run; write to standard output."""
    code = machine_code(_TEXT)
    linker = create_linker()
    _leave_only_far_holes()
    builder = binding.JITLibraryBuilder().add_object_img(code)
    builder.export_symbol("kernel")
    library = builder.link(linker, "library")
    results = np.zeros(_LANES + 16, np.float32)
    aligned = results[-results.ctypes.data % 64 // results.itemsize :][:_LANES]
    ctypes.CFUNCTYPE(None, ctypes.c_void_p)(library["kernel"])(aligned.ctypes.data)
    sys.stdout.write(f"{aligned.tolist()}\n")


def _leave_only_far_holes() -> None:
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]

    def reserve(size: int) -> int:
        return libc.mmap(None, size, 0, _PRIVATE_ANONYMOUS_UNBACKED, -1, 0)

    begin = reserve(_APART)
    while reserve(2 * mmap.PAGESIZE) > begin:  # Linux takes the highest hole that is wide enough
        pass
    libc.munmap(begin + _APART - mmap.PAGESIZE, mmap.PAGESIZE)


if __name__ == "__main__":
    main()
