"""`Optimizer`: an update rule, and what surrounds it in a step."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from asg_executor.optimizers.groups import Assignment, Group, assign
from asg_executor.optimizers.rule import Decay, Rule
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer

__all__ = ["Common", "Optimizer"]

_Limit = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class Common(BaseModel):
    """The settings that every kind of optimizer has.

    Attributes:
        groups: parameters for which something is different; the first group that matches a name takes it.
        clip_value: each element of a gradient is clipped to [-clip_value, clip_value], as
            `torch.nn.utils.clip_grad_value_` does.
        clip_global_norm: all gradients are scaled by min(1, clip_global_norm / (norm + 1e-6)), where `norm` is that of
            all of them as one vector, as `torch.nn.utils.clip_grad_norm_` does; after `clip_value`, if there is one.
        average_decay: an average of the weights is kept: the weights themselves after the first step, then
            average_decay · average + (1 - average_decay) · weights, as `torch.optim.swa_utils` has it.
        accumulation: whether the gradients of micro-batches are summed or averaged.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    groups: list[Group] = []
    clip_value: _Limit | None = None
    clip_global_norm: _Limit | None = None
    average_decay: Decay | None = None
    accumulation: Literal["sum", "mean"] = "sum"


class Optimizer(Common):
    """What a step does with the gradients.

    Attributes:
        rule: how a parameter follows from its gradient.
    """

    rule: Rule

    def assign(self, parameters: Mapping[str, TensorType]) -> tuple[list[Assignment], list[Problem]]:
        """Which rule trains which of the parameters: see `asg_executor.optimizers.groups.assign`."""
        return assign(self.rule, self.groups, parameters)

    def problems(self) -> list[Problem]:
        """What is wrong with the settings beyond their form."""
        problems = [problem._replace(pointer=f"/optimizer{problem.pointer}") for problem in self.rule.problems()]
        for index, group in enumerate(self.groups):
            prefix = json_pointer(["optimizer", "groups", index])
            problems += [problem._replace(pointer=prefix + problem.pointer) for problem in group.problems(self.rule)]
        return problems

    def to_json(self) -> dict[str, Any]:
        """The JSON form: the rule's settings in full, and those of the common ones that are not the default."""
        common = self.model_dump(mode="json", exclude={"rule", "groups"}, exclude_defaults=True)
        groups = {"groups": [group.to_json() for group in self.groups]} if self.groups else {}
        return {**self.rule.to_json(), **groups, **common}
