"""Adam and AdamW."""

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
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Maximum
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.tensor_type import TensorType

__all__ = ["Adam", "AdamW"]


class Adam(WeightDecay):
    """Adam (Kingma and Ba, 2015), as `torch.optim.Adam` defines it.

    With the gradient g (negated where `maximize` is set), the parameter p and the step t = 1, 2, …:

        g ← g + weight_decay · p
        m ← beta1 · m + (1 - beta1) · g
        v ← beta2 · v + (1 - beta2) · g²
        v̂ ← max(v̂, v) if amsgrad else v
        p ← p - learning_rate / (1 - beta1ᵗ) · m / (sqrt(v̂) / sqrt(1 - beta2ᵗ) + eps)

    Attributes:
        learning_rate: the size of a step, at least 0.
        betas: how much of the first and of the second moment is kept, each in [0, 1).
        eps: added to the denominator, at least 0.
        weight_decay: the factor of an L2 penalty, at least 0.
        amsgrad: whether to divide by the largest second moment so far (Reddi et al., 2018).
        maximize: whether to climb instead of to descend.
    """

    kind: Literal["adam"] = "adam"
    learning_rate: LearningRate = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: StrictBool = False
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "first_moment", "second_moment", *(("largest_second_moment",) if self.amsgrad else ()))

    @override
    def update(self, operands: Operands) -> Updated:
        gradient = penalized(operands, self.weight_decay, maximize=self.maximize)
        return self.moment_update(operands, operands.parameter, gradient)

    def moment_update(self, operands: Operands, parameter: Value, gradient: Value) -> Updated:
        """The part of the rule that Adam and AdamW share: everything but the weight decay."""
        slots, step = operands.slots, operands.step
        beta1, beta2 = self.betas
        # sqrt(v) / c + eps is (sqrt(v) + c · eps) / c: with c in the numbers the vectors are passed over once less.
        correction = Sqrt.of(1.0 - beta2**step)
        step_size = convert(operands.learning_rate * correction / (1.0 - beta1**step), parameter.dtype)
        first = running_mean(slots["first_moment"], gradient, beta1)
        second = running_square(slots["second_moment"], gradient, beta2)
        updated = {"first_moment": first, "second_moment": second}
        largest = second
        if self.amsgrad:
            largest = updated["largest_second_moment"] = Maximum.of(slots["largest_second_moment"], second)
        denominator = Sqrt.of(largest) + convert(correction * self.eps, parameter.dtype)
        return parameter - step_size * (first / denominator), updated


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW` defines it.

    p ← p · (1 - learning_rate · weight_decay) comes first; the gradient gets no penalty. The rest is `Adam`.
    """

    kind: Literal["adamw"] = "adamw"  # pyright: ignore[reportIncompatibleVariableOverride] - the discriminator
    weight_decay: NonNegative = 1e-2

    @override
    def update(self, operands: Operands) -> Updated:
        gradient = penalized(operands, 0.0, maximize=self.maximize)
        return self.moment_update(operands, decayed(operands, self.weight_decay), gradient)
