"""`Observation` and `RequestObserver`: each request is counted, recorded, and traced."""

import logging
import time
from collections.abc import Awaitable, Callable
from http import HTTPMethod
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asg_executor.metrics import Metrics
from asg_executor.observability.request_facts import current_scope

if TYPE_CHECKING:
    from asg_executor.observability.tracing import Tracing

__all__ = ["Observation", "RequestObserver", "Traffic"]

_log = logging.getLogger("asg_executor.requests")
_PROBES = ("/healthz", "/metrics")  # asked every few seconds; their records would hide the others
_LONGEST_PATH = 200
_METHODS = frozenset(HTTPMethod)
_SENTENCE = "a request was answered"


class Traffic:
    """What is known of a request while it is answered.

    Attributes:
        status: the status of the answer; 0 as long as there is none.
        received: the bytes of its body that came.
        sent: the bytes of the answer's body.
    """

    __slots__ = ("received", "sent", "status")

    def __init__(self) -> None:
        self.status = self.received = self.sent = 0


class Observation:
    """Counts each request, writes a record of it, and traces it.

    The record is of level info, or debug where a probe asks. Requests are counted by the route that answered and not by
    path, because ids would be endless; so would be methods that HTTP does not know.

    Args:
        metrics: where they are counted.
        tracing: makes a span for each; None for no spans.
    """

    def __init__(self, metrics: Metrics, tracing: "Tracing | None") -> None:
        self._metrics = metrics
        self._tracing = tracing

    async def of(self, scope: Scope, traffic: Traffic, answer: Callable[[], Awaitable[None]]) -> None:
        """Observe one request.

        Args:
            scope: the request.
            traffic: what whoever answers notes of it.
            answer: answers it.
        """
        token = current_scope.set(scope)
        try:
            if self._tracing is None:
                await self._counted(scope, traffic, answer)
            else:
                with self._tracing.request(scope) as trace:
                    await self._counted(scope, traffic, answer)
                    trace.status = traffic.status
        finally:
            current_scope.reset(token)

    async def _counted(self, scope: Scope, traffic: Traffic, answer: Callable[[], Awaitable[None]]) -> None:
        begin = time.perf_counter()
        try:
            await answer()
        finally:
            seconds = time.perf_counter() - begin
            route: str = getattr(scope.get("route"), "path", "")
            method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
            self._metrics.observe_request(method, route, traffic.status, seconds, traffic.received, traffic.sent)
            level = logging.DEBUG if route.startswith(_PROBES) else logging.INFO
            if _log.isEnabledFor(level):
                _log.log(level, _SENTENCE, extra={"fields": _record(scope, route, seconds, traffic)})


class RequestObserver:
    """ASGI middleware that observes each request; see `Observation`.

    Args:
        app: what answers the requests.
        observation: observes them.
    """

    def __init__(self, app: ASGIApp, observation: Observation) -> None:
        self._app = app
        self._observation = observation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traffic = Traffic()

        async def counted_receive() -> Message:
            message = await receive()
            traffic.received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                traffic.status = message["status"]
            traffic.sent += len(message.get("body", b""))
            await send(message)

        await self._observation.of(scope, traffic, lambda: self._app(scope, counted_receive, counted_send))


def _record(scope: Scope, route: str, seconds: float, traffic: Traffic) -> dict[str, object]:
    """The fields of a request's record.

    The path is as it was sent, so that it has no characters that deceive; the query is left out.
    """
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    return {
        "method": scope["method"],
        "route": route,
        "path": path[:_LONGEST_PATH],
        "status": traffic.status,
        "duration_ms": round(seconds * 1e3, 3),
        "bytes_received": traffic.received,
        "bytes_sent": traffic.sent,
    }
