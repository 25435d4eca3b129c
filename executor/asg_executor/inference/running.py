"""`InferenceRunner`: computes requests, at once where that is quick, else in a thread, together where they may be."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from asg_executor.allowance import current_waiter
from asg_executor.errors import ExecutorError
from asg_executor.inference.batching import Batcher
from asg_executor.inference.errors import InferenceTimeoutError
from asg_executor.inference.model import Ran, ServedModel
from asg_executor.inference.row_independence import RowPlan
from asg_executor.inference.statistics import ModelStatistics
from asg_executor.plan.arrays import Array

__all__ = ["InferenceRunner", "Threads"]

T = TypeVar("T")

_AT_ONCE_SECONDS = 8e-4  # a thread takes 1e-4 to begin and to be heard of, and several times as long on busy cores


class Threads(Protocol):
    """Threads that compute."""

    async def run(self, function: Callable[[], T]) -> T:
        """Call a function in a thread."""
        ...

    async def run_locked(self, lock: asyncio.Lock, function: Callable[[], T]) -> T:
        """Call a function in a thread while holding a lock."""
        ...


class _Kind(NamedTuple):
    """What requests that are computed together have in common.

    Attributes:
        model: the model.
        outputs: the outputs that are computed.
        shapes: the inputs, each with its shape without axis 0.
    """

    model: ServedModel
    outputs: tuple[str, ...]
    shapes: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request that waits to be computed.

    Attributes:
        arrays: its inputs.
        rows: how many rows they have.
        start_by: when its computation must have begun, as `perf_counter` has it; None for any time.
        statistics: where the run is counted.
        result: where the result goes.
    """

    arrays: Mapping[str, Array]
    rows: int
    start_by: float | None
    statistics: ModelStatistics
    result: asyncio.Future[Ran]

    def is_wanted(self) -> bool:
        """Whether its client still waits, and its time is not over."""
        return not self.result.done() and (self.start_by is None or perf_counter() <= self.start_by)

    def succeed(self, ran: Ran) -> None:
        """Tell it what was computed."""
        if not self.result.done():  # else its client went away
            self.result.set_result(ran)

    def fail(self, error: BaseException) -> None:
        """Tell it that it failed."""
        if self.result.done():
            return
        if isinstance(error, Exception):
            self.result.set_exception(error)
        else:
            self.result.cancel()


