"""`BoundsTable`: which memory one call of a kernel may touch, as the kernel's own checks read it.

The table consists of 64-bit words: those of `Word`, and then for each range those of `RangeWord`. The first two ranges
are the call's arguments and its scratch memory, which each part enters itself; behind them stand the ranges that may be
written, and then those that may only be read.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

import numpy as np

__all__ = [
    "ARGUMENTS_RANGE",
    "FIRST_WRITABLE",
    "RANGE_WORDS",
    "SCRATCH_RANGE",
    "BoundsTable",
    "Range",
    "RangeWord",
    "Violation",
    "Word",
]

ARGUMENTS_RANGE = 0
SCRATCH_RANGE = 1
FIRST_WRITABLE = SCRATCH_RANGE
_OWN_RANGES = 2


class Word(IntEnum):
    """Where a field lies in the table."""

    VIOLATIONS = 0  # how many accesses were outside; the fields of the first one follow
    ACCESS = 1  # its number among the kernel's accesses
    ADDRESS = 2
    BYTES = 3
    PART = 4  # which part of the call made it
    PRESENT_PART = 5  # the one that runs
    FIRST_OF_CALL = 6  # the number of the call's first part among those of the stage: see `StageRecord`
    SCOPE = 7  # how many executions of functions with claims there have been: see `ClaimRecord`
    RECORDER = 8  # where the function is that records accesses: see `recorder`
    WRITABLE_END = 9  # the number of the first range that may only be read
    RANGES_END = 10  # how many ranges there are
    RANGES = 11


class RangeWord(IntEnum):
    """Where a field lies among the words of a range."""

    BEGIN = 0  # the first address
    END = 1  # the address behind it
    PARTS = 2  # the range's record of parts, or 0: see `StageRecord`
    CLAIMS = 3  # that of pointers, or 0: see `ClaimRecord`


RANGE_WORDS = len(RangeWord)


class Range(NamedTuple):
    """A piece of memory.

    Attributes:
        name: what errors call it.
        begin: its first address.
        end: the address behind it.
    """

    name: str
    begin: int
    end: int


class Violation(NamedTuple):
    """The first access of a call that was outside.

    Attributes:
        access: its number among the kernel's accesses.
        address: where it began.
        bytes: how many it was of.
        part: which part of the call made it.
        total: how many such accesses the call made in all.
    """

    access: int
    address: int
    bytes: int
    part: int
    total: int


class BoundsTable:
    """See the module.

    Args:
        writable: what a call may read and write, beside its scratch memory.
        readable: what it may only read, beside its arguments.

    Attributes:
        address: where the table lies.
        held_bytes: how much memory it takes.
    """

    def __init__(self, writable: Sequence[Range], readable: Sequence[Range]) -> None:
        self._names = ["the kernel's arguments", "its scratch memory", *(item.name for item in (*writable, *readable))]
        ends = (len(writable) + _OWN_RANGES, len(writable) + len(readable) + _OWN_RANGES)
        own = [0] * (RANGE_WORDS * _OWN_RANGES)
        given = [word for item in (*writable, *readable) for word in (item.begin, item.end, 0, 0)]
        self._words = np.array([0] * Word.WRITABLE_END + [*ends, *own, *given], np.uint64)
        self.address: int = self._words.ctypes.data
        self.held_bytes = self._words.nbytes

    def clear(self) -> None:
        """Forget what was outside."""
        self._words[Word.VIOLATIONS] = 0

    def record(self, recorder: int, first: int, parts: Sequence[int], claims: Sequence[int]) -> None:
        """Say where accesses are recorded from now on.

        Args:
            recorder: the address of the function that does so.
            first: the number of the call's first part.
            parts: for the first ranges that may be written, their records of parts. The scratch memory has none, nor
                have the ranges behind.
            claims: for the scratch memory and each range that may be written, its record of pointers.
        """
        self._words[Word.RECORDER] = recorder
        self._words[Word.FIRST_OF_CALL] = first
        self._words[Word.SCOPE] = 0
        ranges = self._words[Word.RANGES :].reshape(-1, RANGE_WORDS)
        end = int(self._words[Word.WRITABLE_END])
        ranges[_OWN_RANGES : _OWN_RANGES + len(parts), RangeWord.PARTS] = parts
        ranges[FIRST_WRITABLE:end, RangeWord.CLAIMS] = claims

    @property
    def violation(self) -> Violation | None:
        """The first access that was outside; None where none was."""
        words = [int(word) for word in self._words[: Word.PRESENT_PART]]
        if not words[Word.VIOLATIONS]:
            return None
        fields = [words[field] for field in (Word.ACCESS, Word.ADDRESS, Word.BYTES, Word.PART, Word.VIOLATIONS)]
        return Violation(*fields)

    @property
    def writable(self) -> list[Range]:
        """What may be written, with the scratch memory of the part that ran last."""
        return self._ranges(FIRST_WRITABLE, int(self._words[Word.WRITABLE_END]))

    @property
    def readable(self) -> list[Range]:
        """What may be read: all."""
        return self._ranges(0, int(self._words[Word.RANGES_END]))

    def _ranges(self, first: int, last: int) -> list[Range]:
        bounds = self._words[Word.RANGES :].reshape(-1, RANGE_WORDS)[first:last, : RangeWord.PARTS]
        pairs = zip(self._names[first:last], bounds, strict=True)
        return [Range(name, int(begin), int(end)) for name, (begin, end) in pairs]
