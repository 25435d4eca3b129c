"""Adam and AdamW."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_executor.optimizers.optimizer import NonNegative, Optimizer, convert
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Maximum, Rsqrt, Sqrt

__all__ = ["Adam", "AdamW"]

Decay: TypeAlias = Annotated[float, Field(ge=0.0, lt=1.0)]


class Adam(Optimizer):
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
    learning_rate: NonNegative = 1e-3
    # In JSON a pair is an array, which strict mode does not take for a tuple.
    betas: Annotated[tuple[Decay, Decay], Field(strict=False)] = (0.9, 0.999)
    eps: NonNegative = 1e-8
    weight_decay: NonNegative = 0.0
    amsgrad: StrictBool = False
    maximize: StrictBool = False

    @property
    @override
    def slots(self) -> tuple[str, ...]:
        return ("first_moment", "second_moment", *(("largest_second_moment",) if self.amsgrad else ()))

    @override
    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], step: Value
    ) -> tuple[Value, dict[str, Value]]:
        if self.maximize:
            gradient = -gradient
        if self.weight_decay:
            gradient = gradient + parameter * self.weight_decay
        return self.moment_update(parameter, gradient, slots, step)

    def moment_update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], step: Value
    ) -> tuple[Value, dict[str, Value]]:
        """The part of the rule that Adam and AdamW share: everything but the weight decay."""
        beta1, beta2 = self.betas
        dtype = parameter.dtype
        step_size = convert(self.learning_rate / (1.0 - beta1**step), dtype)
        inverse_correction = convert(Rsqrt.of(1.0 - beta2**step), dtype)
        first = slots["first_moment"] * beta1 + gradient * (1.0 - beta1)
        second = slots["second_moment"] * beta2 + gradient * gradient * (1.0 - beta2)
        updated = {"first_moment": first, "second_moment": second}
        largest = second
        if self.amsgrad:
            largest = updated["largest_second_moment"] = Maximum.of(slots["largest_second_moment"], second)
        return parameter - step_size * (first / (Sqrt.of(largest) * inverse_correction + self.eps)), updated


class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as `torch.optim.AdamW` defines it.

    p ← p · (1 - learning_rate · weight_decay) comes first; the gradient gets no penalty. The rest is `Adam`.
    """

    kind: Literal["adamw"] = "adamw"  # pyright: ignore[reportIncompatibleVariableOverride] - the discriminator
    weight_decay: NonNegative = 1e-2

    @override
    def update(
        self, parameter: Value, gradient: Value, slots: Mapping[str, Value], step: Value
    ) -> tuple[Value, dict[str, Value]]:
        if self.maximize:
            gradient = -gradient
        if self.weight_decay:
            parameter = parameter * (1.0 - self.learning_rate * self.weight_decay)
        return self.moment_update(parameter, gradient, slots, step)
