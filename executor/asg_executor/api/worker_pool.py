"""`WorkerPool`: numerical work off the event loop, and no more of it than the machine can do."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any, TypeVar

from asg_executor.api.problems import ProblemError

__all__ = ["WorkerPool"]

T = TypeVar("T")


class WorkerPool:
    """A fixed number of threads and a bounded number of requests that use or await them.

    NumPy and BLAS release the interpreter's lock while they compute, so threads do run in parallel.

    Args:
        workers: the number of threads.
        max_queue: how many requests may wait beside those that the threads work on.
    """

    def __init__(self, workers: int, max_queue: int) -> None:
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="asg-worker")
        self._capacity = workers + max_queue
        self._unfinished: set[Future[Any]] = set()
        self._admitted = 0
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def draining(self) -> bool:
        """Whether no new work is taken."""
        return self._draining

    @property
    def admitted(self) -> int:
        """How many requests are worked on or wait."""
        return self._admitted

    @property
    def busy(self) -> bool:
        """Whether a thread has something to finish, awaited or not."""
        return bool(self._unfinished)

    @asynccontextmanager
    async def admit(self) -> AsyncGenerator[None]:
        """Hold a place for one request, from before its body is read until its answer is written.

        Raises:
            ProblemError: all places are taken, or the server is shutting down.
        """
        if self._draining:
            raise ProblemError("draining", "the server is shutting down and takes no new work")
        if self._admitted >= self._capacity:
            message = f"{self._admitted} requests are being worked on or wait; no more are taken"
            raise ProblemError("overloaded", message)
        self._admitted += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._admitted -= 1
            if self._admitted == 0:
                self._idle.set()

    def _submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        future = self._threads.submit(copy_context().run, function)
        self._unfinished.add(future)
        future.add_done_callback(self._unfinished.discard)
        return asyncio.wrap_future(future)

    async def run(self, function: Callable[[], T]) -> T:
        """Call `function` in a thread."""
        return await self._submit(function)

    async def run_locked(self, lock: asyncio.Lock, function: Callable[[], T]) -> T:
        """Call `function` in a thread while holding `lock`.

        The lock is held until the call has ended even if the caller is cancelled meanwhile: a thread cannot be
        stopped, and what the lock guards must not be touched by the next one beside it.
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

    def close(self) -> None:
        """End the threads once they are idle, without waiting for it."""
        self._threads.shutdown(wait=False, cancel_futures=True)
