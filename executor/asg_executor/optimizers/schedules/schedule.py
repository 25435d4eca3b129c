"""`Schedule`: a learning rate as a function of the step."""

from abc import ABC, abstractmethod
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Count", "Factor", "NonNegative", "Schedule", "interpolate", "power"]

NonNegative: TypeAlias = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
"""A finite float that is at least 0."""

Factor: TypeAlias = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
"""A finite float above 0."""

Count: TypeAlias = Annotated[int, Field(ge=1, lt=2**63)]
"""A number of steps, at least 1."""


class Schedule(BaseModel, ABC):
    """A schedule's settings. They are strict: no unknown field, no string or bool for a number.

    A schedule is a closed form of t, the number of steps that were taken before: step number n has t = n - 1. So it
    keeps nothing between steps, and a session that goes on after a restart goes on exactly.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @abstractmethod
    def at(self, t: int) -> float:
        """The learning rate of the step after t others; infinite where it overflows.

        Args:
            t: at least 0.
        """


def power(base: float, exponent: float) -> float:
    """The power base ** exponent for a base of at least 0, infinite where a float cannot hold it."""
    try:
        return base**exponent
    except OverflowError:
        return float("inf")


def interpolate(start: float, end: float, share: float) -> float:
    """The point between `start` (a share of 0) and `end` (a share of 1) on a straight line."""
    return start + (end - start) * share
