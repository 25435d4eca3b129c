"""`NativeProgram`: calls of native functions that run one after another, without Python."""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asg_executor.engines.native.driver import ENTRY_WORDS, HEAD_WORDS, driver
from asg_executor.engines.native.object_code import NativeFunction

__all__ = ["Call", "NativeProgram"]

_ALIGNMENT = 64


@dataclass(frozen=True)
class Call:
    """One call of a kernel.

    Attributes:
        function: the kernel's.
        arguments: the addresses that it gets, of arrays or functions. Whoever makes the call keeps them alive.
        units: how many units of work there are.
        parts: into how many parts they are divided, each of which one thread does. Part p does the units from
            `units * p // parts` to just before `units * (p + 1) // parts`, which may be none.
        scratch_bytes: how much memory of its own each part needs while it runs.
    """

    function: NativeFunction
    arguments: tuple[int, ...]
    units: int
    parts: int = 1
    scratch_bytes: int = 0


class NativeProgram:
    """Calls that run in order; one thread at a time may run them.

    Args:
        calls: the calls. What a call writes, those after it may read.

    Attributes:
        held_bytes: how much memory the program itself takes, without the arrays and the code.
    """

    def __init__(self, calls: Sequence[Call]) -> None:
        self._functions = [call.function for call in calls]
        arguments = [address for call in calls for address in call.arguments]
        self._arguments = np.array([*arguments, 0], np.uint64)
        self._entries = _entries(calls, self._arguments.ctypes.data)
        self._scratch = np.empty(max((call.scratch_bytes for call in calls), default=0) + _ALIGNMENT, np.uint8)
        scratch = -(-self._scratch.ctypes.data // _ALIGNMENT) * _ALIGNMENT
        self._head = np.array([self._entries.ctypes.data, len(self._entries), scratch], np.uint64)
        assert self._head.size == HEAD_WORDS, "the driver reads the head that is written here"
        self._run_alone = driver().run_alone  # kept alive
        self._call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(self._run_alone.address)
        self._address = ctypes.c_void_p(self._head.ctypes.data)
        self.held_bytes = self._arguments.nbytes + self._entries.nbytes + self._scratch.nbytes + self._head.nbytes

    def run(self) -> None:
        """Make all calls. Other Python threads run meanwhile."""
        self._call(self._address)


def _entries(calls: Sequence[Call], arguments: int) -> "np.ndarray[tuple[int, int], np.dtype[np.uint64]]":
    """The table of entries: one for each part.

    Args:
        calls: the calls.
        arguments: where the addresses of all of them lie, one after another.
    """
    rows: list[tuple[int, int, int, int, int]] = []
    for call in calls:
        for part in range(call.parts):
            begin, end = call.units * part // call.parts, call.units * (part + 1) // call.parts
            rows.append((call.function.address, arguments, begin, end, part))
        arguments += len(call.arguments) * np.dtype(np.uint64).itemsize
    return np.array(rows, np.uint64).reshape(len(rows), ENTRY_WORDS)
