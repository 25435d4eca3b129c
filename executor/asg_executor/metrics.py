"""`Metrics`: what the service does and takes, for Prometheus (https://prometheus.io/docs/concepts/metric_types/)."""

import time
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["Metrics", "RequestMetrics"]

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The metrics of one application.

    Args:
        sessions: how many sessions are held.
        damaged: how many sessions cannot be used.
        admitted: how many requests are worked on or wait.
    """

    def __init__(
        self, sessions: Callable[[], float], damaged: Callable[[], float], admitted: Callable[[], float]
    ) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "asg_http_requests", "Requests that were answered.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "asg_http_request_duration_seconds",
            "How long requests took, from their first byte to the last of the answer.",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.received = Counter("asg_http_request_bytes", "Bytes of bodies that came.", registry=self.registry)
        self.sent = Counter("asg_http_response_bytes", "Bytes of bodies that were answered.", registry=self.registry)
        self.step_seconds = Histogram(
            "asg_step_duration_seconds",
            "How long training steps took: waiting, reading the body, computing, writing to the disk.",
            ["phase"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        gauges = {
            "asg_sessions": ("Sessions that are held.", sessions),
            "asg_damaged_sessions": ("Sessions whose files are damaged.", damaged),
            "asg_admitted_requests": ("Requests that are worked on or wait.", admitted),
        }
        for name, (description, function) in gauges.items():
            Gauge(name, description, registry=self.registry).set_function(function)
        ProcessCollector(registry=self.registry)  # memory, processor time, open files

    def observe_step(self, seconds: Mapping[str, float]) -> None:
        """Count a step that was taken.

        Args:
            seconds: how long each phase took.
        """
        for phase, duration in seconds.items():
            self.step_seconds.labels(phase).observe(duration)


class RequestMetrics:
    """ASGI middleware that counts requests, by the route that answered and not by path: ids would be endless.

    Args:
        app: what answers the requests.
        metrics: where they are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        metrics, begin, status = self._metrics, time.perf_counter(), 0

        async def counted_receive() -> Message:
            message = await receive()
            metrics.received.inc(len(message.get("body", b"")))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            metrics.sent.inc(len(message.get("body", b"")))
            await send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            route = getattr(scope.get("route"), "path", "")
            metrics.requests.labels(scope["method"], route, str(status)).inc()
            metrics.request_seconds.labels(scope["method"], route).observe(time.perf_counter() - begin)
