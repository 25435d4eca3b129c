"""Muon."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, FiniteFloat, StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import decayed, like, norm
from asg_executor.optimizers.rule import LearningRate, NonNegative, Operands, Slot, Updated, WeightDecay, convert
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Maximum
from asg_schema.ops.layout import PermuteDims
from asg_schema.tensor_type import TensorType

__all__ = ["Muon"]


class Muon(WeightDecay):
    """Muon (Jordan et al., 2024), as `torch.optim.Muon` defines it: momentum whose matrix is made orthogonal.

    With the gradient g and the parameter p, a matrix of r rows and c columns:

        b ← momentum · b + (1 - momentum) · g
        u ← (1 - momentum) · g + momentum · b if nesterov else b
        x ← uᵀ if r > c else u;  x ← x / max(‖x‖, eps)
        ns_steps times: a ← x · xᵀ;  x ← c₀ · x + (c₁ · a + c₂ · a · a) · x
        p ← p · (1 - learning_rate · weight_decay)
        p ← p - learning_rate · s · (xᵀ if r > c else x)

    s is sqrt(max(1, r / c)) ("original"), or 0.2 · sqrt(max(r, c)) ("match_rms_adamw"). PyTorch rounds the iteration to
    bfloat16; here it is computed in the dtype of the update. Other parameters than matrices need a group with an
    optimizer of its own.

    Attributes:
        learning_rate: the size of a step, at least 0.
        weight_decay: the share of a parameter, times the learning rate, that is taken from it, at least 0.
        momentum: how much of the momentum is kept, from 0 to 1.
        nesterov: whether to look ahead along the momentum.
        ns_coefficients: c₀, c₁ and c₂ of the Newton-Schulz iteration.
        eps: the least norm that is divided by, above 0.
        ns_steps: how many times to iterate, at least 0 and below 100.
        adjust_lr_fn: how s follows from the shape.
    """

    whole: ClassVar[bool] = True

    kind: Literal["muon"] = "muon"
    learning_rate: LearningRate = 1e-3
    weight_decay: NonNegative = 0.1
    momentum: Annotated[float, Field(ge=0.0, le=1.0)] = 0.95
    nesterov: StrictBool = True
    ns_coefficients: Annotated[tuple[FiniteFloat, FiniteFloat, FiniteFloat], Field(strict=False)] = (
        3.4445,
        -4.7750,
        2.0315,
    )
    eps: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-7
    ns_steps: Annotated[int, Field(ge=0, lt=100)] = 5
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = "original"

    @override
    def refusal(self, type: TensorType) -> str | None:
        if len(type.shape) == 2:
            return super().refusal(type)
        return "muon is for matrices; a parameter of another rank needs a group with an optimizer of its own"

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        return like(type, "momentum_buffer")

    @override
    def update(self, operands: Operands) -> Updated:
        gradient, parameter = operands.gradient, operands.parameter
        before = operands.slots["momentum_buffer"]
        buffer = before + (gradient - before) * (1.0 - self.momentum)
        direction = gradient + (buffer - gradient) * self.momentum if self.nesterov else buffer
        rows, columns = parameter.shape
        assert isinstance(rows, int), "parameters have concrete shapes"
        assert isinstance(columns, int), "parameters have concrete shapes"
        tall = rows > columns
        x = self._orthogonalized(_transposed(direction) if tall else direction)
        rate = convert(operands.learning_rate * self._adjustment(rows, columns), parameter.dtype)
        return (
            decayed(operands, self.weight_decay) - (_transposed(x) if tall else x) * rate,
            {"momentum_buffer": buffer},
        )

    def _orthogonalized(self, x: Value) -> Value:
        """The Newton-Schulz iteration on a matrix that is not taller than wide."""
        c0, c1, c2 = self.ns_coefficients
        x = x / Maximum.of(norm(x), x.scalar(self.eps))
        for _ in range(self.ns_steps):
            gram = x @ _transposed(x)
            x = x * c0 + (gram * c1 + gram @ gram * c2) @ x
        return x

    def _adjustment(self, rows: int, columns: int) -> float:
        if self.adjust_lr_fn == "original":
            return max(1.0, rows / columns) ** 0.5 if columns else 1.0
        return 0.2 * max(rows, columns) ** 0.5


def _transposed(x: Value) -> Value:
    return PermuteDims.of(x, axes=(1, 0))
