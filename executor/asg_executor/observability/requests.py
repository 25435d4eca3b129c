"""`RequestObserver`: counts each request, writes a record of it, and traces it."""

import logging
import time
from http import HTTPMethod
from typing import TYPE_CHECKING

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asg_executor.metrics import Metrics
from asg_executor.observability.request_facts import current_scope

if TYPE_CHECKING:
    from asg_executor.observability.tracing import Tracing

__all__ = ["RequestObserver"]

_log = logging.getLogger("asg_executor.requests")
_PROBES = ("/healthz", "/metrics")  # asked every few seconds; their records would hide the others
_LONGEST_PATH = 200
_METHODS = frozenset(HTTPMethod)
_SENTENCE = "a request was answered"


class RequestObserver:
    """ASGI middleware that counts each request, writes a record of it, and traces it.

    The record is of level info, or debug where a probe asks. Requests are counted by the route that answered and not by
    path, because ids would be endless; so would be methods that HTTP does not know.

    Args:
        app: what answers the requests.
        metrics: where they are counted.
        tracing: makes a span for each; None for no spans.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics, tracing: "Tracing | None") -> None:
        self._app = app
        self._metrics = metrics
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        token = current_scope.set(scope)
        try:
            if self._tracing is None:
                await self._answer(scope, receive, send)
            else:
                with self._tracing.request(scope) as trace:
                    trace.status = await self._answer(scope, receive, send)
        finally:
            current_scope.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer one request; the status of the answer."""
        begin, status, received, sent = time.perf_counter(), 0, 0, 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            seconds = time.perf_counter() - begin
            route: str = getattr(scope.get("route"), "path", "")
            method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
            self._metrics.observe_request(method, route, status, seconds, received, sent)
            level = logging.DEBUG if route.startswith(_PROBES) else logging.INFO
            if _log.isEnabledFor(level):
                _log.log(level, _SENTENCE, extra={"fields": _record(scope, route, status, seconds, received, sent)})
        return status


def _record(scope: Scope, route: str, status: int, seconds: float, received: int, sent: int) -> dict[str, object]:
    """The fields of a request's record.

    The path is as it was sent, so that it has no characters that deceive; the query is left out.
    """
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    return {
        "method": scope["method"],
        "route": route,
        "path": path[:_LONGEST_PATH],
        "status": status,
        "duration_ms": round(seconds * 1e3, 3),
        "bytes_received": received,
        "bytes_sent": sent,
    }
