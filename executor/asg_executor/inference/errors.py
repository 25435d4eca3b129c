"""What can go wrong with inference, beside what can go wrong with a run."""

from typing import ClassVar

from asg_executor.errors import ExecutorError

__all__ = ["InferenceTimeoutError", "UnknownModelError"]


class UnknownModelError(ExecutorError):
    """There is no model of that name, or no such version of it."""

    code: ClassVar[str] = "unknown_model"


class InferenceTimeoutError(ExecutorError):
    """The computation did not begin in the time that the request gives it."""

    code: ClassVar[str] = "inference_timeout"
