"""Adagrad and Adadelta."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import like, penalized, running_square
from asg_executor.optimizers.rule import LearningRate, NonNegative, Operands, Slot, Updated, WeightDecay, convert
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.tensor_type import TensorType

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(WeightDecay):
    """Adagrad (Duchi, Hazan and Singer, 2011), as `torch.optim.Adagrad` defines it.

    With the gradient g (negated where `maximize` is set), the parameter p and the step t = 1, 2, …:

        g ← g + weight_decay · p
        s ← s + g²                                    (s is initial_accumulator_value at first)
        p ← p - learning_rate / (1 + (t - 1) · lr_decay) · g / (sqrt(s) + eps)

    Attributes:
        learning_rate: the size of a step, at least 0.
        lr_decay: how fast the learning rate falls, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        initial_accumulator_value: what the sum of squares starts with, at least 0.
        eps: added to the denominator, at least 0.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["adagrad"] = "adagrad"
    learning_rate: LearningRate = 1e-2
    lr_decay: NonNegative = 0.0
    weight_decay: NonNegative = 0.0
    initial_accumulator_value: NonNegative = 0.0
    eps: NonNegative = 1e-10
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "sum_of_squares", initial=self.initial_accumulator_value)

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, step = operands.parameter, operands.step
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        rate = operands.learning_rate
        if self.lr_decay:
            rate = rate / ((step - 1.0) * self.lr_decay + 1.0)
        total = operands.slots["sum_of_squares"] + gradient * gradient
        direction = gradient / (Sqrt.of(total) + self.eps)
        return parameter - direction * convert(rate, parameter.dtype), {"sum_of_squares": total}


class Adadelta(WeightDecay):
    """Adadelta (Zeiler, 2012), as `torch.optim.Adadelta` defines it.

    With the gradient g (negated where `maximize` is set) and the parameter p:

        g ← g + weight_decay · p
        v ← rho · v + (1 - rho) · g²
        d ← sqrt(u + eps) / sqrt(v + eps) · g
        u ← rho · u + (1 - rho) · d²
        p ← p - learning_rate · d

    Attributes:
        learning_rate: the factor of the update, at least 0.
        rho: how much of the running means is kept, from 0 to 1.
        eps: added to both means, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["adadelta"] = "adadelta"
    learning_rate: LearningRate = 1.0
    rho: Annotated[float, Field(ge=0.0, le=1.0)] = 0.9
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "mean_square", "mean_square_update")

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, slots = operands.parameter, operands.slots
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        square = running_square(slots["mean_square"], gradient, self.rho)
        before = slots["mean_square_update"]
        delta = Sqrt.of(before + self.eps) / Sqrt.of(square + self.eps) * gradient
        updated = {"mean_square": square, "mean_square_update": running_square(before, delta, self.rho)}
        return parameter - delta * convert(operands.learning_rate, parameter.dtype), updated
