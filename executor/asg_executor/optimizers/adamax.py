"""Adamax and NAdam, two relatives of Adam."""

from typing import Literal

from pydantic import StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import decayed, like, penalized, running_mean, running_square
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
from asg_schema.dtype import DType
from asg_schema.ops.elementwise import Abs, Maximum
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.tensor_type import TensorType

__all__ = ["Adamax", "NAdam"]


class Adamax(WeightDecay):
    """Adamax (Kingma and Ba, 2015), as `torch.optim.Adamax` defines it.

    With the gradient g (negated where `maximize` is set), the parameter p and the step t = 1, 2, …:

        g ← g + weight_decay · p
        m ← beta1 · m + (1 - beta1) · g
        u ← max(beta2 · u, |g| + eps)
        p ← p - learning_rate / (1 - beta1ᵗ) · m / u

    Attributes:
        learning_rate: the size of a step, at least 0.
        betas: how much of the first moment and of the infinity norm is kept, each in [0, 1).
        eps: added to the magnitude of the gradient, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["adamax"] = "adamax"
    learning_rate: LearningRate = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "first_moment", "infinity_norm")

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, slots = operands.parameter, operands.slots
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        beta1, beta2 = self.betas
        first = running_mean(slots["first_moment"], gradient, beta1)
        largest = Maximum.of(slots["infinity_norm"] * beta2, Abs.of(gradient) + self.eps)
        step_size = convert(operands.learning_rate / (1.0 - beta1**operands.step), parameter.dtype)
        return parameter - step_size * (first / largest), {"first_moment": first, "infinity_norm": largest}


class NAdam(WeightDecay):
    """NAdam (Dozat, 2016), as `torch.optim.NAdam` defines it.

    With the gradient g (negated where `maximize` is set), the parameter p, the step t = 1, 2, …, and
    μ(t) = beta1 · (1 - 0.96^(t · momentum_decay) / 2):

        p ← p · (1 - learning_rate · weight_decay) if decoupled_weight_decay, else g ← g + weight_decay · p
        Π ← Π · μ(t)                                  (Π is 1 at first)
        m ← beta1 · m + (1 - beta1) · g
        v ← beta2 · v + (1 - beta2) · g²
        d ← sqrt(v / (1 - beta2ᵗ)) + eps
        p ← p - learning_rate · ((1 - μ(t)) / (1 - Π) · g + μ(t + 1) / (1 - Π · μ(t + 1)) · m) / d

    Attributes:
        learning_rate: the size of a step, at least 0.
        betas: how much of the first and of the second moment is kept, each in [0, 1).
        eps: added to the denominator, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        momentum_decay: how fast the momentum rises to beta1, at least 0.
        decoupled_weight_decay: whether the weight decay is taken from the parameter itself, as in AdamW.
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["nadam"] = "nadam"
    learning_rate: LearningRate = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    momentum_decay: NonNegative = 4e-3
    decoupled_weight_decay: StrictBool = False
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        product = Slot("momentum_product", TensorType(DType.FLOAT64, ()), 1.0)
        return *like(type, "first_moment", "second_moment"), product

    @override
    def update(self, operands: Operands) -> Updated:
        slots, step, rate = operands.slots, operands.step, operands.learning_rate
        penalty, decay = (0.0, self.weight_decay) if self.decoupled_weight_decay else (self.weight_decay, 0.0)
        gradient, parameter = penalized(operands, penalty, maximize=self.maximize), decayed(operands, decay)
        beta1, beta2 = self.betas
        momentum, next_momentum = (
            (1.0 - 0.96 ** (number * self.momentum_decay) * 0.5) * beta1 for number in (step, step + 1.0)
        )
        product = slots["momentum_product"] * momentum
        first = running_mean(slots["first_moment"], gradient, beta1)
        second = running_square(slots["second_moment"], gradient, beta2)
        # As in Adam, the correction of the second moment is moved to the numbers.
        correction = Sqrt.of(1.0 - beta2**step)
        scale = rate * correction
        gradient_share = convert(scale * (1.0 - momentum) / (1.0 - product), parameter.dtype)
        moment_share = convert(scale * next_momentum / (1.0 - product * next_momentum), parameter.dtype)
        denominator = Sqrt.of(second) + convert(correction * self.eps, parameter.dtype)
        updated = {"first_moment": first, "second_moment": second, "momentum_product": product}
        return parameter - (gradient * gradient_share + first * moment_share) / denominator, updated
