"""Adam and its relatives."""

from dataclasses import dataclass, field
from typing import ClassVar

from asg_builder.optim.optimizer import Optimizer
from asg_builder.optim.schedules import LearningRate
from asg_builder.optim.settings import Betas, NonNegative

__all__ = ["Adam", "AdamW", "Adamax", "Lion", "NAdam"]


@dataclass(frozen=True)
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), as `torch.optim.Adam`: `weight_decay` is added to the gradient.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the L2 penalty.
        amsgrad: whether to divide by the largest mean square so far (Reddi et al., 2018).
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adam"
    lr: LearningRate = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: bool = False
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the share of a weight, times `lr`, that is taken from it at each step.
        amsgrad: whether to divide by the largest mean square so far (Reddi et al., 2018).
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adamw"
    lr: LearningRate = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 1e-2
    amsgrad: bool = False
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Adamax(Optimizer):
    """Adamax (Kingma and Ba, 2015), as `torch.optim.Adamax`.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: the decay of the running mean of the gradient and of its largest magnitude.
        eps: added to the gradient's magnitude.
        weight_decay: the L2 penalty, added to the gradient.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adamax"
    lr: LearningRate = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class NAdam(Optimizer):
    """NAdam (Dozat, 2016), as `torch.optim.NAdam`.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the L2 penalty, added to the gradient.
        momentum_decay: how fast the momentum rises to betas[0].
        decoupled_weight_decay: whether the weight decay is taken from the weights themselves, as in `AdamW`.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "nadam"
    lr: LearningRate = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: bool = False
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Lion(Optimizer):
    """Lion (Chen et al., 2023): the sign of a momentum.

    Attributes:
        lr: the learning rate, or its schedule.
        betas: how much of the momentum enters the direction, and how much of it is kept.
        weight_decay: the share of a weight, times `lr`, that is taken from it at each step.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "lion"
    lr: LearningRate = 1e-4
    betas: Betas = (0.9, 0.99)
    weight_decay: NonNegative = 0.0
    maximize: bool = field(default=False, kw_only=True)
