"""What can go wrong with an optimizer's settings."""

from collections.abc import Sequence
from typing import ClassVar

from asg_executor.errors import ExecutorError
from asg_schema.errors import Problem

__all__ = ["LearningRateError", "OptimizerError"]


class OptimizerError(ExecutorError):
    """The JSON form of an optimizer is not valid. `problems` holds every fault that was found."""

    code: ClassVar[str] = "invalid_optimizer"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class LearningRateError(ExecutorError):
    """A schedule gives no learning rate for a step that is finite in the dtype of the update."""

    code: ClassVar[str] = "infinite_learning_rate"
