"""Answers about jobs, and what their streams of events hold."""

from typing import Annotated, Literal, NotRequired

from pydantic import Discriminator, with_config
from typing_extensions import TypeAliasType, TypedDict

from asg_executor.api.answers.values import CLOSED, Count, Digest, Figure, Id, Step, Tensor, Time
from asg_executor.jobs.job import JobState
from asg_executor.jobs.job_settings import JobSettings

__all__ = [
    "BestFigure",
    "DamagedJob",
    "Job",
    "JobError",
    "JobEvent",
    "JobFailure",
    "JobList",
    "JobNotice",
    "JobProgress",
    "JobReport",
    "JobStop",
    "JobWithHistory",
    "SessionJobs",
]


@with_config(CLOSED)
class BestFigure(TypedDict):
    """The best value so far of the figure that early stopping watches."""

    monitor: str
    """The name of the figure."""

    value: Figure
    """Its value."""

    step: Count
    """After how many of the job's steps it was found."""


@with_config(CLOSED)
class JobError(TypedDict):
    """Why a job failed, as a problem document would say it."""

    code: str
    """The code, as `/docs` lists them."""

    detail: str
    """What went wrong."""

    retryable: bool
    """Whether it may go on when it is resumed as it is."""


@with_config(CLOSED)
class JobProgress(TypedDict):
    """How far a job is; in a stream of events what an event of the type `progress` holds."""

    state: JobState
    """How it is."""

    step: Count
    """How many of its steps were taken."""

    steps_total: Count
    """How many it has."""

    epoch: Count
    """How many epochs are complete."""

    epochs: Count
    """How many it has."""

    figures: dict[str, Figure]
    """The newest figures, by name: of the epoch so far, or of the last report."""

    steps_per_second: float | None
    """How fast it is; null before that is known."""

    eta_seconds: float | None
    """How long it will still take; null where that is not known."""


@with_config(CLOSED)
class Job(JobProgress):
    """A job."""

    id: Id
    """Its id."""

    session: Id
    """The id of the session that it trains."""

    steps_per_epoch: Count
    """How many steps an epoch has."""

    first_step: Step
    """The number of the session's last step before the job's first one."""

    best: BestFigure | None
    """The best figure so far; null without early stopping, or before there is one."""

    stopped_early: bool
    """Whether it ends, or ended, because it got no better."""

    checkpoints: list[str]
    """The names of its checkpoints."""

    cancelling: bool
    """Whether it was asked to end, and has not ended yet."""

    error: JobError | None
    """Why it failed; null where it did not."""

    created: Time
    """When it was asked for."""

    started: Time | None
    """When it began first; null before that."""

    ended: Time | None
    """When it ended; null before that."""

    last_event: Count
    """The number of its last event."""

    settings: JobSettings
    """What it was asked for."""


@with_config(CLOSED)
class _Event(TypedDict):
    event: Count
    """Its number; the first is 1."""

    time: Time
    """When it happened."""

    step: Count
    """How many of the job's steps were taken by then."""


@with_config(CLOSED)
class JobNotice(_Event):
    """A job was asked for, or asked to go on; it began; or it was asked to end."""

    type: Literal["queued", "running", "cancelling"]
    """What happened."""


@with_config(CLOSED)
class JobReport(_Event):
    """Figures of a job, or a checkpoint that it made."""

    type: Literal["report"]
    """What happened."""

    epoch: Count
    """How many epochs are complete."""

    ends_epoch: bool
    """Whether an epoch ends with this step."""

    figures: dict[str, Figure]
    """Of the epoch that ends, and of the validation, whose names begin with `val_`."""

    arrays: NotRequired[dict[str, Tensor]]
    """Outputs of the validation that are no single numbers."""

    checkpoint: NotRequired[str]
    """The name of the checkpoint that was made."""

    asked: NotRequired[bool]
    """With a checkpoint: whether its interval is why it was made."""

    improved: NotRequired[bool]
    """With a checkpoint: whether the figures are the best so far."""


@with_config(CLOSED)
class JobStop(_Event):
    """A job came to its end."""

    type: Literal["succeeded", "cancelled"]
    """What happened."""

    digest: NotRequired[Digest]
    """The digest of the session's state; absent where the session is no more."""


@with_config(CLOSED)
class JobFailure(_Event):
    """A job failed."""

    type: Literal["failed"]
    """What happened."""

    error: JobError
    """Why."""

    digest: NotRequired[Digest]
    """The digest of the session's state; absent where the session is no more."""


JobEvent = TypeAliasType("JobEvent", Annotated[JobNotice | JobReport | JobStop | JobFailure, Discriminator("type")])
"""What a job's stream holds, beside `JobProgress`."""


@with_config(CLOSED)
class JobWithHistory(Job):
    """A job, and its reports."""

    history: list[JobReport]
    """The reports after the event `after`, in parts."""

    history_through: Count
    """The number of the last event that was looked at: where it is less than `last_event`, there may be more."""


@with_config(CLOSED)
class SessionJobs(TypedDict):
    """The jobs of a session."""

    jobs: list[Job]
    """In the order in which they were created."""


@with_config(CLOSED)
class DamagedJob(TypedDict):
    """A job that cannot be used."""

    id: str
    """Its id."""

    session: str
    """The id of the session that it trains."""

    reason: str
    """What is damaged."""


@with_config(CLOSED)
class JobList(TypedDict):
    """Jobs."""

    jobs: list[Job]
    """Those that can be used, in the order in which they were created."""

    damaged: list[DamagedJob]
    """The others."""
