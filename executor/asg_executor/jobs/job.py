"""`Job`: a training as the service knows it: all of it follows from what was asked for and from its events."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from asg_executor.jobs.figures import figure_json, numbers_of
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.jobs.watching import BestFigure, KeptCheckpoints
from asg_executor.store.jobs import Event, JobRecord

__all__ = ["EventType", "Job", "JobState", "timestamp"]


class JobState(StrEnum):
    """How a job is."""

    QUEUED = "queued"
    """It waits for others to end."""

    RUNNING = "running"
    """It takes steps."""

    SUCCEEDED = "succeeded"
    """It took all its steps, or was stopped early because it got no better."""

    FAILED = "failed"
    """A step could not be taken; `error` says why."""

    CANCELLED = "cancelled"
    """Somebody asked it to end."""

    @property
    def is_final(self) -> bool:
        """Whether it goes on no more by itself."""
        return self not in (JobState.QUEUED, JobState.RUNNING)


class EventType(StrEnum):
    """What happens to a job."""

    QUEUED = "queued"
    """It was asked for, or asked to go on."""

    RUNNING = "running"
    """It began."""

    REPORT = "report"
    """It has figures, or made a checkpoint."""

    CANCELLING = "cancelling"
    """It was asked to end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


_STATES = {kind: JobState(kind.value) for kind in EventType if kind.value in set(JobState)}


class Job:
    """A job in the service. It belongs to the event loop; threads only read it.

    Args:
        record: what it was asked for.

    Attributes:
        record: what it was asked for.
        settings: its settings.
        state: how it is.
        last_event: the number of the last event.
        position: how many of its steps were taken.
        reported: the position of the last report.
        figures: the newest figures: of the epoch so far, or of the last report.
        error: why it failed.
        digest: the digest of the session's state when it ended.
        started: when it began first, in seconds since 1970.
        ended: when it ended.
        cancelling: whether it was asked to end.
        best: what early stopping knows; None without it.
        checkpoints: its checkpoints.
        steps_per_second: how fast it is, since the service was started; None before that is known.
        began: whether it began since it was asked for, or asked to go on.
        changing: held by whoever adds an event.
    """

    def __init__(self, record: JobRecord) -> None:
        self.record = record
        self.settings = JobSettings.parse(record.settings)
        self.state = JobState.QUEUED
        self.last_event = 0
        self.position = 0
        self.reported = 0
        self.figures: Mapping[str, Any] = {}
        self.error: Mapping[str, Any] | None = None
        self.digest: str | None = None
        self.started: float | None = None
        self.ended: float | None = None
        self.cancelling = False
        stopping = self.settings.early_stopping
        self.best = None if stopping is None else BestFigure(stopping)
        self.checkpoints = KeptCheckpoints(self.settings.checkpoints)
        self.steps_per_second: float | None = None
        self.began = False
        self.changing = asyncio.Lock()
        self._changed = asyncio.Event()

    @property
    def id(self) -> str:
        """Its id."""
        return self.record.id

    @property
    def steps_total(self) -> int:
        """How many steps it has."""
        return self.record.steps_per_epoch * self.settings.epochs

    @property
    def stopped_early(self) -> bool:
        """Whether it ends, or ended, because it got no better."""
        return self.best is not None and self.best.ends

    @property
    def eta_seconds(self) -> float | None:
        """How long its steps will still take if it goes on as it did; None where that is not known."""
        if self.state.is_final or not self.steps_per_second:
            return None
        return (self.steps_total - self.position) / self.steps_per_second

    def apply(self, event: Event) -> None:
        """Take in an event: one that happens, or one that is known from an earlier time."""
        content = event.content
        kind = EventType(content["type"])
        self.last_event = event.number
        self.state = _STATES.get(kind, self.state)
        if kind is EventType.QUEUED:
            self.error, self.ended, self.cancelling, self.digest, self.began = None, None, False, None, False
        elif kind is EventType.RUNNING:
            self.started, self.began = self.started or content["time"], True
        elif kind is EventType.CANCELLING:
            self.cancelling = True
        elif kind is EventType.REPORT:
            self._report(content)
        if self.state.is_final:
            self.ended, self.error = content["time"], content.get("error")
            self.digest = content.get("digest")
        self.position = max(self.position, content["step"])
        self.notify()

    def _report(self, content: Mapping[str, Any]) -> None:
        self.reported = content["step"]
        self.figures = content["figures"]
        figures = numbers_of(content["figures"])
        if self.best is not None:
            self.best.update(content["step"], figures)
        name = content.get("checkpoint")
        if name is not None:
            value = figures.get(self.monitor)
            self.checkpoints.add(name, value, asked=content["asked"], improved=content["improved"])

    @property
    def monitor(self) -> str:
        """The figure that `keep_best` compares."""
        policy = self.settings.checkpoints
        if policy is not None and policy.monitor is not None:
            return policy.monitor
        return self.settings.loss if self.settings.validation is None else f"val_{self.settings.loss}"

    @property
    def restores_best(self) -> bool:
        """Whether the session gets the parameters of the best figure at the end."""
        return self.best is not None and self.best.settings.restore_best

    def improves(self, figures: Mapping[str, Any]) -> bool:
        """Whether figures, as JSON, are the best so far, as early stopping compares them."""
        return self.best is not None and self.best.is_better(numbers_of(figures))

    def checkpoint_name(self, step: int) -> str:
        """The name of a checkpoint of the job after a step of the session."""
        policy = self.settings.checkpoints
        prefix = None if policy is None else policy.prefix
        return f"{prefix or f'job-{self.id[:8]}'}-step-{step}"

    def notify(self) -> None:
        """Wake whoever waits for a change."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    @property
    def changed(self) -> asyncio.Event:
        """What is set at the next change. Get it before looking at the job, or a change in between is missed."""
        return self._changed

    def describe(self) -> dict[str, Any]:
        """The job as JSON, without its history."""
        best = self.best
        return {
            "id": self.id,
            "session": self.record.session,
            "state": self.state.value,
            "step": self.position,
            "steps_total": self.steps_total,
            "epoch": self.position // self.record.steps_per_epoch,
            "epochs": self.settings.epochs,
            "steps_per_epoch": self.record.steps_per_epoch,
            "first_step": self.record.first_step,
            "figures": dict(self.figures),
            "best": None
            if best is None or best.position is None
            else {"monitor": best.settings.monitor, "value": figure_json(best.value or 0.0), "step": best.position},
            "stopped_early": self.stopped_early,
            "checkpoints": sorted(self.checkpoints.kept(finished=self.state is JobState.SUCCEEDED)),
            "cancelling": self.cancelling and not self.state.is_final,
            "error": self.error,
            "created": timestamp(self.record.created),
            "started": timestamp(self.started),
            "ended": timestamp(self.ended),
            "steps_per_second": self.steps_per_second,
            "eta_seconds": self.eta_seconds,
            "last_event": self.last_event,
            "settings": self.settings.to_json(),
        }


def timestamp(seconds: float | None) -> str | None:
    """A time, given in seconds since 1970, as RFC 3339 writes it; None stays None."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
