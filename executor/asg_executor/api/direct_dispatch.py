"""`DirectDispatch`: requests of a `DirectRoute` are answered at once, past all other layers."""

import asyncio
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any, TypeAlias

from fastapi import FastAPI, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from typing_extensions import override

from asg_executor.api.answer_flow import send_body
from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.direct_route import DirectRoute
from asg_executor.api.problems import problem_for
from asg_executor.api.request_context import REQUEST_ID, identified, refuse_strangers, stopped
from asg_executor.observability.requests import Observation, Observed

__all__ = ["DirectApplication", "DirectDispatch"]

_Handler: TypeAlias = Callable[[Request], Coroutine[Any, Any, Response]]


class DirectDispatch:
    """Answers the requests of direct routes.

    FastAPI goes through its routers for each request, and wraps each answer in layers for dependencies that end after
    it: 60 µs, as long as a small inference. The other layers (`RequestObserver`, `RequestContext`, `AnswerFlow`) stand
    around each message of an answer; where the answer is whole, what they do is done here once, by the same functions.

    Args:
        routes: the direct routes, which the application has, too. No other route of it has one of their paths. What
            they answer has a body, and is no stream.
        observation: observes the requests.
        names: as for `RequestContext`.
        budget: as for `AnswerFlow`.

    Attributes:
        routes: the direct routes.
    """

    def __init__(
        self,
        routes: Iterable[DirectRoute],
        observation: Observation,
        names: Collection[str] | None,
        budget: ByteBudget,
    ) -> None:
        self.routes = list(routes)
        self._handlers: dict[str, list[tuple[DirectRoute, _Handler]]] = {}
        for route in self.routes:
            for method in route.methods or ():
                self._handlers.setdefault(method, []).append((route, route.get_route_handler()))
        self._observation = observation
        self._names = names
        self._budget = budget

    def handler(self, scope: Scope) -> _Handler | None:
        """What answers a request, which then knows its route; None where no direct route does."""
        if scope["type"] != "http" or scope.get("root_path"):  # a mounted application is FastAPI's matter
            return None
        path = scope["path"]
        for route, handle in self._handlers.get(scope["method"], ()):
            match = route.path_regex.match(path)
            if match is not None:
                scope["route"], scope["endpoint"], scope["path_params"] = route, route.endpoint, match.groupdict()
                return handle
        return None

    async def answer(self, scope: Scope, receive: Receive, send: Send, handle: _Handler) -> None:
        """Answer one request.

        Args:
            scope: the request.
            receive: gets its body.
            send: sends the answer.
            handle: what `handler` found.
        """
        with self._observation.of(scope) as observed:

            async def counted_receive() -> Message:
                message = await receive()
                observed.received += len(message.get("body", b""))
                return message

            headers = identified(scope)
            try:
                refuse_strangers(scope["method"], headers, self._names)
                response = await handle(Request(scope, counted_receive))
            except asyncio.CancelledError:  # the server stops: it has waited long enough for this answer
                response = stopped().response(scope["path"], headers.request_id)
                await self._send(response, headers.request_id, send, observed)
                raise
            except Exception as error:  # the last resort: whatever it is, it is logged, and the client gets a problem
                response = problem_for(error).response(scope["path"], headers.request_id)
            await self._send(response, headers.request_id, send, observed)

    async def _send(self, response: Response, request_id: str, send: Send, observed: Observed) -> None:
        observed.status = response.status_code
        answered = [*response.raw_headers, (REQUEST_ID, request_id.encode())]
        await send({"type": "http.response.start", "status": response.status_code, "headers": answered})
        body = bytes(response.body)
        observed.sent = len(body)
        await send_body({"type": "http.response.body", "body": body}, send, self._budget)


class DirectApplication(FastAPI):
    """A FastAPI application whose direct routes are answered before it looks at a request.

    Attributes:
        direct: what answers them; None for nothing.
    """

    direct: DirectDispatch | None = None

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        handle = None if self.direct is None else self.direct.handler(scope)
        if handle is None or self.direct is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await self.direct.answer(scope, receive, send, handle)
