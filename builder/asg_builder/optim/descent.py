"""SGD, and the optimizers that adapt its step to the size of the gradients."""

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from asg_builder.optim.optimizer import Optimizer
from asg_builder.optim.schedules import LearningRate
from asg_builder.optim.settings import Bounds, NonNegative, Share

__all__ = ["SGD", "Adadelta", "Adagrad", "RMSprop"]


@dataclass(frozen=True)
class SGD(Optimizer):
    """Stochastic gradient descent, as `torch.optim.SGD`.

    Attributes:
        lr: the learning rate, or its schedule.
        momentum: how much of the last update's direction is kept.
        dampening: how much of the gradient is left out of that direction.
        weight_decay: the L2 penalty, added to the gradient.
        nesterov: whether to use Nesterov's momentum; it needs momentum and no dampening.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "sgd"
    lr: LearningRate = 1e-3
    momentum: NonNegative = 0.0
    dampening: Annotated[float, Bounds()] = 0.0
    weight_decay: NonNegative = 0.0
    nesterov: bool = False
    maximize: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and a dampening of 0")


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """RMSprop (Hinton, 2012), as `torch.optim.RMSprop`.

    Attributes:
        lr: the learning rate, or its schedule.
        alpha: the decay of the running means.
        eps: added to the denominator.
        weight_decay: the L2 penalty, added to the gradient.
        momentum: how much of the last update's direction is kept.
        centered: whether to divide by an estimate of the standard deviation.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "rmsprop"
    lr: LearningRate = 1e-2
    alpha: Share = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: bool = False
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Adagrad(Optimizer):
    """Adagrad (Duchi, Hazan and Singer, 2011), as `torch.optim.Adagrad`.

    Attributes:
        lr: the learning rate, or its schedule.
        lr_decay: how fast it falls: step n has lr / (1 + (n - 1) · lr_decay).
        weight_decay: the L2 penalty, added to the gradient.
        initial_accumulator_value: what the sum of the gradients' squares starts with.
        eps: added to the denominator.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adagrad"
    lr: LearningRate = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10
    maximize: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Adadelta(Optimizer):
    """Adadelta (Zeiler, 2012), as `torch.optim.Adadelta`.

    Attributes:
        lr: the factor of the update, or its schedule.
        rho: the decay of the running means.
        eps: added to both of them.
        weight_decay: the L2 penalty, added to the gradient.
        maximize: whether to climb.
    """

    kind: ClassVar[str] = "adadelta"
    lr: LearningRate = 1.0
    rho: Share = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    maximize: bool = field(default=False, kw_only=True)
