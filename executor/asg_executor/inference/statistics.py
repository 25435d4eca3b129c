"""`ModelStatistics`: what was asked of a model, and how long it took."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from time import time

__all__ = ["PHASES", "ModelStatistics", "Total"]

PHASES = ("queue", "input", "infer", "output")
"""Where the time of a request goes: waiting (for the session, for others of a batch, for a thread, for a compilation),
reading the body, computing (all requests of a batch together), and writing the answer."""


@dataclass(slots=True)
class Total:
    """How often something happened, and how many seconds it took together."""

    count: int = 0
    seconds: float = 0.0

    @property
    def ns(self) -> int:
        """The time in nanoseconds."""
        return round(self.seconds * 1e9)

    def add(self, seconds: float) -> None:
        """Count it once more."""
        self.count += 1
        self.seconds += seconds


def _phases() -> dict[str, Total]:
    return {name: Total() for name in PHASES}


@dataclass(slots=True)
class ModelStatistics:
    """The requests for one version of a model since the server was started. Used from the event loop alone.

    Attributes:
        inferences: the rows of all requests that succeeded; one for each where there are no rows.
        executions: how often the model was run; requests that are computed together are one run.
        last: when the last request came, in milliseconds since 1970; 0 before the first.
        success: the requests that succeeded, from their first byte to their answer.
        failure: those that failed, likewise.
        phases: where the time of those that succeeded went.
        batches: the runs, by the number of their rows.
    """

    inferences: int = 0
    executions: int = 0
    last: int = 0
    success: Total = field(default_factory=Total)
    failure: Total = field(default_factory=Total)
    phases: dict[str, Total] = field(default_factory=_phases)
    batches: dict[int, Total] = field(default_factory=dict[int, Total])

    def succeeded(self, rows: int, total: float, seconds: Mapping[str, float]) -> None:
        """Count a request that succeeded.

        Args:
            rows: how many rows it had.
            total: how many seconds it took.
            seconds: how many of them each phase took.
        """
        self.inferences += rows
        self.last = int(time() * 1000)
        self.success.add(total)
        for name, phase in self.phases.items():  # written out: there are many requests
            phase.count += 1
            phase.seconds += seconds[name]

    def failed(self, seconds: float) -> None:
        """Count a request that failed after so many seconds."""
        self.last = int(time() * 1000)
        self.failure.add(seconds)

    def executed(self, rows: int, seconds: float) -> None:
        """Count a run of the model.

        Args:
            rows: how many rows were computed for requests.
            seconds: how long it took.
        """
        self.executions += 1
        known = self.batches.get(rows)
        if known is None:
            known = self.batches[rows] = Total()
        known.add(seconds)
