"""`ServedModel`: a graph with values of its parameters that no step changes."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from threading import Lock
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from asg_executor.engines.engine import Engine, Executable
from asg_executor.errors import InterfaceError, MemoryLimitError
from asg_executor.inference.row_independence import MixedRowsError, RowPlan, plan_rows
from asg_executor.memory_budget import MemoryBudget
from asg_executor.plan.arrays import Array, numpy_dtype
from asg_executor.plan.binding import bind_symbols, check_names
from asg_executor.sessions.executables import CompiledGraphs
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.loss_scale import loss_scale_input, refuse_loss_scale, scale_value
from asg_executor.sessions.random_keys import step_key
from asg_executor.sessions.selection import rng_key_inputs, select_outputs
from asg_executor.weak_table import WeakTable
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["Ran", "Selection", "ServedModel"]

_GRAPH = "model"
_MOST_SELECTIONS = 256  # what requests asked for, remembered; there are as many as subsets of inputs and outputs
_NEWEST = 0.2  # the weight of the last run in the mean of their durations


class Ran(NamedTuple):
    """What a run gave.

    Attributes:
        outputs: the outputs, by name.
        step: the number of the session's step whose parameters it had.
        begin: when it began, in seconds of `time.perf_counter`.
        seconds: how long it computed.
        compiled: whether it had to be compiled first.
    """

    outputs: Mapping[str, Array]
    step: int
    begin: float
    seconds: float
    compiled: bool


class Selection(NamedTuple):
    """What a request asks for.

    Attributes:
        outputs: the outputs that are computed.
        rows: how it is computed together with others; or why it is not.
    """

    outputs: tuple[str, ...]
    rows: RowPlan | MixedRowsError


class ServedModel:
    """A graph with a copy of the parameters of one state of a session: a training step does not hold up inference.

    `refresh` and `load` set the parameters. While neither does, and no other thread computes, `run` may be called.

    Args:
        document: the graph.
        engine: it compiles the graph.
        seed: the session's seed, for random keys.
        memory_limit: how many bytes the parameters may take, one executable, and all of these together.
        budget: what counts the memory of the parameters; None for nothing.
        contraction_dtype: as for `Engine.compile`.

    Attributes:
        document: the graph.
        lock: held by the request that computes.
        revision: the revision of the session that the parameters are of; -1 before there are any.

    Raises:
        MemoryLimitError: the parameters take more memory than they may.
        MemoryFullError: there is no room for them now.
    """

    def __init__(
        self,
        document: Document,
        engine: Engine,
        seed: int,
        memory_limit: int,
        budget: MemoryBudget | None = None,
        contraction_dtype: DType | None = None,
    ) -> None:
        needed = sum(int(np.prod(item.shape)) * item.dtype.itemsize for item in document.parameters)
        if needed > memory_limit:
            raise MemoryLimitError(f"a copy of the parameters takes {needed} bytes; at most {memory_limit} are allowed")
        self._claim = None if budget is None else budget.claim("a model's copy of the parameters", needed)
        self.document = document
        self.lock = asyncio.Lock()
        self.revision = -1
        self._parameters = {item.id: np.empty(item.shape, numpy_dtype(item.dtype)) for item in document.parameters}
        self._parameter_bytes = needed
        self._compiled = CompiledGraphs(engine, {_GRAPH: document}, self._parameters, memory_limit, contraction_dtype)
        self._keys = {name: step_key(seed, 0, index) for index, name in enumerate(rng_key_inputs(document))}
        self._scale = scale = loss_scale_input(document)
        self._given = self._keys if scale is None else {**self._keys, scale.id: scale_value(scale, 1.0)}
        self._types: dict[str, TensorType] = {item.id: item.type for item in document.inputs}
        self._step = 0
        self._guard = Lock()  # held by the thread that reads or writes the parameters
        self._is_used = False
        self._selections: dict[tuple[tuple[str, ...] | None, frozenset[str]], Selection] = {}
        self._durations: WeakTable[Executable, _Duration] = WeakTable()

    @property
    def types(self) -> Mapping[str, TensorType]:
        """The declared type of each input, by id."""
        return self._types

    @property
    def held_bytes(self) -> int:
        """The memory that it takes, about."""
        return self._parameter_bytes + self._compiled.held_bytes

    def refresh(self, held: HeldSession) -> None:
        """Take over a session's parameters, for whoever holds its lock."""
        with self._guard:
            self._copy(held)

    def follow(self, held: HeldSession) -> None:
        """Take over parameters that were just changed, if they were asked for since the last time.

        It is called by the thread that changed them, which does not wait: while a request computes, nothing is done,
        and the next one refreshes the model itself.
        """
        if self._is_used and self._guard.acquire(blocking=False):
            try:
                self._copy(held)
            finally:
                self._guard.release()

    def _copy(self, held: HeldSession) -> None:
        if self.revision != held.revision:
            held.session.copy_parameters(self._parameters)
            self._step, self.revision, self._is_used = held.session.number, held.revision, False

    def load(self, step: int, values: Mapping[str, Array], revision: int) -> None:
        """Take over the parameters of a checkpoint.

        Args:
            step: the number of its step.
            values: the values of the session's parameters, by name.
            revision: what `revision` shall be.

        Raises:
            InterfaceError: a parameter is missing.
        """
        check_names("parameter", [name for name in self._parameters if name in values], self._parameters)
        with self._guard:
            for name, array in self._parameters.items():
                np.copyto(array, _stored(values[name], array.dtype), casting="no")
            self._step, self.revision = step, revision

    def known_selection(self, given: Iterable[str], outputs: Sequence[str] | None) -> Selection | None:
        """What `select` returned for the same before, if it was called."""
        return self._selections.get((None if outputs is None else tuple(outputs), frozenset(given)))

    def select(self, given: Iterable[str], outputs: Sequence[str] | None) -> Selection:
        """What a request asks for. It takes time in proportion to the graph.

        Args:
            given: the ids of the inputs that the request has.
            outputs: the outputs that it asks for; None for the default.

        Raises:
            InterfaceError: an output is unknown, or needs an input that is missing, or the loss scale is given.
        """
        names = frozenset(given)
        if self._scale is not None:
            refuse_loss_scale(self._scale, names)
        complete = [*names, *(name for name in self._given if name not in names)]
        chosen = tuple(select_outputs(self.document, outputs, complete))
        try:
            if not names.isdisjoint(self._keys):
                raise MixedRowsError("the request has a random key of its own")
            plan = plan_rows(self.document, complete, chosen)
        except MixedRowsError as error:
            plan = error
        selection = Selection(chosen, plan)
        if len(self._selections) >= _MOST_SELECTIONS:
            self._selections.clear()
        self._selections[None if outputs is None else tuple(outputs), names] = selection
        return selection

    def complete(self, arrays: Mapping[str, Array]) -> Mapping[str, Array]:
        """The inputs with what was left out: random keys, and a loss scale of 1."""
        return {**self._given, **arrays} if self._given else arrays

    def check(self, arrays: Mapping[str, Array]) -> None:
        """Refuse inputs whose shapes contradict each other.

        Raises:
            InterfaceError: they do.
        """
        bind_symbols({name: self._types[name] for name in arrays}, arrays)

    def run(self, arrays: Mapping[str, Array], outputs: Sequence[str]) -> Ran:
        """Compute outputs; compile first where that was not done for these shapes.

        Args:
            arrays: as `complete` returns them.
            outputs: likewise.

        Raises:
            InterfaceError: the inputs do not fit.
            MemoryLimitError: it would take more memory than it may.
            RunError: a node could not be computed for this data.
        """
        with self._guard:
            executable = self._compiled.executable(_GRAPH, outputs, arrays)
            return self._run(executable, arrays, self._durations.get(executable))

    def run_at_once(self, arrays: Mapping[str, Array], outputs: Sequence[str], within: float) -> Ran | None:
        """Like `run`, but None instead where others might be kept waiting.

        Args:
            arrays: as for `run`.
            outputs: likewise.
            within: how many seconds it may be expected to take, by the runs before. What was not compiled, or not run
                yet, is not expected to take any time in particular.
        """
        executable = self._compiled.known(_GRAPH, outputs, arrays)
        duration = None if executable is None else self._durations.get(executable)
        if executable is None or duration is None or duration.usual > within:
            return None
        if not self._guard.acquire(blocking=False):
            return None  # another thread sets the parameters
        try:
            return self._run(executable, arrays, duration)
        finally:
            self._guard.release()

    def _run(self, executable: Executable, arrays: Mapping[str, Array], known: "_Duration | None") -> Ran:
        self._is_used = True
        if self.revision < 0:
            raise InterfaceError("the model has no parameters yet")
        begin = perf_counter()
        results = executable(arrays)
        seconds = perf_counter() - begin
        if known is None:
            self._durations.set(executable, _Duration(seconds))
        else:
            known.add(seconds)
        return Ran(results, self._step, begin, seconds, compiled=known is None)


class _Duration:
    """How long an executable usually runs.

    Attributes:
        usual: in seconds, the last runs more than those before.
    """

    __slots__ = ("usual",)

    def __init__(self, first: float) -> None:
        self.usual = first

    def add(self, seconds: float) -> None:
        """Count one more run; one that the system interrupted says little of the next one."""
        self.usual += _NEWEST * (min(seconds, 2 * self.usual) - self.usual)


def _stored(value: Array, dtype: np.dtype[Any]) -> Array:
    """A value of a parameter in the dtype of its declaration: a checkpoint may have a master weight in its place."""
    if value.dtype != np.float32 or dtype.itemsize != 2:
        return value
    with np.errstate(over="ignore"):  # it may be beyond float16
        return value.astype(dtype)
