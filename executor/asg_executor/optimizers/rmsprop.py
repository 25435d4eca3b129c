"""RMSprop."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import like, penalized, running_mean, running_square
from asg_executor.optimizers.rule import LearningRate, NonNegative, Operands, Slot, Updated, WeightDecay, convert
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.tensor_type import TensorType

__all__ = ["RMSprop"]


class RMSprop(WeightDecay):
    """RMSprop (Hinton, 2012; centered: Graves, 2013), as `torch.optim.RMSprop` defines it.

    With the gradient g (negated where `maximize` is set) and the parameter p:

        g ← g + weight_decay · p
        v ← alpha · v + (1 - alpha) · g²
        m ← alpha · m + (1 - alpha) · g               (only if centered)
        d ← g / (sqrt(v - m² if centered else v) + eps)
        b ← momentum · b + d                          (only with momentum; else b is d)
        p ← p - learning_rate · b

    Attributes:
        learning_rate: the size of a step, at least 0.
        alpha: how much of the running means is kept, from 0 to 1.
        eps: added to the denominator, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        momentum: the factor of the momentum buffer, at least 0; with 0 there is no buffer.
        centered: whether to divide by an estimate of the standard deviation.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["rmsprop"] = "rmsprop"
    learning_rate: LearningRate = 1e-2
    alpha: Annotated[float, Field(ge=0.0, le=1.0)] = 0.99
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum: NonNegative = 0.0
    centered: StrictBool = False
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        centered = ("mean_gradient",) if self.centered else ()
        return like(type, "mean_square", *centered, *(("momentum_buffer",) if self.momentum else ()))

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, slots = operands.parameter, operands.slots
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        variance = square = running_square(slots["mean_square"], gradient, self.alpha)
        updated = {"mean_square": square}
        if self.centered:
            mean = updated["mean_gradient"] = running_mean(slots["mean_gradient"], gradient, self.alpha)
            variance = square - mean * mean
        direction = gradient / (Sqrt.of(variance) + self.eps)
        if self.momentum:
            direction = slots["momentum_buffer"] * self.momentum + direction
            updated["momentum_buffer"] = direction
        return parameter - direction * convert(operands.learning_rate, parameter.dtype), updated
