"""`await_until`: a wait that has an end, and costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, TypeVar

__all__ = ["await_until"]

T = TypeVar("T")


async def await_until(end: float, awaited: Awaitable[T]) -> T:
    """Await something that is often there at once, as the body of a small request is.

    Args:
        end: when the wait ends, in the event loop's time.
        awaited: what is awaited.

    Raises:
        TimeoutError: it is not there in time.
    """
    steps = awaited.__await__()
    try:
        waits_for = next(steps)
    except StopIteration as done:
        return done.value
    async with asyncio.timeout_at(end):  # setting a timer takes longer than reading the body
        return await _rest(waits_for, steps)


@coroutine
def _rest(waits_for: Any, steps: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
    """What is left of something that was awaited so far that it waits."""
    try:
        while True:
            try:
                yield waits_for
            except BaseException as error:  # such as the cancellation by which the time ends
                waits_for = steps.throw(error)
            else:
                waits_for = next(steps)
    except StopIteration as done:
        return done.value
