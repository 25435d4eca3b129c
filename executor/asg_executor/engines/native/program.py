"""`NativeProgram`: calls of native functions that run one after another, without Python."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import numpy as np

from asg_executor.engines.native.driver import ENTRY_WORDS, PROGRAM_WORDS, alone_driver
from asg_executor.engines.native.object_code import NativeFunction
from asg_executor.engines.native.team import Team
from asg_executor.engines.native.team_driver import MOST_ITEMS

__all__ = ["Call", "Follows", "NativeProgram"]

_LINE_BYTES = 64  # the alignment of scratch memory
_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_Entry: TypeAlias = tuple[int, int, int, int, int]
"""Function, arguments, begin, end, part: see `driver.py`."""


class Follows(Enum):
    """What a call has to wait for.

    A call that waits for all before it begins a group, to which the calls after it belong that do not.
    """

    ALL = "all"
    """Every part of all calls before it."""

    NOTHING = "nothing"
    """Nothing of its group: nothing there reads or writes what this one writes, or writes what this one reads."""


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    Attributes:
        function: the kernel's.
        arguments: the addresses that it gets, of arrays or functions. Whoever makes the call keeps them alive.
        units: how many units of work there are.
        parts: into how many parts they are divided, at most 256, each of which one thread does. Part p does the units
            from `units * p // parts` to just before `units * (p + 1) // parts`, which may be none.
        scratch_bytes: how much memory of its own each part needs while it runs.
        follows: what it has to wait for. The first call of a program waits for nothing.
    """

    function: NativeFunction
    arguments: tuple[int, ...]
    units: int
    parts: int = 1
    scratch_bytes: int = 0
    follows: Follows = Follows.ALL


class NativeProgram:
    """Calls that run in order; one thread at a time may run them.

    The parts are the same whoever does them, and so are the results.

    Args:
        calls: the calls. What a call writes, those after it may read.
        team: who does the parts, if there is more than one; without it, the thread that calls.
        threads: at most so many of the team's threads take part; absent: all of them.

    Attributes:
        held_bytes: how much memory the program itself takes, without the arrays and the code.
    """

    def __init__(self, calls: Sequence[Call], team: Team | None = None, threads: int | None = None) -> None:
        arguments = np.array([*(address for call in calls for address in call.arguments), 0], np.uint64)
        segments = _segments(calls, arguments.ctypes.data)
        members = min(team.threads if team else 1, threads or MOST_ITEMS, max(map(len, segments), default=1))
        items = [item for segment in segments for item in segment]
        entries = np.array([entry for item in items for entry in item], np.uint64).reshape(-1, ENTRY_WORDS)
        item_starts = _starts(items)
        segment_starts = _starts(segments)
        stride = -(-max((call.scratch_bytes for call in calls), default=0) // _LINE_BYTES) * _LINE_BYTES
        scratch = np.empty(members * stride + _LINE_BYTES, np.uint8)
        scratch_begin = -(-scratch.ctypes.data // _LINE_BYTES) * _LINE_BYTES
        tables = [table.ctypes.data for table in (entries, item_starts, segment_starts)]
        head = np.array([*tables, len(entries), len(segments), members, scratch_begin, stride], np.uint64)
        assert head.size == PROGRAM_WORDS, "the driver reads the head that is written here"
        self._kept = (arguments, entries, item_starts, segment_starts, scratch, head)
        self.held_bytes = sum(array.nbytes for array in self._kept)
        self._functions = [alone_driver(), *(call.function for call in calls)]
        self._team = team if members > 1 else None
        self._run_alone = _RUN(alone_driver().address)
        self._address = ctypes.c_void_p(head.ctypes.data)

    def run(self) -> None:
        """Make all calls. Other Python threads run meanwhile."""
        if self._team is None:
            self._run_alone(self._address)
        else:
            self._team.run(self._address)

    def run_noted(self, done: list[None]) -> None:
        """Make all calls, and append to a list, as one: an exception from outside finds both done, or neither.

        Such exceptions, as of signals, come between two instructions of Python's, and there is none between these two.

        Args:
            done: what is appended to.
        """
        if self._team is None:
            done.extend(map(self._run_alone, (self._address,)))
        else:
            self._team.run_noted(self._address, done)


def _segments(calls: Sequence[Call], arguments: int) -> list[list[list[_Entry]]]:
    """The entries, by items, by segments: see `driver.py`.

    Args:
        calls: the calls.
        arguments: where the addresses of all of them lie, one after another.
    """
    segments: list[list[list[_Entry]]] = []
    group = 0  # where in the first item of the last segment the group of calls begins
    for call in calls:
        entries = [(call.function.address, arguments, *_units(call, part), part) for part in range(call.parts)]
        arguments += len(call.arguments) * np.dtype(np.uint64).itemsize
        group = _add(segments, entries, call, group)
    return segments


def _add(segments: list[list[list[_Entry]]], entries: list[_Entry], call: Call, group: int) -> int:
    """Add a call; where its group begins in the first item of the last segment."""
    assert call.parts <= MOST_ITEMS, "the team has a claim for each item of a segment"
    before = segments[-1] if segments else []
    if before and call.follows is Follows.NOTHING and len(before) + call.parts <= MOST_ITEMS:
        if group:  # what stands before the group in its item has to be done first
            (chain,) = before
            segments.append([chain[group:]])
            del chain[group:]
        segments[-1].extend([entry] for entry in entries)
        return 0
    if before and call.parts == 1 and len(before) == 1:  # one thread does this and what is before it
        before[0].extend(entries)
        return len(before[0]) - 1
    segments.append([[entry] for entry in entries])
    return 0


def _units(call: Call, part: int) -> tuple[int, int]:
    return call.units * part // call.parts, call.units * (part + 1) // call.parts


def _starts(lists: Sequence[Sequence[object]]) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
    """The number of each list's first element among the elements of all lists, and at the end the number of all."""
    return np.cumsum([0, *map(len, lists)], dtype=np.uint64)
