"""LAMB."""

from typing import ClassVar, Literal

from pydantic import StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import like, norm, penalized, running_mean, running_square
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
from asg_schema.ops.comparison import Greater, LogicalAnd
from asg_schema.ops.elementwise import Where
from asg_schema.ops.elementwise_functions import Sqrt
from asg_schema.tensor_type import TensorType

__all__ = ["LAMB"]


class LAMB(WeightDecay):
    """LAMB (You et al., 2020, "Large Batch Optimization for Deep Learning", algorithm 2), φ being the identity.

    With the gradient g (negated where `maximize` is set) and one parameter p as a whole in the step t = 1, 2, …:

        m ← beta1 · m + (1 - beta1) · g
        v ← beta2 · v + (1 - beta2) · g²
        u ← m / (1 - beta1ᵗ) / (sqrt(v / (1 - beta2ᵗ)) + eps) + weight_decay · p
        r ← ‖p‖ / ‖u‖ where both norms are above 0, else 1
        p ← p - learning_rate · r · u

    Attributes:
        learning_rate: the size of a step, at least 0.
        betas: how much of the first and of the second moment is kept, each in [0, 1).
        eps: added to the denominator, at least 0.
        weight_decay: the share of the parameter in its update, at least 0.
        maximize: whether to climb instead of to descend.
    """

    whole: ClassVar[bool] = True

    kind: Literal["lamb"] = "lamb"
    learning_rate: LearningRate = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegative = 1e-6
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "first_moment", "second_moment")

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, slots, step = operands.parameter, operands.slots, operands.step
        dtype = parameter.dtype
        gradient = penalized(operands, 0.0, maximize=self.maximize)
        beta1, beta2 = self.betas
        first = running_mean(slots["first_moment"], gradient, beta1)
        second = running_square(slots["second_moment"], gradient, beta2)
        # As in Adam, the correction of the second moment is moved to the numbers.
        correction = Sqrt.of(1.0 - beta2**step)
        denominator = Sqrt.of(second) + convert(correction * self.eps, dtype)
        update = first / denominator * convert(correction / (1.0 - beta1**step), dtype)
        if self.weight_decay:
            update = update + parameter * self.weight_decay
        size, length = norm(parameter), norm(update)
        positive = LogicalAnd.of(Greater.of(size, size.scalar(0.0)), Greater.of(length, length.scalar(0.0)))
        one = size.scalar(1.0)
        ratio = Where.of(positive, size / Where.of(positive, length, one), one)
        updated = {"first_moment": first, "second_moment": second}
        return parameter - update * (convert(operands.learning_rate, dtype) * ratio), updated
