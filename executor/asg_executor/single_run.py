"""`run`: a document, arrays in, arrays out."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock
from time import monotonic
from typing import Any

from asg_executor.allowance import current_allowance
from asg_executor.engines.engine import Executable
from asg_executor.engines.lookup import engine_named
from asg_executor.errors import InterfaceError
from asg_executor.plan.arrays import Array
from asg_executor.plan.binding import bind_symbols, check_names
from asg_executor.plan.coercion import as_array
from asg_schema.document import Document
from asg_schema.tensor_type import TensorType

__all__ = ["run"]

_MOST_EXECUTABLES = 32
_MOST_BYTES = 512 * 1024 * 1024


class _Entry:
    """An executable, compiled at the first use, and the lock that its calls need."""

    def __init__(self) -> None:
        self.lock = Lock()
        self.executable: Executable | None = None


_cache: OrderedDict[tuple[Any, ...], _Entry] = OrderedDict()
_cache_lock = Lock()


class _Cached:
    """What memory can be had back from the executables that are kept here."""

    def __init__(self) -> None:
        self.last_used = monotonic()

    def reclaim(self) -> bool:
        """Forget the executable that was not used for longest; whether there was one."""
        with _cache_lock:
            for key, entry in _cache.items():
                if entry.executable is not None:
                    del _cache[key]
                    return True
            return False


_cached = _Cached()


def run(
    document: Document,
    inputs: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    engine: str = "auto",
    outputs: Sequence[str] | None = None,
    memory_limit: int | None = None,
) -> dict[str, Array]:
    """Run a document once.

    The executables of the last 32 documents and shapes are kept, as far as they fit into 512 MiB, so that a second run
    of the same compiles nothing.

    Args:
        document: a valid document.
        inputs: an array for each input, by its id. A Python number or nested list is converted to the declared dtype if
            that loses nothing: an integer may become a float, a float never an integer.
        parameters: an array for each parameter, by its id; may be left out if the document has none.
        engine: the name of an engine; `auto` is the fastest.
        outputs: the outputs to compute, by name; absent: all.
        memory_limit: how many bytes the compiled program and its answer may take; None for no limit.

    Returns:
        The outputs as fresh arrays, by name.

    Raises:
        InterfaceError: an input, parameter or output is missing or unknown, or is not of the declared type.
        SymbolError: the arrays' shapes contradict each other.
        UnknownEngineError: there is no such engine.
        MemoryLimitError: the program would take more memory than it may.
        RunError: a node cannot be computed for this data.
    """
    if parameters is None:
        if document.parameters:
            names = ", ".join(f'"{item.id}"' for item in document.parameters)
            raise InterfaceError(f'document "{document.name}" has parameters, and none were given: {names}')
        parameters = {}
    types: dict[str, TensorType] = {item.id: item.type for item in (*document.inputs, *document.parameters)}
    check_names("input", inputs, (item.id for item in document.inputs))
    check_names("parameter", parameters, (item.id for item in document.parameters))
    arrays = {name: as_array(name, {**inputs, **parameters}[name], type) for name, type in types.items()}
    symbols = bind_symbols(types, arrays)
    wanted = None if outputs is None else tuple(outputs)
    # The ids do not enter the digest, and errors name them.
    ids = tuple(node.id for node in document.nodes)
    entry = _entry((document.digest, ids, engine, wanted, memory_limit, tuple(sorted(symbols.items()))))
    with entry.lock:
        if entry.executable is None:
            memory = current_allowance().bounds.memory
            if memory is not None:
                memory.add_reclaimable(_cached)
            try:
                entry.executable = engine_named(engine).compile(
                    document, symbols, outputs=wanted, memory_limit=memory_limit
                )
            finally:
                _trim()
        return entry.executable(arrays)


def _entry(key: tuple[Any, ...]) -> _Entry:
    with _cache_lock:
        entry = _cache.setdefault(key, _Entry())
        _cache.move_to_end(key)
        _cached.last_used = monotonic()
        return entry


def _trim() -> None:
    """Forget the executables that were not used for longest, until the others are few and small enough."""
    with _cache_lock:
        sizes = {key: entry.executable.held_bytes if entry.executable else 0 for key, entry in _cache.items()}
        total = sum(sizes.values())
        for key, size in sizes.items():
            if len(_cache) <= _MOST_EXECUTABLES and total <= _MOST_BYTES:
                break
            del _cache[key]
            total -= size
