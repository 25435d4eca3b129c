"""`Tracing`: a span for each request and each step of a job, and spans within it for the phases of a step.

They are OpenTelemetry's. This module alone imports it, which is installed with the extra `telemetry`. Names and
attributes are those of the semantic conventions for HTTP servers
(https://opentelemetry.io/docs/specs/semconv/http/http-spans/).
"""

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http import HTTPMethod
from importlib.metadata import version

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context, use_span
from starlette.datastructures import Headers
from starlette.types import Scope

from asg_executor.observability.request_facts import session_of

__all__ = ["RequestTrace", "Tracing", "exporting_provider"]

_ORDER = ("load", "queue", "run", "persist")
_NANOSECONDS = 1e9


def exporting_provider() -> TracerProvider:
    """What sends spans by OTLP over HTTP, as the variables of OpenTelemetry say (`OTEL_EXPORTER_OTLP_ENDPOINT`, …)."""
    own = {"service.name": "asg-executor", "service.version": version("asgraph")}
    provider = TracerProvider(resource=Resource.create().merge(Resource(own)).merge(OTELResourceDetector().detect()))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider


class RequestTrace:
    """The span of one request.

    Args:
        tracer: makes the spans within it.
        span: the span.

    Attributes:
        status: the status of the answer, once there is one; 0 before.
    """

    def __init__(self, tracer: Tracer, span: Span) -> None:
        self.status = 0
        self._tracer = tracer
        self._span = span

    def add_phases(self, seconds: Mapping[str, float]) -> None:
        """Add a span for each phase of a step that has just ended.

        Args:
            seconds: how long each took.
        """
        _add_phases(self._tracer, self._span, seconds, time.time_ns())


class Tracing:
    """Makes the spans of requests, for which the client's own trace (`traceparent`) is continued, and those of jobs.

    Args:
        provider: what becomes of the spans.
    """

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("asg_executor", version("asgraph"))

    @contextmanager
    def request(self, scope: Scope) -> Generator[RequestTrace]:
        """The span of a request, which lasts as long as the context does."""
        known = scope["method"] in frozenset(HTTPMethod)
        parent = extract(dict(Headers(scope=scope)))
        span = self._tracer.start_span(scope["method"] if known else "HTTP", parent, SpanKind.SERVER)
        trace, state = RequestTrace(self._tracer, span), scope.setdefault("state", {})
        ids = span.get_span_context()
        if ids.is_valid:
            state |= {"trace_id": f"{ids.trace_id:032x}", "span_id": f"{ids.span_id:016x}"}
        state["trace"] = trace
        try:
            with use_span(span, end_on_exit=True):
                yield trace
                _describe(span, scope, trace.status, method=scope["method"] if known else "_OTHER")
        finally:
            del state["trace"]

    def step_of_job(self, job: str, session: str, step: int, seconds: Mapping[str, float]) -> None:
        """Add the span of a job's step that has just ended, with spans within it for its phases.

        It is a trace of its own: a job outlives the request that asked for it, and the server.

        Args:
            job: the job's id.
            session: the id of the session that it trains.
            step: the number of the step in the session.
            seconds: how long each phase took.
        """
        end = time.time_ns()
        begin = end - round(sum(seconds.values()) * _NANOSECONDS)
        attributes = {"asg.job.id": job, "asg.session.id": session, "asg.step": step}
        span = self._tracer.start_span("job step", Context(), attributes=attributes, start_time=begin)
        _add_phases(self._tracer, span, seconds, end)
        span.end(end)

    def close(self) -> None:
        """Send what is not sent yet."""
        self._provider.shutdown()


def _add_phases(tracer: Tracer, span: Span, seconds: Mapping[str, float], end: int) -> None:
    """Add spans for the phases of a step within its own: one follows the other, and the last one ends at `end`."""
    parent = set_span_in_context(span)
    for phase in reversed([phase for phase in _ORDER if phase in seconds]):
        begin = end - round(seconds[phase] * _NANOSECONDS)
        tracer.start_span(f"step {phase}", parent, start_time=begin).end(end)
        end = begin


def _describe(span: Span, scope: Scope, status: int, *, method: str) -> None:
    """Give a span its name and attributes, which are known once the request is answered."""
    if not span.is_recording():
        return
    route: str = getattr(scope.get("route"), "path", "")
    host, port = scope.get("server") or ("", None)
    client, session = scope.get("client"), session_of(scope)
    attributes: dict[str, str | int | None] = {
        "http.request.method": method,
        "http.route": route or None,
        "http.response.status_code": status or None,
        "url.scheme": scope.get("scheme"),
        "url.path": scope["path"],
        "server.address": host or None,
        "server.port": port,
        "client.address": client[0] if client else None,
        "network.protocol.version": scope.get("http_version"),
        "user_agent.original": Headers(scope=scope).get("user-agent"),
        "error.type": str(status) if status >= 500 else None,
        "asg.request.id": scope["state"].get("request_id"),
        "asg.session.id": session,
    }
    span.set_attributes({name: value for name, value in attributes.items() if value is not None})
    if route:
        span.update_name(f"{method} {route}")
    if status >= 500:
        span.set_status(Status(StatusCode.ERROR))
