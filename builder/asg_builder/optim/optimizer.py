"""`Optimizer`: what all optimizers have beside their update rule, and `Group`, parameters for which it differs."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, cast

from typing_extensions import override

from asg_builder.optim.schedules import LearningRate
from asg_builder.optim.settings import Bounds, NonNegative, Settings, as_json

__all__ = ["Group", "Optimizer"]

_LIMITS = ("clip_value", "clip_global_norm", "average_decay")
_COMMON = ("groups", *_LIMITS, "accumulation")


@dataclass(frozen=True)
class Group(Settings):
    """Parameters for which something is different. The first group that matches a parameter's name takes it.

    Attributes:
        parameters: a pattern of names, as of files (`*.bias`), or several.
        lr: their learning rate or its schedule; absent: the optimizer's.
        weight_decay: their weight decay; absent: the optimizer's.
        frozen: whether they keep their values.
        optimizer: an optimizer of their own, without groups, clipping or average.
    """

    parameters: str | Sequence[str]
    lr: LearningRate | None = field(default=None, kw_only=True)
    weight_decay: NonNegative | None = field(default=None, kw_only=True)
    frozen: bool = field(default=False, kw_only=True)
    optimizer: "Optimizer | None" = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.parameters:
            raise ValueError("Group: there is no pattern of names; one such as '*.bias' is needed")
        others = [name for name in ("lr", "weight_decay") if getattr(self, name) is not None]
        if self.frozen and (others or self.optimizer is not None):
            raise ValueError("Group: a frozen group is not trained; it has no lr, weight_decay or optimizer")
        if self.optimizer is not None and others:
            raise ValueError(f"Group: it has an optimizer of its own; its {others[0]} stands there")
        if self.optimizer is not None and self.optimizer.common():
            given = ", ".join(self.optimizer.common())
            raise ValueError(f"Group: its optimizer has {given}; these belong to the optimizer that has the group")

    @override
    def to_json(self) -> dict[str, Any]:
        parameters = self.parameters if isinstance(self.parameters, str) else list(self.parameters)
        result: dict[str, Any] = {"parameters": parameters}
        if self.lr is not None:
            result["learning_rate"] = as_json(self.lr)
        if self.weight_decay is not None:
            result["weight_decay"] = as_json(self.weight_decay)
        if self.frozen:
            result["frozen"] = True
        if self.optimizer is not None:
            result["optimizer"] = self.optimizer.to_json()
        return result


@dataclass(frozen=True, kw_only=True)
class Optimizer(Settings):
    """An optimizer: a session applies it; here it is only described.

    Attributes:
        groups: parameters for which something is different.
        clip_value: each element of the gradients is clipped to [-clip_value, clip_value].
        clip_global_norm: the gradients are scaled down to this norm, all of them taken as one vector.
        average_decay: keep an average of the weights, of which this share is kept in each step.
        accumulation: whether the gradients of micro-batches are summed or averaged.
    """

    groups: Sequence[Group] = ()
    clip_value: Annotated[float | None, Bounds(above=0)] = None
    clip_global_norm: Annotated[float | None, Bounds(above=0)] = None
    average_decay: Annotated[float | None, Bounds(least=0, below=1)] = None
    accumulation: Literal["sum", "mean"] = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        groups: Any = self.groups
        if not isinstance(groups, list | tuple) or not all(isinstance(item, Group) for item in cast("Any", groups)):
            raise ValueError(f"{type(self).__name__}: groups is {groups!r}; a list of optim.Group is needed")

    def common(self) -> dict[str, Any]:
        """What was given of the settings that every optimizer has, as JSON."""
        result = {name: as_json(value) for name in _LIMITS if (value := getattr(self, name)) is not None}
        if self.groups:
            result["groups"] = [group.to_json() for group in self.groups]
        return result if self.accumulation == "sum" else {**result, "accumulation": self.accumulation}

    @override
    def to_json(self) -> dict[str, Any]:
        rule = {name: value for name, value in super().to_json().items() if name not in _COMMON}
        return {**rule, **self.common()}
