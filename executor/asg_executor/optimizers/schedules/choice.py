"""Choosing a schedule: the JSON forms of learning rates."""

from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, Tag

from asg_executor.optimizers.schedules.cosine import Cosine, CosineRestarts, OneCycle, WarmupCosine
from asg_executor.optimizers.schedules.decay import (
    Constant,
    Exponential,
    LinearWarmup,
    MultiStep,
    Piecewise,
    Polynomial,
    Step,
)
from asg_executor.optimizers.schedules.schedule import NonNegative, Schedule

__all__ = ["SCHEDULES", "AnySchedule", "LearningRate", "learning_rate_at", "schedule_kinds"]

AnySchedule: TypeAlias = Annotated[
    Constant
    | Step
    | MultiStep
    | Exponential
    | Cosine
    | CosineRestarts
    | LinearWarmup
    | WarmupCosine
    | Polynomial
    | OneCycle
    | Piecewise,
    Field(discriminator="kind"),
]
"""The JSON form of a schedule: `{"kind": "step", "learning_rate": 0.1, "step_size": 10}`."""

SCHEDULES: tuple[type[Schedule], ...] = (
    Constant,
    Step,
    MultiStep,
    Exponential,
    Cosine,
    CosineRestarts,
    LinearWarmup,
    WarmupCosine,
    Polynomial,
    OneCycle,
    Piecewise,
)
"""Every schedule."""


def _form(value: Any) -> str:
    return "schedule" if isinstance(value, dict | Schedule) else "number"


LearningRate: TypeAlias = Annotated[
    Annotated[NonNegative, Tag("number")] | Annotated[AnySchedule, Tag("schedule")], Discriminator(_form)
]
"""The JSON form of a learning rate: a number of at least 0, or a schedule."""


def schedule_kinds() -> list[str]:
    """The kinds of schedules, as their JSON forms name them."""
    return [kind.model_fields["kind"].default for kind in SCHEDULES]


def learning_rate_at(rate: float | Schedule, t: int) -> float:
    """The learning rate of the step after t others."""
    return rate.at(t) if isinstance(rate, Schedule) else rate
