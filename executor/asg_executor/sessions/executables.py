"""The compiled graphs that a session keeps: `ExecutableCache`, and `CompiledGraphs`, which fills it."""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from threading import Lock
from time import monotonic
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.engines.engine import Engine, Executable
from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import bind_symbols
from asg_executor.sessions.selection import selected
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["CompiledGraphs", "ExecutableCache", "ExecutableKey"]

_MOST = 32


class ExecutableKey(NamedTuple):
    """What a graph was compiled for.

    Attributes:
        graph: the graph's name in the session.
        outputs: the outputs that are computed, in order.
        inputs: the inputs that have a value, in the graph's order, each with its dtype and shape.
        trains: whether gradients go to the arenas.
        averaged: whether the averages of the parameters come with each call.
    """

    graph: str
    outputs: tuple[str, ...]
    inputs: tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]
    trains: bool
    averaged: bool


class ExecutableCache:
    """The executables that were used last: at most 32, and no more than fit into the memory.

    Args:
        memory_limit: how many bytes they may take together; None for no limit.

    Attributes:
        last_used: when one of them was used last, by `time.monotonic`.
    """

    def __init__(self, memory_limit: int | None) -> None:
        self._memory_limit = memory_limit
        self._executables: OrderedDict[ExecutableKey, Executable] = OrderedDict()
        self._lock = Lock()
        self.last_used = monotonic()

    def __len__(self) -> int:
        return len(self._executables)

    def get(self, key: ExecutableKey) -> Executable | None:
        """The executable of this key, if it is kept."""
        with self._lock:
            executable = self._executables.get(key)
            if executable is not None:
                self._executables.move_to_end(key)
                self.last_used = monotonic()
        return executable

    def put(self, key: ExecutableKey, executable: Executable) -> None:
        """Keep an executable, and let go of those that were not used for longest where there is no room for all."""
        memory = current_allowance().bounds.memory
        if memory is not None:
            memory.add_reclaimable(self)
        with self._lock:
            self._executables[key] = executable
            self.last_used = monotonic()
            while len(self._executables) > 1 and self._is_full():
                self._executables.popitem(last=False)

    def __iter__(self) -> Iterator[tuple[ExecutableKey, Executable]]:
        return iter(list(self._executables.items()))  # threads may add others

    def reclaim(self) -> bool:
        """Let go of the executable that was not used for longest; whether there was one. Any thread may call it."""
        with self._lock:
            if not self._executables:
                return False
            self._executables.popitem(last=False)
            return True

    @property
    def held_bytes(self) -> int:
        """The memory that they take between calls, about."""
        return sum(executable.held_bytes for executable in list(self._executables.values()))  # threads may add others

    def _is_full(self) -> bool:
        if len(self._executables) > _MOST:
            return True
        return self._memory_limit is not None and self.held_bytes > self._memory_limit


class _Wanted(NamedTuple):
    """What is computed, and from what; see `CompiledGraphs.executable`."""

    graph: str
    outputs: Sequence[str]
    arrays: Mapping[str, Array]
    destinations: Mapping[str, Array] = MappingProxyType({})
    unbound: Collection[str] = ()


class CompiledGraphs:
    """A session's graphs, each compiled for the outputs and the inputs' shapes that it is run with.

    Args:
        engine: it compiles the graphs.
        graphs: the documents, by the names that the session gives them.
        parameters: the memory of the parameters, by name.
        memory_limit: how many bytes one executable may take, and all of them together that are kept.
        contraction_dtype: as for `Engine.compile`.
    """

    def __init__(
        self,
        engine: Engine,
        graphs: Mapping[str, Document],
        parameters: Mapping[str, Array],
        memory_limit: int | None,
        contraction_dtype: DType | None = None,
    ) -> None:
        self._engine = engine
        self._contraction_dtype = contraction_dtype
        self._graphs = graphs
        self._parameters = parameters
        self._memory_limit = memory_limit
        self._input_names = {name: [item.id for item in document.inputs] for name, document in graphs.items()}
        self._cache = ExecutableCache(memory_limit)

    @property
    def held_bytes(self) -> int:
        """The memory that the executables take between calls, about."""
        return self._cache.held_bytes

    def __iter__(self) -> Iterator[tuple[str, Executable]]:
        """The executables that are kept, each with the name of its graph."""
        return ((key.graph, executable) for key, executable in self._cache)

    def known(self, graph: str, outputs: Sequence[str], arrays: Mapping[str, Array]) -> Executable | None:
        """What `executable` would return without destinations, if it was compiled before."""
        return self._cache.get(self._key(_Wanted(graph, outputs, arrays)))

    def executable(
        self,
        graph: str,
        outputs: Sequence[str],
        arrays: Mapping[str, Array],
        destinations: Mapping[str, Array] | None = None,
        unbound: Collection[str] = (),
    ) -> Executable:
        """What computes outputs of a graph from inputs of these dtypes and shapes, which are found to fit.

        Args:
            graph: the graph's name.
            outputs: the outputs, by name.
            arrays: the inputs.
            destinations: where outputs are written to, by name.
            unbound: the parameters that come with each call; the others are read in place.
        """
        wanted = _Wanted(graph, outputs, arrays, destinations or {}, unbound)
        key = self._key(wanted)
        executable = self._cache.get(key)
        if executable is None:
            executable = self._compile(wanted)
            self._cache.put(key, executable)
        return executable

    def _key(self, wanted: _Wanted) -> ExecutableKey:
        graph, outputs, arrays, destinations, unbound = wanted
        shapes = tuple(
            [(name, arrays[name].dtype, arrays[name].shape) for name in self._input_names[graph] if name in arrays]
        )
        return ExecutableKey(graph, tuple(outputs), shapes, bool(destinations), bool(unbound))

    def _compile(self, wanted: _Wanted) -> Executable:
        document, arrays = self._graphs[wanted.graph], wanted.arrays
        types: dict[str, TensorType] = {item.id: item.type for item in document.inputs if item.id in arrays}
        symbols = bind_symbols(types, arrays)
        part = selected(document, arrays)
        names = [parameter.id for parameter in part.parameters if parameter.id not in wanted.unbound]
        return self._engine.compile(
            part,
            symbols,
            bound={name: self._parameters[name] for name in names},
            destinations=wanted.destinations,
            outputs=wanted.outputs,
            memory_limit=self._memory_limit,
            contraction_dtype=self._contraction_dtype,
        )
