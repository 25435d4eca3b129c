"""Learning-rate schedules, with the arguments of `torch.optim.lr_scheduler`; the learning rate itself comes first.

A schedule stands where an optimizer's `lr` is a number: `optim.SGD(schedules.StepLR(0.1, step_size=10, gamma=0.5))`.
The executor computes it from the number of steps that were taken before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, TypeAlias

from asg_builder.optim.settings import Bounds, Count, Named, NonNegative, Number, Positive, Settings, Share

__all__ = [
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "ExponentialLR",
    "LearningRate",
    "LinearWarmup",
    "MultiStepLR",
    "OneCycleLR",
    "Piecewise",
    "PolynomialLR",
    "Schedule",
    "StepLR",
    "WarmupCosine",
]


@dataclass(frozen=True)
class Schedule(Settings):
    """A learning rate as a function of t, the number of steps that were taken before."""


LearningRate: TypeAlias = Annotated[float | Schedule, Bounds(least=0), Named("learning_rate")]
"""A learning rate: a number, or a schedule."""

_Rate: TypeAlias = Annotated[float, Bounds(least=0), Named("learning_rate")]


@dataclass(frozen=True)
class ConstantLR(Schedule):
    """`lr · factor` for the first `total_iters` steps, then `lr`.

    Attributes:
        lr: the learning rate.
        factor: what it is multiplied by at first.
        total_iters: for how many steps.
    """

    kind: ClassVar[str] = "constant"
    lr: _Rate
    factor: NonNegative = 1 / 3
    total_iters: Number = 5


@dataclass(frozen=True)
class StepLR(Schedule):
    """`lr`, multiplied by `gamma` after every `step_size` steps.

    Attributes:
        lr: the first learning rate.
        step_size: the number of steps.
        gamma: the factor.
    """

    kind: ClassVar[str] = "step"
    lr: _Rate
    step_size: Count
    gamma: NonNegative = 0.1


@dataclass(frozen=True)
class MultiStepLR(Schedule):
    """`lr`, multiplied by `gamma` at each milestone.

    Attributes:
        lr: the first learning rate.
        milestones: numbers of steps, ascending.
        gamma: the factor.
    """

    kind: ClassVar[str] = "multi_step"
    lr: _Rate
    milestones: Annotated[Sequence[int], Bounds(least=0)]
    gamma: NonNegative = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if list(self.milestones) != sorted(self.milestones):
            raise ValueError(f"MultiStepLR: milestones are {list(self.milestones)}; ascending ones are needed")


@dataclass(frozen=True)
class ExponentialLR(Schedule):
    """`lr · gamma**t`.

    Attributes:
        lr: the first learning rate.
        gamma: the factor of each step.
    """

    kind: ClassVar[str] = "exponential"
    lr: _Rate
    gamma: NonNegative


@dataclass(frozen=True)
class CosineAnnealingLR(Schedule):
    """From `lr` along a cosine to `eta_min` after `T_max` steps, and back again (Loshchilov and Hutter, 2017).

    Attributes:
        lr: the first learning rate.
        T_max: the number of steps.
        eta_min: the least learning rate.
    """

    kind: ClassVar[str] = "cosine"
    lr: _Rate
    T_max: Count
    eta_min: NonNegative = 0.0


@dataclass(frozen=True)
class CosineAnnealingWarmRestarts(Schedule):
    """From `lr` along a cosine to `eta_min`, again and again (Loshchilov and Hutter, 2017).

    Attributes:
        lr: the learning rate at the beginning of each period.
        T_0: the number of steps of the first period.
        T_mult: how many times longer than the last one each period is.
        eta_min: the least learning rate.
    """

    kind: ClassVar[str] = "cosine_restarts"
    lr: _Rate
    T_0: Count
    T_mult: Count = 1
    eta_min: NonNegative = 0.0


@dataclass(frozen=True)
class LinearWarmup(Schedule):
    """`lr` times a factor that goes straight from `start_factor` to `end_factor`: PyTorch's `LinearLR`.

    Attributes:
        lr: the learning rate.
        start_factor: the first factor, from 0 to 1.
        end_factor: the last factor, from 0 to 1.
        total_iters: how many steps lie between them.
    """

    kind: ClassVar[str] = "linear_warmup"
    lr: _Rate
    start_factor: Share = 1 / 3
    end_factor: Share = 1.0
    total_iters: Count = 5


@dataclass(frozen=True)
class WarmupCosine(Schedule):
    """A straight rise to `lr`, then along a cosine to `eta_min`.

    Attributes:
        lr: the learning rate after the rise.
        warmup_steps: the steps of the rise.
        total_steps: the steps of rise and fall.
        start_factor: the first learning rate as a share of `lr`, from 0 to 1.
        eta_min: the last learning rate.
    """

    kind: ClassVar[str] = "warmup_cosine"
    lr: _Rate
    warmup_steps: Number
    total_steps: Count
    start_factor: Share = 0.0
    eta_min: NonNegative = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_steps >= self.total_steps:
            needed = f"less than total_steps, {self.total_steps}, is needed"
            raise ValueError(f"WarmupCosine: warmup_steps is {self.warmup_steps}; {needed}")


@dataclass(frozen=True)
class PolynomialLR(Schedule):
    """`lr · (1 - t / total_iters)**power`, and 0 after `total_iters` steps.

    Attributes:
        lr: the first learning rate.
        total_iters: the number of steps.
        power: the exponent.
    """

    kind: ClassVar[str] = "polynomial"
    lr: _Rate
    total_iters: Count = 5
    power: Positive = 1.0


@dataclass(frozen=True)
class OneCycleLR(Schedule):
    """A rise to `max_lr` and a fall far below where it began (Smith and Topin, 2019). The momentum stays as it is.

    Attributes:
        max_lr: the largest learning rate.
        total_steps: the number of steps.
        pct_start: the share of them in which the learning rate rises, from 0 to 1.
        anneal_strategy: along a cosine ("cos") or straight ("linear").
        div_factor: how many times smaller than `max_lr` the first learning rate is.
        final_div_factor: how many times smaller than the first the last one is.
        three_phase: whether it falls in two phases: back to the first learning rate, and then further.
    """

    kind: ClassVar[str] = "one_cycle"
    max_lr: Annotated[float, Bounds(least=0), Named("max_learning_rate")]
    total_steps: Count
    pct_start: Share = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: Positive = 25.0
    final_div_factor: Positive = 1e4
    three_phase: bool = False


@dataclass(frozen=True)
class Piecewise(Schedule):
    """`values[i]`, where i is the number of boundaries that are over: at most t.

    Attributes:
        boundaries: numbers of steps, each above the one before it.
        values: the learning rates, one more than there are boundaries.
    """

    kind: ClassVar[str] = "piecewise"
    boundaries: Annotated[Sequence[int], Bounds(least=0)]
    values: Annotated[Sequence[float], Bounds(least=0)]

    def __post_init__(self) -> None:
        super().__post_init__()
        if any(first >= second for first, second in pairwise(self.boundaries)):
            raise ValueError(
                f"Piecewise: boundaries are {list(self.boundaries)}; each above the one before it is needed"
            )
        if len(self.values) != len(self.boundaries) + 1:
            raise ValueError(
                f"Piecewise: there are {len(self.boundaries)} boundaries and {len(self.values)} values; one value more "
                "than boundaries is needed"
            )
