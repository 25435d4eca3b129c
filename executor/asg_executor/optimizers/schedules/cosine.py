"""Schedules along a cosine (Loshchilov and Hutter, 2017), and the one-cycle policy (Smith and Topin, 2019)."""

import math
from typing import Annotated, Literal, Self

from pydantic import Field, StrictBool, model_validator
from typing_extensions import override

from asg_executor.optimizers.schedules.schedule import Count, Factor, NonNegative, Schedule, interpolate

__all__ = ["Cosine", "CosineRestarts", "OneCycle", "WarmupCosine"]


def _anneal(start: float, end: float, share: float) -> float:
    """Half a wave of a cosine from `start` (a share of 0) to `end` (a share of 1)."""
    return end + (start - end) * (1.0 + math.cos(math.pi * share)) / 2.0


class Cosine(Schedule):
    """`torch.optim.lr_scheduler.CosineAnnealingLR`, in its closed form.

    eta_min + (learning_rate - eta_min) · (1 + cos(π · t / T_max)) / 2; after T_max steps the rate rises again.

    Attributes:
        learning_rate: the first rate.
        T_max: after how many steps the rate is eta_min.
        eta_min: the least rate.
    """

    kind: Literal["cosine"] = "cosine"
    learning_rate: NonNegative
    T_max: Count
    eta_min: NonNegative = 0.0

    @override
    def at(self, t: int) -> float:
        return _anneal(self.learning_rate, self.eta_min, t % (2 * self.T_max) / self.T_max)


class CosineRestarts(Schedule):
    """`torch.optim.lr_scheduler.CosineAnnealingWarmRestarts`.

    eta_min + (learning_rate - eta_min) · (1 + cos(π · T_cur / T_i)) / 2, where T_cur of the T_i steps of the present
    period are over. The first period has T_0 steps, each further one T_mult times as many as the one before it.

    Attributes:
        learning_rate: the rate at the beginning of a period.
        T_0: the steps of the first period.
        T_mult: how many times longer than the last one a period is.
        eta_min: the least rate.
    """

    kind: Literal["cosine_restarts"] = "cosine_restarts"
    learning_rate: NonNegative
    T_0: Count
    T_mult: Count = 1
    eta_min: NonNegative = 0.0

    @override
    def at(self, t: int) -> float:
        period = self.T_0
        if self.T_mult == 1:
            t %= period
        while t >= period:  # at most 63 times: each period is at least twice as long as the last
            t -= period
            period *= self.T_mult
        return _anneal(self.learning_rate, self.eta_min, t / period)


class WarmupCosine(Schedule):
    """A straight rise, then half a wave of a cosine: `LinearLR` followed by `CosineAnnealingLR` in a `SequentialLR`.

    For t < warmup_steps the rate is learning_rate · (start_factor + (1 - start_factor) · t / warmup_steps). Then it
    falls from learning_rate to eta_min, which it reaches at t = total_steps and keeps.

    Attributes:
        learning_rate: the rate after the rise.
        warmup_steps: the steps of the rise.
        total_steps: the steps of rise and fall; more than warmup_steps.
        start_factor: the first rate as a share of learning_rate, from 0 to 1.
        eta_min: the last rate.
    """

    kind: Literal["warmup_cosine"] = "warmup_cosine"
    learning_rate: NonNegative
    warmup_steps: Annotated[int, Field(ge=0, lt=2**63)]
    total_steps: Count
    start_factor: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    eta_min: NonNegative = 0.0

    @model_validator(mode="after")
    def _warmup_ends(self) -> Self:
        if self.warmup_steps >= self.total_steps:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps}; less than total_steps, {self.total_steps}, is needed"
            )
        return self

    @override
    def at(self, t: int) -> float:
        if t < self.warmup_steps:
            return self.learning_rate * interpolate(self.start_factor, 1.0, t / self.warmup_steps)
        fall = self.total_steps - self.warmup_steps
        return _anneal(self.learning_rate, self.eta_min, min(t - self.warmup_steps, fall) / fall)


class OneCycle(Schedule):
    """`torch.optim.lr_scheduler.OneCycleLR`, its learning rate alone: no momentum is changed.

    The rate goes from max_learning_rate / div_factor to max_learning_rate at t = pct_start · total_steps - 1, and from
    there to max_learning_rate / div_factor / final_div_factor at t = total_steps - 1. With `three_phase` it first falls
    back, as fast as it rose, to where it began. After total_steps steps it stays, where
    PyTorch goes on beyond it for one step and then refuses.

    Attributes:
        max_learning_rate: the largest rate.
        total_steps: the steps of the cycle.
        pct_start: the share of them in which the rate rises, from 0 to 1.
        anneal_strategy: along a cosine ("cos") or straight ("linear").
        div_factor: how many times smaller than the largest the first rate is.
        final_div_factor: how many times smaller than the first the last rate is.
        three_phase: whether the rate falls in two phases.
    """

    kind: Literal["one_cycle"] = "one_cycle"
    max_learning_rate: NonNegative
    total_steps: Count
    pct_start: Annotated[float, Field(ge=0.0, le=1.0)] = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    div_factor: Factor = 25.0
    final_div_factor: Factor = 1e4
    three_phase: StrictBool = False

    @override
    def at(self, t: int) -> float:
        most = self.max_learning_rate
        first = most / self.div_factor
        peak, last = self.pct_start * self.total_steps - 1.0, self.total_steps - 1.0
        phases = [(0.0, peak, first, most), (peak, last, most, first / self.final_div_factor)]
        if self.three_phase:
            back = 2.0 * self.pct_start * self.total_steps - 2.0
            phases[1:] = [(peak, back, most, first), (back, last, first, first / self.final_div_factor)]
        t = min(t, self.total_steps - 1)
        begin, end, low, high = next((phase for phase in phases if t <= phase[1]), phases[-1])
        # A phase without a length is over when it begins.
        share = (t - begin) / (end - begin) if end != begin else 1.0
        return interpolate(low, high, share) if self.anneal_strategy == "linear" else _anneal(low, high, share)
