"""`Batcher`: requests that come at about the same time are computed together."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

__all__ = ["Batcher", "Scheduled"]

R = TypeVar("R")
K = TypeVar("K", bound=Hashable)


class Scheduled(Protocol):
    """A call that was scheduled."""

    def cancel(self) -> None:
        """Take it back."""
        ...


@dataclass(slots=True, eq=False)
class _Batch(Generic[R]):
    """Requests that wait to be computed together."""

    items: list[R] = field(default_factory=list[R])
    rows: int = 0
    timer: Scheduled | None = None


class Batcher(Generic[K, R]):
    """Gathers requests of one kind until there are enough of them, or the first has waited as long as it may.

    Args:
        max_delay: how long the first request of a batch waits for others, in seconds.
        max_rows: how many rows a batch has at most; a request with as many or more is a batch of its own.
        run: computes a batch of the given kind, and tells each of its requests what became of it.
        schedule: calls a function after so many seconds; absent: the event loop's `call_later`.
    """

    def __init__(
        self,
        max_delay: float,
        max_rows: int,
        run: Callable[[K, Sequence[R]], Awaitable[None]],
        schedule: Callable[[float, Callable[[], None]], Scheduled] | None = None,
    ) -> None:
        self._max_delay = max_delay
        self._max_rows = max_rows
        self._run = run
        self._schedule = schedule or _call_later
        self._batches: dict[K, _Batch[R]] = {}
        self._running: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> Mapping[K, int]:
        """How many requests wait, by kind."""
        return {kind: len(batch.items) for kind, batch in self._batches.items()}

    def add(self, kind: K, item: R, rows: int) -> None:
        """Have a request computed, at the latest `max_delay` from now on.

        Args:
            kind: requests of the same kind can be computed together.
            item: the request.
            rows: how many rows it has.
        """
        batch = self._batches.get(kind)
        if batch is not None and batch.rows + rows > self._max_rows:
            self._flush(kind, batch)
            batch = None
        if batch is None:
            batch = self._batches[kind] = _Batch[R]()
        batch.items.append(item)
        batch.rows += rows
        full = batch
        if batch.rows >= self._max_rows:
            self._flush(kind, full)
        elif batch.timer is None:
            batch.timer = self._schedule(self._max_delay, lambda: self._flush(kind, full))

    def _flush(self, kind: K, batch: _Batch[R]) -> None:
        if batch.timer is not None:
            batch.timer.cancel()
        if self._batches.get(kind) is batch:
            del self._batches[kind]
        task = asyncio.ensure_future(self._run(kind, batch.items))
        self._running.add(task)
        task.add_done_callback(self._running.discard)


def _call_later(delay: float, function: Callable[[], None]) -> Scheduled:
    return asyncio.get_running_loop().call_later(delay, function)
