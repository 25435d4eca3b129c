"""What can go wrong with a session.

ExecutorError (asg_executor.errors)
├── CheckpointError        there is a checkpoint of that name
├── CreationMismatchError  a key for the creation of a session was sent before, with another request
├── CreationPendingError   a session is being created for the same key
├── InitializationError    a parameter's initialiser describes no distribution
├── SessionError           graphs, parameters and optimizer do not fit together
├── SessionBusyError       a job has the session
├── SessionDamagedError    what is on disk of a session does not make the session that it was
├── SessionDeletedError    the session was deleted while a request waited for it
├── NothingKeptError       the service has no data directory
├── StateMismatchError     a state has another digest than it says
├── PartError              a part of a step cannot be taken under the number that it was sent with
│   ├── PartGapError       a part before it is missing
│   └── PartMismatchError  the part came before, and was another one
├── NonFiniteStepError     a step would leave NaN or an infinity in the state
└── StepError              a step cannot be taken under the number that it was sent with
    ├── StepGapError       a step before it is missing
    ├── StepPassedError    a later step was taken already
    └── StepMismatchError  the step was taken with another request
"""

from collections.abc import Sequence
from typing import ClassVar

from asg_executor.errors import ExecutorError
from asg_schema.errors import Problem

__all__ = [
    "CheckpointError",
    "CreationMismatchError",
    "CreationPendingError",
    "InitializationError",
    "NonFiniteStepError",
    "NothingKeptError",
    "PartError",
    "PartGapError",
    "PartMismatchError",
    "SessionBusyError",
    "SessionDamagedError",
    "SessionDeletedError",
    "SessionError",
    "StateMismatchError",
    "StepError",
    "StepGapError",
    "StepMismatchError",
    "StepPassedError",
]


class CheckpointError(ExecutorError):
    """There is a checkpoint of that name."""

    code: ClassVar[str] = "checkpoint_exists"


class NothingKeptError(ExecutorError):
    """The service has no data directory."""

    code: ClassVar[str] = "nothing_kept"


class NoRoomForPartsError(ExecutorError):
    """The parts of other sessions' steps take the room that this one needs."""

    code: ClassVar[str] = "overloaded"


class CreationMismatchError(ExecutorError):
    """A key for the creation of a session was sent before, with another request."""

    code: ClassVar[str] = "creation_mismatch"


class CreationPendingError(ExecutorError):
    """A session is being created for the same key."""

    code: ClassVar[str] = "creation_pending"


class InitializationError(ExecutorError):
    """A parameter's initialiser describes no distribution."""

    code: ClassVar[str] = "invalid_initializer"


class SessionError(ExecutorError):
    """Graphs, parameters and optimizer do not fit together. `problems` holds every fault that was found."""

    code: ClassVar[str] = "invalid_session"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class SessionDamagedError(ExecutorError):
    """What is on disk of a session does not make the session that it was."""

    code: ClassVar[str] = "session_damaged"


class SessionBusyError(ExecutorError):
    """A job has the session, and nobody else may change it until the job ends.

    Args:
        job: the job's id.
    """

    code: ClassVar[str] = "session_busy"

    def __init__(self, job: str) -> None:
        self.job = job
        super().__init__(
            f"the job {job} trains the session, and nothing else may change it meanwhile; GET /v1/jobs/{job} says how "
            f"far it is, POST /v1/jobs/{job}/cancel ends it"
        )


class StateMismatchError(ExecutorError):
    """A state that came from elsewhere has another digest than it says."""

    code: ClassVar[str] = "state_mismatch"


class PartError(ExecutorError):
    """A part of a step cannot be taken under the number that it was sent with.

    Args:
        expected: the number of the step's next part.
        message: what is wrong.
    """

    def __init__(self, expected: int, message: str) -> None:
        self.expected = expected
        super().__init__(message)


class PartGapError(PartError):
    """A part before it is missing."""

    code: ClassVar[str] = "part_gap"


class PartMismatchError(PartError):
    """The part came before, and was another one."""

    code: ClassVar[str] = "part_mismatch"


class NonFiniteStepError(ExecutorError):
    """A step would leave NaN or an infinity in the state of a session that takes no such step."""

    code: ClassVar[str] = "step_not_finite"


class SessionDeletedError(ExecutorError):
    """The session was deleted while a request waited for it."""

    code: ClassVar[str] = "unknown_session"


class StepError(ExecutorError):
    """A step cannot be taken under the number that it was sent with.

    Args:
        number: the number that was sent.
        expected: the number of the session's next step.
        message: what is wrong.
    """

    def __init__(self, number: int, expected: int, message: str) -> None:
        self.number = number
        self.expected = expected
        super().__init__(message)


class StepGapError(StepError):
    """A step before it is missing."""

    code: ClassVar[str] = "step_gap"


class StepPassedError(StepError):
    """A later step was taken already, so that the answer is no longer kept."""

    code: ClassVar[str] = "step_passed"


class StepMismatchError(StepError):
    """The step was taken with another request."""

    code: ClassVar[str] = "step_mismatch"
