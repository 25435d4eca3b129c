"""`Begun`: a wait that has an end, and costs nothing where there is nothing to wait for."""

import asyncio
from collections.abc import Awaitable, Generator
from types import coroutine
from typing import Any, Generic, TypeVar, cast

__all__ = ["Begun"]

T = TypeVar("T")


class Begun(Generic[T]):
    """Something awaited that is often there at once, as the body of a small request is: as far as it came at once.

    Args:
        awaited: what is awaited. It is not to be awaited by anything else.

    Attributes:
        is_done: whether it is there.
    """

    __slots__ = ("_result", "_steps", "_waits_for", "is_done")

    def __init__(self, awaited: Awaitable[T]) -> None:
        self._steps = awaited.__await__()
        self._result: T | None = None
        self._waits_for: Any = None
        self.is_done = False
        try:
            self._waits_for = next(self._steps)
        except StopIteration as done:
            self.is_done = True
            self._result = done.value

    @property
    def result(self) -> T:
        """What was awaited, once it is there."""
        return cast("T", self._result)

    async def until(self, end: float) -> T:
        """Await the rest.

        Args:
            end: when the wait ends, in the event loop's time.

        Raises:
            TimeoutError: it is not there in time.
        """
        if self.is_done:
            return self.result
        async with asyncio.timeout_at(end):  # setting a timer takes longer than reading the body
            return await _rest(self._waits_for, self._steps)


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
