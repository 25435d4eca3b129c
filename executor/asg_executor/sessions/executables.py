"""The compiled graphs that a session keeps."""

from collections import OrderedDict
from typing import NamedTuple

from asg_executor.engines.engine import Executable

__all__ = ["ExecutableCache", "ExecutableKey"]

_MOST = 32


class ExecutableKey(NamedTuple):
    """What a graph was compiled for.

    Attributes:
        graph: the graph's name in the session.
        outputs: the outputs that are computed, in order.
        inputs: the inputs that have a value, each with its dtype and shape.
        trains: whether gradients go to the arenas.
        averaged: whether the averages of the parameters come with each call.
    """

    graph: str
    outputs: tuple[str, ...]
    inputs: frozenset[tuple[str, str, tuple[int, ...]]]
    trains: bool
    averaged: bool


class ExecutableCache:
    """The executables that were used last: at most 32, and no more than fit into the memory.

    Args:
        memory_limit: how many bytes they may take together; None for no limit.
    """

    def __init__(self, memory_limit: int | None) -> None:
        self._memory_limit = memory_limit
        self._executables: OrderedDict[ExecutableKey, Executable] = OrderedDict()

    def __len__(self) -> int:
        return len(self._executables)

    def get(self, key: ExecutableKey) -> Executable | None:
        """The executable of this key, if it is kept."""
        executable = self._executables.get(key)
        if executable is not None:
            self._executables.move_to_end(key)
        return executable

    def put(self, key: ExecutableKey, executable: Executable) -> None:
        """Keep an executable, and let go of those that were not used for longest where there is no room for all."""
        self._executables[key] = executable
        while len(self._executables) > 1 and self._is_full():
            self._executables.popitem(last=False)

    def _is_full(self) -> bool:
        if len(self._executables) > _MOST:
            return True
        total = sum(executable.held_bytes for executable in self._executables.values())
        return self._memory_limit is not None and total > self._memory_limit
