"""Tracing where it is wished for: only then are the parts of OpenTelemetry imported that make spans."""

from typing import TYPE_CHECKING

from starlette.types import Scope

from asg_schema.errors import AsgError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from asg_executor.observability.tracing import RequestTrace, Tracing

__all__ = ["TelemetryUnavailableError", "exporting_tracing", "trace_phases"]


class TelemetryUnavailableError(AsgError):
    """Traces are wished for, and OpenTelemetry is not installed."""


def exporting_tracing() -> "Tracing":
    """What traces requests and sends the spans.

    Raises:
        TelemetryUnavailableError: OpenTelemetry is not installed.
    """
    try:
        from asg_executor.observability.tracing import Tracing, exporting_provider
    except ModuleNotFoundError as error:
        raise TelemetryUnavailableError(
            f'telemetry is set, and {error.name} is not installed; install it with: pip install "asgraph[telemetry]"'
        ) from None
    return Tracing(exporting_provider())


def trace_phases(scope: Scope, seconds: "Mapping[str, float]") -> None:
    """Add the phases of a step that has just ended to the trace of its request, if it is traced.

    Args:
        scope: the request's.
        seconds: how long each phase took.
    """
    trace: RequestTrace | None = scope["state"].get("trace")
    if trace is not None:
        trace.add_phases(seconds)
