"""Stochastic gradient descent."""

from typing import Literal, Self

from pydantic import FiniteFloat, StrictBool, model_validator
from typing_extensions import override

from asg_executor.optimizers.gradients import like, penalized
from asg_executor.optimizers.rule import LearningRate, NonNegative, Operands, Slot, Updated, WeightDecay, convert
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Where
from asg_schema.tensor_type import TensorType

__all__ = ["SGD"]


class SGD(WeightDecay):
    """Stochastic gradient descent with momentum, as `torch.optim.SGD` defines it.

    With the gradient g (negated where `maximize` is set) and the parameter p:

        g ← g + weight_decay · p
        b ← momentum · b + (1 - dampening) · g        (b ← g in the first step)
        g ← g + momentum · b if nesterov else b       (only with momentum)
        p ← p - learning_rate · g

    Attributes:
        learning_rate: the size of a step, at least 0.
        momentum: the factor of the momentum buffer, at least 0; with 0 there is no buffer.
        dampening: how much of the gradient is kept out of the buffer.
        nesterov: whether to look ahead along the buffer; needs a momentum and zero dampening.
        weight_decay: the factor of an L2 penalty, at least 0.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["sgd"] = "sgd"
    learning_rate: LearningRate = 1e-3
    momentum: NonNegative = 0.0
    dampening: FiniteFloat = 0.0
    nesterov: StrictBool = False
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ValueError(
                f"nesterov needs a momentum above 0 and a dampening of 0, not {self.momentum} and {self.dampening}"
            )
        return self

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "momentum_buffer") if self.momentum else ()

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, step = operands.parameter, operands.step
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        rate = convert(operands.learning_rate, parameter.dtype)
        if not self.momentum:
            return parameter - gradient * rate, {}
        share = gradient
        if self.dampening:
            # The buffer starts as zeros, so the first step differs in this factor alone.
            kept = Where.of(Equal.of(step, step.scalar(1.0)), step.scalar(1.0), step.scalar(1.0 - self.dampening))
            share = gradient * convert(kept, gradient.dtype)
        buffer = operands.slots["momentum_buffer"] * self.momentum + share
        direction = gradient + buffer * self.momentum if self.nesterov else buffer
        return parameter - direction * rate, {"momentum_buffer": buffer}
