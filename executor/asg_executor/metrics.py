"""`Metrics`: what the service does and takes, for Prometheus (https://prometheus.io/docs/concepts/metric_types/)."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.process_collector import ProcessCollector

from asg_executor.inference.statistics import PHASES
from asg_executor.observability.counts import Count, CountOf
from asg_executor.observability.durations import DurationHistogram, Durations

__all__ = ["Metrics"]

S = TypeVar("S")

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
        self._requests = CountOf("asg_http_requests", "Requests that were answered.", ["method", "route", "status"])
        self.registry.register(self._requests)
        self._request_seconds = DurationHistogram(
            "asg_http_request_duration_seconds",
            "How long requests took, from their first byte to the last of the answer.",
            ["method", "route"],
            _SECONDS,
        )
        self.registry.register(self._request_seconds)
        received = CountOf("asg_http_request_bytes", "Bytes of bodies that came.")
        sent = CountOf("asg_http_response_bytes", "Bytes of bodies that were answered.")
        self._received, self._sent = received.of(), sent.of()
        for counter in (received, sent):
            self.registry.register(counter)
        self.step_seconds = Histogram(
            "asg_step_duration_seconds",
            "How long training steps took: waiting, reading the body, computing, writing to the disk.",
            ["phase"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        inference_seconds = DurationHistogram(
            "asg_inference_duration_seconds",
            "How long inference requests took: reading the body, waiting, computing, writing the answer.",
            ["phase"],
            _SECONDS,
        )
        self.registry.register(inference_seconds)
        self._of_request: dict[tuple[str, str, int], tuple[Count, Durations]] = {}
        self._inference = {phase: inference_seconds.of(phase) for phase in PHASES}
        gauges = {
            "asg_sessions": ("Sessions that are held.", sessions),
            "asg_damaged_sessions": ("Sessions whose files are damaged.", damaged),
            "asg_admitted_requests": ("Requests that are worked on or wait.", admitted),
        }
        for name, (description, function) in gauges.items():
            Gauge(name, description, registry=self.registry).set_function(function)
        ProcessCollector(registry=self.registry)  # memory, processor time, open files

    def observe_request(self, method: str, route: str, status: int, seconds: float, received: int, sent: int) -> None:
        """Count a request that was answered.

        Args:
            method: its method.
            route: the template of the route that answered it; empty where none did.
            status: the status of the answer; 0 where there was none.
            seconds: how long it took.
            received: the bytes of its body.
            sent: the bytes of the answer's body.
        """
        key = method, route, status
        found = self._of_request.get(key)
        if found is None:  # they are few: neither methods nor routes are made up by clients
            found = self._requests.of(method, route, str(status)), self._request_seconds.of(method, route)
            self._of_request[key] = found
        count, duration = found
        count.total += 1
        duration.observe(seconds)
        self._received.total += received
        self._sent.total += sent

    def watch_jobs(self, states: Sequence[S], count: Callable[[S], float]) -> None:
        """Show how many jobs are in each state.

        Args:
            states: the states.
            count: how many jobs are in one.
        """
        gauge = Gauge("asg_jobs", "Jobs that are kept, by state.", ["state"], registry=self.registry)
        for state in states:
            gauge.labels(str(state)).set_function(partial(count, state))

    def observe_step(self, seconds: Mapping[str, float]) -> None:
        """Count a step that was taken.

        Args:
            seconds: how long each phase took.
        """
        for phase, duration in seconds.items():
            self.step_seconds.labels(phase).observe(duration)

    def observe_inference(self, seconds: Mapping[str, float]) -> None:
        """Count an inference request that was answered.

        Args:
            seconds: how long each phase took: input, queue, infer, output.
        """
        for phase, duration in seconds.items():
            self._inference[phase].observe(duration)
