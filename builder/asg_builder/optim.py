"""Optimizers, with the arguments of `torch.optim`. A session applies them; here they are only described."""

from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, TypeAlias

__all__ = ["SGD", "Adam", "AdamW", "Optimizer"]


def _check(kind: str, name: str, value: float, low: float, high: float | None = None) -> None:
    if not isfinite(value) or value < low or (high is not None and value >= high):
        wanted = f"a number in [{low:g}, {high:g})" if high is not None else f"a finite number of at least {low:g}"
        raise ValueError(f"{kind}: {name} is {value}; {wanted} is needed")


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent, as `torch.optim.SGD`.

    Attributes:
        lr: the learning rate.
        momentum: how much of the last update's direction is kept.
        dampening: how much of the gradient is left out of that direction.
        weight_decay: the L2 penalty, added to the gradient.
        nesterov: whether to use Nesterov's momentum; it needs momentum and no dampening.
        maximize: whether to climb.
    """

    lr: float = 1e-3
    momentum: float = 0.0
    dampening: float = 0.0
    weight_decay: float = 0.0
    nesterov: bool = False
    maximize: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        for name in ("lr", "momentum", "weight_decay"):
            _check("SGD", name, getattr(self, name), 0)
        _check("SGD", "dampening", self.dampening, -inf)
        if self.nesterov and (self.momentum == 0 or self.dampening != 0):
            raise ValueError("SGD: nesterov needs a momentum above 0 and a dampening of 0")

    def to_json(self) -> dict[str, Any]:
        """The optimizer as the executor reads it."""
        return {
            "kind": "sgd",
            "learning_rate": float(self.lr),
            "momentum": float(self.momentum),
            "dampening": float(self.dampening),
            "weight_decay": float(self.weight_decay),
            "nesterov": self.nesterov,
            "maximize": self.maximize,
        }


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba, 2015), as `torch.optim.Adam`: `weight_decay` is added to the gradient.

    Attributes:
        lr: the learning rate.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the L2 penalty.
        amsgrad: whether to divide by the largest mean square so far (Reddi et al., 2018).
        maximize: whether to climb.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0
    amsgrad: bool = False
    maximize: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        _check_adam(self)

    def to_json(self) -> dict[str, Any]:
        """The optimizer as the executor reads it."""
        return _adam_to_json("adam", self)


@dataclass(frozen=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW`.

    Attributes:
        lr: the learning rate.
        betas: the decay of the running means of the gradient and of its square.
        eps: added to the denominator.
        weight_decay: the share of a weight, times `lr`, that is taken from it at each step.
        amsgrad: whether to divide by the largest mean square so far (Reddi et al., 2018).
        maximize: whether to climb.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 1e-2
    amsgrad: bool = False
    maximize: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        _check_adam(self)

    def to_json(self) -> dict[str, Any]:
        """The optimizer as the executor reads it."""
        return _adam_to_json("adamw", self)


def _check_adam(optimizer: Adam | AdamW) -> None:
    kind = type(optimizer).__name__
    for name in ("lr", "eps", "weight_decay"):
        _check(kind, name, getattr(optimizer, name), 0)
    for index, beta in enumerate(optimizer.betas):
        _check(kind, f"betas[{index}]", beta, 0, 1)


def _adam_to_json(kind: str, optimizer: Adam | AdamW) -> dict[str, Any]:
    return {
        "kind": kind,
        "learning_rate": float(optimizer.lr),
        "betas": list(map(float, optimizer.betas)),
        "eps": float(optimizer.eps),
        "weight_decay": float(optimizer.weight_decay),
        "amsgrad": optimizer.amsgrad,
        "maximize": optimizer.maximize,
    }


Optimizer: TypeAlias = SGD | Adam | AdamW
"""Any of the optimizers."""
