"""`Observation` and `RequestObserver`: each request is counted, recorded, and traced."""

import logging
import time
from contextlib import AbstractContextManager
from http import HTTPMethod
from types import TracebackType
from typing import TYPE_CHECKING, Self

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from asg_executor.metrics import Metrics
from asg_executor.observability.request_facts import current_scope

if TYPE_CHECKING:
    from asg_executor.observability.tracing import RequestTrace, Tracing

__all__ = ["Observation", "Observed", "RequestObserver"]

_log = logging.getLogger("asg_executor.requests")
_PROBES = ("/healthz", "/metrics")  # asked every few seconds; their records would hide the others
_LONGEST_PATH = 200
_METHODS = frozenset(HTTPMethod)
_SENTENCE = "a request was answered"


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

    def of(self, scope: Scope) -> "Observed":
        """A context in which one request is answered."""
        return Observed(scope, self._metrics, None if self._tracing is None else self._tracing.request(scope))


class Observed:
    """A request that is observed: a context manager, and what whoever answers it notes.

    Args:
        scope: the request.
        metrics: where it is counted.
        span: the context of its span, where there is one.

    Attributes:
        status: the status of the answer; 0 as long as there is none.
        received: the bytes of its body that came.
        sent: the bytes of the answer's body.
    """

    __slots__ = ("_begin", "_metrics", "_scope", "_span", "_token", "_trace", "received", "sent", "status")

    def __init__(self, scope: Scope, metrics: Metrics, span: "AbstractContextManager[RequestTrace] | None") -> None:
        self.status = self.received = self.sent = 0
        self._scope = scope
        self._metrics = metrics
        self._span = span
        self._trace: RequestTrace | None = None

    def __enter__(self) -> Self:
        """Begin."""
        self._token = current_scope.set(self._scope)
        if self._span is not None:
            self._trace = self._span.__enter__()
        self._begin = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End: it was answered, or failed."""
        try:
            self._record(time.perf_counter() - self._begin)
        finally:
            if self._span is not None and self._trace is not None:
                self._trace.status = self.status
                self._span.__exit__(kind, error, trace)
            current_scope.reset(self._token)

    def _record(self, seconds: float) -> None:
        scope = self._scope
        route: str = getattr(scope.get("route"), "path", "")
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        self._metrics.observe_request(method, route, self.status, seconds, self.received, self.sent)
        level = logging.DEBUG if route.startswith(_PROBES) else logging.INFO
        if _log.isEnabledFor(level):
            _log.log(level, _SENTENCE, extra={"fields": _fields(scope, route, seconds, self)})


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
        with self._observation.of(scope) as observed:

            async def counted_receive() -> Message:
                message = await receive()
                observed.received += len(message.get("body", b""))
                return message

            async def counted_send(message: Message) -> None:
                if message["type"] == "http.response.start":
                    observed.status = message["status"]
                observed.sent += len(message.get("body", b""))
                await send(message)

            await self._app(scope, counted_receive, counted_send)


def _fields(scope: Scope, route: str, seconds: float, observed: Observed) -> dict[str, object]:
    """The fields of a request's record.

    The path is as it was sent, so that it has no characters that deceive; the query is left out.
    """
    path = scope.get("raw_path", b"").partition(b"?")[0].decode("ascii", "backslashreplace")
    return {
        "method": scope["method"],
        "route": route,
        "path": path[:_LONGEST_PATH],
        "status": observed.status,
        "duration_ms": round(seconds * 1e3, 3),
        "bytes_received": observed.received,
        "bytes_sent": observed.sent,
    }
