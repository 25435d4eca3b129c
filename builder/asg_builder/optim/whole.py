"""Optimizers that look at each parameter as a whole: at its norm, its rows and columns, its singular values."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from asg_builder.optim.optimizer import Optimizer
from asg_builder.optim.schedules import LearningRate
from asg_builder.optim.settings import Betas, Bounds, NonNegative, Positive, Share

__all__ = ["LAMB", "Adafactor", "Muon"]


@dataclass(frozen=True)
class LAMB(Optimizer):
    """LAMB (You et al., 2020): Adam whose update has the norm of the parameter.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the share of the parameter in its update.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "lamb"
    lr: LearningRate = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern, 2018), as `torch.optim.Adafactor`.

    Attributes:
        lr: the largest relative size of a step, or its schedule.
        beta2_decay: the exponent of the weight of a new second moment.
        eps: the least second moment (None: by the dtype), and the least scale of a parameter.
        d: the threshold of the update's root mean square.
        weight_decay: the share of a weight, times `lr`, that is taken from it at each step.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adafactor"
    lr: LearningRate = 1e-2
    beta2_decay: Annotated[float, Bounds(most=0)] = -0.8
    eps: Annotated[tuple[float | None, float], Bounds(least=0)] = (None, 1e-3)
    d: Annotated[float, Bounds(least=1)] = 1.0
    weight_decay: NonNegative = 0.0
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Muon(Optimizer):
    """Muon (Jordan et al., 2024), as `torch.optim.Muon`: for matrices.

    Other parameters need a group with an optimizer of their own, and embeddings are better off in one:
    `optim.Muon(0.02, groups=[optim.Group(["*.bias", "embedding.*"], optimizer=optim.AdamW(3e-4))])`.

    Attributes:
        lr: the learning rate, or its schedule.
        weight_decay: the share of a weight, times `lr`, that is taken from it at each step.
        momentum: how much of the momentum is kept.
        nesterov: whether to look ahead along the momentum.
        ns_coefficients: the coefficients of the Newton-Schulz iteration.
        eps: the least norm that is divided by.
        ns_steps: how many times to iterate.
        adjust_lr_fn: how the learning rate follows from a matrix's shape.
    """

    kind: ClassVar[str] = "muon"
    lr: LearningRate = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Share = 0.95
    nesterov: bool = True
    ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315)
    eps: Positive = 1e-7
    ns_steps: Annotated[int, Bounds(least=0, below=100)] = 5
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = "original"
