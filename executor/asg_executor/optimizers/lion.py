"""Lion."""

from typing import Literal

from pydantic import StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import decayed, like, penalized, running_mean
from asg_executor.optimizers.rule import (
    Betas,
    LearningRate,
    NonNegative,
    Operands,
    Slot,
    Updated,
    WeightDecay,
    convert,
)
from asg_schema.ops.elementwise import Sign
from asg_schema.tensor_type import TensorType

__all__ = ["Lion"]


class Lion(WeightDecay):
    """Lion (Chen et al., 2023, "Symbolic Discovery of Optimization Algorithms", algorithm 2).

    With the gradient g (negated where `maximize` is set) and the parameter p:

        c ← beta1 · m + (1 - beta1) · g
        p ← p - learning_rate · (sign(c) + weight_decay · p)
        m ← beta2 · m + (1 - beta2) · g

    Attributes:
        learning_rate: the size of a step, at least 0.
        betas: how much of the momentum enters the direction, and how much of it is kept, each in [0, 1).
        weight_decay: the share of a parameter, times the learning rate, that is taken from it, at least 0.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["lion"] = "lion"
    learning_rate: LearningRate = 1e-4
    betas: Betas = (0.9, 0.99)
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "momentum")

    @override
    def update(self, operands: Operands) -> Updated:
        gradient = penalized(operands, 0.0, maximize=self.maximize)
        before = operands.slots["momentum"]
        beta1, beta2 = self.betas
        direction = Sign.of(running_mean(before, gradient, beta1))
        parameter = decayed(operands, self.weight_decay)
        rate = convert(operands.learning_rate, parameter.dtype)
        return parameter - direction * rate, {"momentum": running_mean(before, gradient, beta2)}
