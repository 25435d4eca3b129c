"""`StageRecord`: which parts of a stage read and write each byte, and where two of them are in each other's way."""

from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from asg_executor.engines.native.bounds.table import Range
from asg_executor.plan.arrays import Array

__all__ = ["Conflict", "StageRecord"]

_MOST_PARTS = 0xFFFF


class _Plane:
    """Where a number stands for each byte of a range: 0, or that of a part."""

    WRITER = 0  # the first that has written the byte
    OTHER_WRITER = 1  # another one that has
    READER = 2  # the first that has read it
    OTHER_READER = 3  # another one that has
    COUNT = 4


class Conflict(NamedTuple):
    """Bytes that a part of a stage writes, and another one reads or writes at the same time.

    Attributes:
        array: where they lie.
        begin: the first of them, counted from the array's beginning.
        end: the one behind the last of them that are neighbours.
        writer: the part that writes them.
        other: the other part.
        writes: whether that writes them, too.
        total: how many such bytes the array has.
    """

    array: Range
    begin: int
    end: int
    writer: str
    other: str
    writes: bool
    total: int


class StageRecord:
    """For each byte that a stage may write two parts that have written it, and two that have read it.

    All parts of all calls of a stage may run at the same time, without order. Here they run one after another; so what
    each of them accesses does not depend on chance, and is compared when they are done. Scratch memory is not recorded:
    no two threads have the same. The record takes 8 bytes for each of them, from the first call to the last.

    Args:
        writable: what the stage may write, without what its parts may write in any order.
        parts: of each of its calls, how many.
    """

    def __init__(self, writable: Sequence[Range], parts: Sequence[int]) -> None:
        self._writable = writable
        self._firsts = list(accumulate(parts, initial=1))  # 0 is nobody
        assert self._firsts[-1] <= _MOST_PARTS, "a part's number has 16 bits"
        self._planes: list[Array] = []

    def begin(self, call: int) -> tuple[int, list[int]]:
        """Begin a call; the first one finds nothing recorded.

        Args:
            call: its number.

        Returns:
            The number of its first part, and where the record of each range begins.
        """
        if call == 0:
            self._planes = [np.zeros((_Plane.COUNT, item.end - item.begin), np.uint16) for item in self._writable]
        return self._firsts[call], [planes.ctypes.data for planes in self._planes]

    def end(self, call: int) -> Conflict | None:
        """End a call; the last one gives the memory back.

        Args:
            call: its number.

        Returns:
            The first conflict of this call, with itself or with those before.
        """
        found = (self._conflict(item, planes) for item, planes in zip(self._writable, self._planes, strict=True))
        first = next((conflict for conflict in found if conflict is not None), None)
        if call == len(self._firsts) - 2:
            self._planes = []
        return first

    def _conflict(self, item: Range, planes: Array) -> Conflict | None:
        writer, other_writer, reader, other_reader = planes
        read = ((reader != 0) & (reader != writer)) | (other_reader != 0)
        bad = (other_writer != 0) | ((writer != 0) & read)
        places = np.flatnonzero(bad)
        if not places.size:
            return None
        begin = int(places[0])
        column = planes[:, begin]
        same = bad[begin:] & (planes[:, begin:] == column[:, np.newaxis]).all(axis=0)
        length = int(np.argmin(same)) if not same.all() else same.size
        wrote, wrote_too, *readers = (int(number) for number in column)
        other = wrote_too or next(number for number in readers if number not in (0, wrote))
        return Conflict(
            item, begin, begin + length, self._name(wrote), self._name(other), bool(wrote_too), int(places.size)
        )

    def _name(self, number: int) -> str:
        """How errors call a part."""
        call = max(index for index, first in enumerate(self._firsts) if first <= number)
        kernels = len(self._firsts) - 1
        of_which = f" of kernel {call + 1} of {kernels}" if kernels > 1 else ""
        return f"part {number - self._firsts[call]}{of_which}"
