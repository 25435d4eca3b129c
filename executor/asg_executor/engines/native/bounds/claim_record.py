"""`ClaimRecord`: through which pointers a function reaches each byte, and where that is not what it claims.

A function may say of a pointer that it gets that it is `noalias`: as long as the function runs, no byte that is written
meanwhile is reached both through this pointer and otherwise. LLVM reorders reads and writes by that. What is reached
*through* a pointer is what has an address that was computed from it: see `origins`.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from asg_executor.engines.native.bounds.table import Range
from asg_executor.plan.arrays import Array

__all__ = ["FIRST_BITS", "MODIFIED_BIT", "MOST_POINTERS", "SCOPE_BIT", "Broken", "ClaimRecord", "Pointer"]

# The word of a byte has the number of the pointer through which it was reached first, then that of another one, then
# whether it was written, and then the number of the execution of a function to which all that belongs.
FIRST_BITS = 15
MODIFIED_BIT = 2 * FIRST_BITS
SCOPE_BIT = MODIFIED_BIT + 1
MOST_POINTERS = (1 << FIRST_BITS) - 1
"""So many pointers a kernel may have numbers for."""


class Pointer(NamedTuple):
    """What an access in a function that makes claims may be made through.

    Attributes:
        function: the function.
        argument: the number of the argument that is claimed to be `noalias`; None: anything else.
    """

    function: str
    argument: int | None

    def __str__(self) -> str:
        """What errors call it."""
        return "another pointer" if self.argument is None else f"argument {self.argument}"


class Broken(NamedTuple):
    """Bytes that a function writes, and reaches both through a `noalias` pointer and otherwise.

    Attributes:
        array: where they lie.
        begin: the first of them, counted from the array's beginning.
        end: the one behind the last of them that are neighbours.
        pointers: the numbers of two pointers through which they are reached.
        total: how many such bytes the array has.
    """

    array: Range
    begin: int
    end: int
    pointers: tuple[int, int]
    total: int


class ClaimRecord:
    """A word for each byte that a call may write, its scratch memory included; see above.

    Args:
        writable: what the call may write.
    """

    def __init__(self, writable: Sequence[Range]) -> None:
        self._words = [np.zeros(item.end - item.begin, np.uint64) for item in writable]
        self._writable = writable

    @property
    def addresses(self) -> list[int]:
        """Where the words of each piece of memory begin."""
        return [words.ctypes.data for words in self._words]

    def broken(self) -> Broken | None:
        """The first bytes for which a claim was wrong; None where there are none."""
        found = (_broken(item, words) for item, words in zip(self._writable, self._words, strict=True))
        return next((broken for broken in found if broken is not None), None)


def _broken(item: Range, words: Array) -> Broken | None:
    numbers = words & ((1 << MODIFIED_BIT) - 1)
    bad = (numbers >> FIRST_BITS != 0) & (words >> MODIFIED_BIT & 1 != 0)
    places = np.flatnonzero(bad)
    if not places.size:
        return None
    begin = int(places[0])
    same = bad[begin:] & (numbers[begin:] == numbers[begin])
    length = int(np.argmin(same)) if not same.all() else same.size
    both = int(numbers[begin])
    return Broken(item, begin, begin + length, (both & MOST_POINTERS, both >> FIRST_BITS), int(places.size))
