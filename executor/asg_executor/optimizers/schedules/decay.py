"""Schedules in which the learning rate falls by factors, along a power, or from one value to the next."""

from bisect import bisect_right
from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from typing_extensions import override

from asg_executor.optimizers.schedules.schedule import Count, Factor, NonNegative, Schedule, interpolate, power

__all__ = ["Constant", "Exponential", "LinearWarmup", "MultiStep", "Piecewise", "Polynomial", "Step"]

Boundary = Annotated[int, Field(ge=0, lt=2**63)]


class Constant(Schedule):
    """`torch.optim.lr_scheduler.ConstantLR`: learning_rate · factor for t < total_iters, then learning_rate.

    Attributes:
        learning_rate: the rate.
        factor: what it is multiplied by at first.
        total_iters: for how many steps.
    """

    kind: Literal["constant"] = "constant"
    learning_rate: NonNegative
    factor: NonNegative = 1.0
    total_iters: Annotated[int, Field(ge=0, lt=2**63)] = 0

    @override
    def at(self, t: int) -> float:
        return self.learning_rate * (self.factor if t < self.total_iters else 1.0)


class Step(Schedule):
    """`torch.optim.lr_scheduler.StepLR`: learning_rate · gamma^⌊t / step_size⌋.

    Attributes:
        learning_rate: the first rate.
        step_size: after how many steps the rate is multiplied by gamma, each time.
        gamma: the factor, at least 0.
    """

    kind: Literal["step"] = "step"
    learning_rate: NonNegative
    step_size: Count
    gamma: NonNegative = 0.1

    @override
    def at(self, t: int) -> float:
        return self.learning_rate * power(self.gamma, t // self.step_size)


class MultiStep(Schedule):
    """`torch.optim.lr_scheduler.MultiStepLR`: learning_rate · gamma^(the number of milestones that are at most t).

    Attributes:
        learning_rate: the first rate.
        milestones: after how many steps the rate is multiplied by gamma, ascending; one may stand several times.
        gamma: the factor, at least 0.
    """

    kind: Literal["multi_step"] = "multi_step"
    learning_rate: NonNegative
    milestones: list[Boundary]
    gamma: NonNegative = 0.1

    @model_validator(mode="after")
    def _milestones_ascend(self) -> Self:
        if self.milestones != sorted(self.milestones):
            first, second = next(pair for pair in pairwise(self.milestones) if pair[0] > pair[1])
            raise ValueError(f"the milestone {second} stands after {first}; ascending ones are needed")
        return self

    @override
    def at(self, t: int) -> float:
        return self.learning_rate * power(self.gamma, bisect_right(self.milestones, t))


class Exponential(Schedule):
    """`torch.optim.lr_scheduler.ExponentialLR`: learning_rate · gamma^t.

    Attributes:
        learning_rate: the first rate.
        gamma: the factor of each step, at least 0.
    """

    kind: Literal["exponential"] = "exponential"
    learning_rate: NonNegative
    gamma: NonNegative

    @override
    def at(self, t: int) -> float:
        return self.learning_rate * power(self.gamma, t)


class LinearWarmup(Schedule):
    """`torch.optim.lr_scheduler.LinearLR`: learning_rate times a factor that goes straight from one to another.

    The factor is start_factor + (end_factor - start_factor) · min(t, total_iters) / total_iters.

    Attributes:
        learning_rate: the rate that the factors multiply.
        start_factor: the first factor, from 0 to 1.
        end_factor: the last factor, from 0 to 1.
        total_iters: how many steps lie between them.
    """

    kind: Literal["linear_warmup"] = "linear_warmup"
    learning_rate: NonNegative
    start_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0 / 3.0
    end_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    total_iters: Count = 5

    @override
    def at(self, t: int) -> float:
        share = min(t, self.total_iters) / self.total_iters
        return self.learning_rate * interpolate(self.start_factor, self.end_factor, share)


class Polynomial(Schedule):
    """`torch.optim.lr_scheduler.PolynomialLR`: learning_rate · (1 - min(t, total_iters) / total_iters)^power.

    Attributes:
        learning_rate: the first rate.
        total_iters: after how many steps it is 0.
        power: the exponent, above 0.
    """

    kind: Literal["polynomial"] = "polynomial"
    learning_rate: NonNegative
    total_iters: Count = 5
    power: Factor = 1.0

    @override
    def at(self, t: int) -> float:
        return self.learning_rate * (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power


class Piecewise(Schedule):
    """One rate up to each boundary: values[i], where i is the number of boundaries that are at most t.

    Attributes:
        boundaries: after how many steps the next value begins; each above the one before it.
        values: the rates, one more than there are boundaries.
    """

    kind: Literal["piecewise"] = "piecewise"
    boundaries: list[Boundary]
    values: Annotated[list[NonNegative], Field(min_length=1)]

    @model_validator(mode="after")
    def _boundaries_fit_values(self) -> Self:
        for first, second in pairwise(self.boundaries):
            if first >= second:
                raise ValueError(f"the boundary {second} stands after {first}; each above the one before it is needed")
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"there are {len(self.boundaries)} boundaries and {len(self.values)} values; one value more than "
                "boundaries is needed"
            )
        return self

    @override
    def at(self, t: int) -> float:
        return self.values[bisect_right(self.boundaries, t)]
