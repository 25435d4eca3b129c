"""`WhileClientWaits`: a run is stopped when its client goes away."""

import asyncio
from contextvars import Token
from types import TracebackType

from fastapi import Request

from asg_executor.allowance import Waiter, current_waiter

__all__ = ["WhileClientWaits"]

_FIRST_LOOK_SECONDS = 0.5  # almost all runs have ended by then, and cost nothing


class WhileClientWaits:
    """An asynchronous context manager: what the pool is given to run meanwhile stops when the client goes away.

    It is for what changes nothing. A step is finished, because its client will ask for it again.

    Args:
        request: the client's request, whose body was read.
    """

    __slots__ = ("_request", "_timer", "_token", "_waiter", "_watch")

    def __init__(self, request: Request) -> None:
        self._request = request
        self._waiter = Waiter()
        self._token: Token[Waiter | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._watch: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        """Begin."""
        self._token = current_waiter.set(self._waiter)
        self._timer = asyncio.get_running_loop().call_later(_FIRST_LOOK_SECONDS, self._begin_watch)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._token is not None:
            current_waiter.reset(self._token)

    def _begin_watch(self) -> None:
        self._watch = asyncio.ensure_future(self._wait_for_end())

    async def _wait_for_end(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass
        self._waiter.gone = "its client closed the connection"