class InferenceRunner:
    """Computes requests.

    Args:
        threads: where they are computed.
        max_delay: how long a request waits for others, in seconds; 0 where requests are computed one by one.
        max_rows: how many rows are computed together at most.
    """

    def __init__(self, threads: Threads, max_delay: float, max_rows: int) -> None:
        self._threads = threads
        self._max_rows = max_rows
        self._batcher: Batcher[_Kind, _Waiting] | None = None
        if max_delay > 0:
            self._batcher = Batcher(max_delay, max_rows, self._run_batch)

    async def run(
        self,
        model: ServedModel,
        arrays: Mapping[str, Array],
        outputs: Sequence[str] | None,
        start_by: float | None,
        statistics: ModelStatistics,
    ) -> tuple[Ran, int]:
        """Compute a request.

        Args:
            model: the model, with parameters.
            arrays: inputs, of the declared dtypes and ranks.
            outputs: the outputs that are asked for; None for the default.
            start_by: when the computation must have begun, as `perf_counter` has it; None for any time.
            statistics: where the run is counted.

        Returns:
            The result, and how many rows it has; 1 where there are no rows.

        Raises:
            InferenceTimeoutError: the computation did not begin in time.
            ExecutorError: as `ServedModel.run` does.
        """
        selection = model.known_selection(arrays, outputs)
        if selection is None:
            selection = await self._threads.run(lambda: model.select(arrays, outputs))
        plan = selection.rows
        rows = arrays[plan.inputs[0]].shape[0] if isinstance(plan, RowPlan) else 1
        if self._batcher is None or not isinstance(plan, RowPlan) or not 0 < rows < self._max_rows:
            return await self._run_alone(model, arrays, selection.outputs, start_by, statistics, rows), rows
        own = {name: arrays[name] for name in plan.inputs}
        model.check(own)
        shapes = tuple((name, array.shape[1:]) for name, array in own.items())
        result: asyncio.Future[Ran] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(own, rows, start_by, statistics, result)
        self._batcher.add(_Kind(model, selection.outputs, shapes), waiting, rows)
        return await result, rows

    async def _run_alone(
        self,
        model: ServedModel,
        arrays: Mapping[str, Array],
        outputs: Sequence[str],
        start_by: float | None,
        statistics: ModelStatistics,
        rows: int,
    ) -> Ran:
        if start_by is not None:
            _check_time(start_by)
        complete = model.complete(arrays)
        # On the event loop's own thread, where others are not kept waiting by it.
        ran = None if model.lock.locked() else model.run_at_once(complete, outputs, _AT_ONCE_SECONDS)
        if ran is None:

            def compute() -> Ran:
                _check_time(start_by)
                return model.run(complete, outputs)

            ran = await self._threads.run_locked(model.lock, compute)
        statistics.executed(rows, ran.seconds)
        return ran

    async def _run_batch(self, kind: _Kind, batch: Sequence[_Waiting]) -> None:
        """Compute requests together, and tell each what became of it. One that fails does so alone."""
        current_waiter.set(None)  # a client that goes away must not stop what others wait for
        try:
            await self._run_together(kind, batch)
            for item in batch:
                if not item.result.done():
                    await self._run_one(kind, item)
        except BaseException as error:
            for item in batch:
                item.fail(error)
            if not isinstance(error, Exception):
                raise

    async def _run_together(self, kind: _Kind, batch: Sequence[_Waiting]) -> None:
        """Compute requests in one run; if that fails, which is at fault shows when each is computed alone."""
        model = kind.model

        def compute() -> tuple[list[_Waiting], Ran] | None:
            present = [item for item in batch if item.is_wanted()]
            if len(present) < 2:
                return None
            return present, model.run(model.complete(_joined(present, self._max_rows)), kind.outputs)

        try:
            computed = await self._threads.run_locked(model.lock, compute) if len(batch) > 1 else None
        except ExecutorError:
            return
        if computed is None:
            return
        present, ran = computed
        begin = 0
        for item in present:
            part = slice(begin, begin + item.rows)
            item.succeed(ran._replace(outputs={name: array[part] for name, array in ran.outputs.items()}))
            begin += item.rows
        present[0].statistics.executed(begin, ran.seconds)

    async def _run_one(self, kind: _Kind, item: _Waiting) -> None:
        try:
            ran = await self._run_alone(
                kind.model, item.arrays, kind.outputs, item.start_by, item.statistics, item.rows
            )
        except ExecutorError as error:
            item.fail(error)
        else:
            item.succeed(ran)


def _check_time(start_by: float | None) -> None:
    now = perf_counter()
    if start_by is not None and now > start_by:
        raise InferenceTimeoutError(
            f"the computation had not begun {(now - start_by) * 1e3:.1f} ms after the timeout of the request"
        )


def _joined(items: Sequence[_Waiting], max_rows: int) -> dict[str, Array]:
    """The inputs of all requests along axis 0, the last row repeated up to a power of 2.

    So few different sizes are compiled; and a row that is there already cannot make the run fail.
    """
    rows = sum(item.rows for item in items)
    padded = max(rows, min(1 << (rows - 1).bit_length(), max_rows))
    result: dict[str, Array] = {}
    for name, first in items[0].arrays.items():
        array = np.empty((padded, *first.shape[1:]), first.dtype)
        np.concatenate([item.arrays[name] for item in items], out=array[:rows])
        array[rows:] = array[rows - 1]
        result[name] = array
    return result
