"""`WorkerPool`: numerical work off the event loop, and no more of it than the machine can do."""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context, ContextVar, copy_context
from functools import partial
from time import perf_counter
from typing import Any, TypeVar

from asg_executor.allowance import Halt, RunBounds, call_within
from asg_executor.api.fair_queue import FairQueue
from asg_executor.api.problems import ProblemError

__all__ = ["WorkerPool", "current_tenant"]

T = TypeVar("T")

_LONGEST_WAIT_SECONDS = 60
_WEIGHT_OF_THE_LAST = 0.1  # in the average of how long a call takes

current_tenant: ContextVar[str] = ContextVar("current_tenant", default="")
"""The tenant in whose queue the calls that are made here wait."""


class WorkerPool:
    """A fixed number of threads and a bounded number of requests that use or await them.

    The threads serve the tenants in turn. NumPy and BLAS release the interpreter's lock while they compute, so threads
    do run in parallel.

    Args:
        workers: the number of threads.
        max_queue: how many requests may wait beside those that the threads work on.
        max_queue_per_tenant: how many of one tenant may; absent: as many as of all.
        bounds: what each call may take.
    """

    def __init__(
        self,
        workers: int,
        max_queue: int,
        max_queue_per_tenant: int | None = None,
        bounds: RunBounds = RunBounds(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="asg-worker")
        self._workers = workers
        self._halt = Halt()
        self._bounds = bounds._replace(halt=self._halt)
        self._abandoned = False
        self._capacity = workers + max_queue
        self._capacity_per_tenant = workers + (max_queue if max_queue_per_tenant is None else max_queue_per_tenant)
        self._queue = FairQueue()
        self._unfinished: set[Future[Any]] = set()
        self._places: Counter[str] = Counter()
        self._admitted = 0
        self._begun = 0
        self._seconds = 0.0  # that a call takes, on average
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def draining(self) -> bool:
        """Whether no new work is taken."""
        return self._draining

    @property
    def admitted(self) -> int:
        """How many requests are worked on or wait; not those whose client is awaited."""
        return self._admitted

    @property
    def busy(self) -> bool:
        """Whether a thread has something to finish, awaited or not."""
        return bool(self._unfinished)

    @property
    def abandoned(self) -> bool:
        """Whether `halt` stopped something that was under way."""
        return self._abandoned

    def check_open(self) -> None:
        """Refuse new work while the server shuts down.

        Raises:
            ProblemError: it does.
        """
        if self._draining:
            raise ProblemError("draining", "the server is shutting down and takes no new work")

    def take_place(self, tenant: str) -> None:
        """Count a request that is worked on or waits.

        Raises:
            ProblemError: all places are taken.
        """
        if self._admitted >= self._capacity:
            message = f"{self._admitted} requests are being worked on or wait; no more are taken"
            raise ProblemError("overloaded", message, headers={"Retry-After": self._retry_after(self._admitted)})
        own = self._places[tenant]
        if own >= self._capacity_per_tenant:
            message = f"{own} of your requests are being worked on or wait; no more are taken"
            raise ProblemError("too_many_requests", message, headers={"Retry-After": self._retry_after(own)})
        self._admitted += 1
        self._places[tenant] = own + 1

    def free_place(self, tenant: str) -> None:
        """Count a request no more."""
        self._admitted -= 1
        self._places[tenant] -= 1
        if not self._places[tenant]:
            del self._places[tenant]

    def begin(self) -> None:
        """Count a request that `drain` waits for."""
        self._begun += 1
        self._idle.clear()

    def end(self) -> None:
        """Count a request that is answered."""
        self._begun -= 1
        if self._begun == 0:
            self._idle.set()

    def _retry_after(self, waiting: int) -> str:
        """After how many seconds about half of those that wait are done."""
        seconds = math.ceil(self._seconds * waiting / self._workers / 2)
        return str(min(max(seconds, 1), _LONGEST_WAIT_SECONDS))

    def _submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        result: Future[T] = Future()
        self._unfinished.add(result)
        result.add_done_callback(self._unfinished.discard)
        self._queue.put(current_tenant.get(), partial(self._call, copy_context(), function, result))
        try:
            self._threads.submit(self._next)  # a thread that is free takes whatever has its turn then
        except RuntimeError:  # the pool is closed
            result.cancel()
            raise
        return asyncio.wrap_future(result)

    def _next(self) -> None:
        work = self._queue.take()
        if work is not None:
            work()

    def _call(self, context: Context, function: Callable[[], T], result: Future[T]) -> None:
        if not result.set_running_or_notify_cancel():
            return
        begin = perf_counter()
        try:
            value = context.run(call_within, self._bounds, function)
        except BaseException as error:  # the caller gets it, whatever it is
            result.set_exception(error)
        else:
            result.set_result(value)
        self._seconds += _WEIGHT_OF_THE_LAST * (perf_counter() - begin - self._seconds)

    async def run(self, function: Callable[[], T]) -> T:
        """Call `function` in a thread.

        Raises:
            LimitExceededError: it would take more than a call may.
            RunStoppedError: it takes too long, or nobody waits for it any more.
        """
        return await self._submit(function)

    async def run_locked(self, lock: asyncio.Lock, function: Callable[[], T]) -> T:
        """Call `function` in a thread while holding `lock`. No thread waits for the lock.

        The lock is held until the call has ended even if the caller is cancelled meanwhile: a thread cannot be
        stopped, and what the lock guards must not be touched by the next one beside it.

        Raises:
            LimitExceededError: it would take more than a call may.
            RunStoppedError: it takes too long, or nobody waits for it any more.
        """
        await lock.acquire()
        try:
            call = self._submit(function)
        except BaseException:
            lock.release()
            raise
        call.add_done_callback(lambda _: lock.release())
        return await asyncio.shield(call)

    async def drain(self) -> None:
        """Take no new work, and wait until what was admitted has ended."""
        self._draining = True
        await self._idle.wait()

    def halt(self) -> None:
        """Take no new work, and stop what is under way at its next instruction. It may be called from any thread."""
        self._draining = True
        self._abandoned = self._abandoned or self.busy or self._begun > 0
        self._halt.called = True

    def close(self) -> None:
        """End the threads once they are idle, without waiting for it. What no thread has begun is cancelled."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for call in list(self._unfinished):
            call.cancel()  # else who awaits it, or the lock that it was to hold, waits for ever
