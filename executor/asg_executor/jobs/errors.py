"""What can go wrong with a job.

ExecutorError (asg_executor.errors)
├── InvalidJobError        what is asked for does not fit together
├── UnknownJobError        there is no job of that id
├── JobDamagedError         what is on disk of a job is not what was written
├── JobActiveError         the job is not at its end
├── JobNotResumableError   the job cannot go on
├── TooManyJobsError       as many jobs wait or run as may
├── JobPositionError       the session is at another step than the job left it at
└── UnknownCheckpointError a checkpoint that the job needs was removed
"""

from collections.abc import Sequence
from typing import ClassVar

from asg_executor.errors import ExecutorError
from asg_schema.errors import Problem
from asg_schema.wire import show_value

__all__ = [
    "InvalidJobError",
    "JobActiveError",
    "JobDamagedError",
    "JobNotResumableError",
    "JobPositionError",
    "TooManyJobsError",
    "UnknownCheckpointError",
    "UnknownJobError",
]


class InvalidJobError(ExecutorError):
    """What is asked for does not fit together. `problems` holds every fault that was found."""

    code: ClassVar[str] = "invalid_job"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UnknownJobError(ExecutorError):
    """There is no job of this id.

    Args:
        id: the id.
    """

    code: ClassVar[str] = "unknown_job"

    def __init__(self, id: str) -> None:
        super().__init__(f"there is no job {show_value(id)}; GET /v1/jobs lists them")


class JobDamagedError(ExecutorError):
    """What is on disk of a job is not what was written.

    Args:
        id: the job's id.
        reason: what is damaged.
    """

    code: ClassVar[str] = "job_damaged"

    def __init__(self, id: str, reason: str) -> None:
        super().__init__(f"the job {id} is damaged and does not go on: {reason}; nothing was removed")


class JobActiveError(ExecutorError):
    """The job is not at its end."""

    code: ClassVar[str] = "job_active"


class JobNotResumableError(ExecutorError):
    """The job cannot go on: it succeeded, or its session is not the one that it left."""

    code: ClassVar[str] = "job_not_resumable"


class TooManyJobsError(ExecutorError):
    """As many jobs wait or run as may.

    Args:
        capacity: how many that is.
    """

    code: ClassVar[str] = "too_many_jobs"

    def __init__(self, capacity: int) -> None:
        super().__init__(f"{capacity} jobs are kept, none of them at its end; no more are taken now")


class JobPositionError(ExecutorError):
    """The session is at another step than the job left it at."""

    code: ClassVar[str] = "job_out_of_step"


class UnknownCheckpointError(ExecutorError):
    """A checkpoint that the job needs was removed."""

    code: ClassVar[str] = "unknown_checkpoint"
