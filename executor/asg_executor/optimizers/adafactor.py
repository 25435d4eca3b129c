"""Adafactor."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_executor.optimizers.gradients import decayed, like, norm, penalized
from asg_executor.optimizers.rule import (
    LearningRate,
    NonNegative,
    Operands,
    Slot,
    Updated,
    WeightDecay,
    accumulation_dtype,
    convert,
)
from asg_schema.composites.reduction import Mean
from asg_schema.dims import element_count
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Maximum, Minimum
from asg_schema.ops.elementwise_functions import Rsqrt
from asg_schema.tensor_type import TensorType

__all__ = ["Adafactor"]

_EPS = {DType.FLOAT32: 2.0**-23, DType.FLOAT64: 2.0**-52}
"""The distance from 1 to the next larger number."""


class Adafactor(WeightDecay):
    """Adafactor (Shazeer and Stern, 2018), as `torch.optim.Adafactor` defines it.

    With the gradient g (negated where `maximize` is set), one parameter p of n elements as a whole, the step
    t = 1, 2, …, w = t^beta2_decay, RMS(x) = ‖x‖ / √n and r = min(learning_rate, 1 / √t):

        s ← max(eps[1], RMS(p)) · r
        p ← p · (1 - learning_rate · weight_decay)
        row ← row + w · (mean of g² over the last axis - row)
        column ← column + w · (mean of g² over the last axis but one - column)
        v ← row · column / max(mean of row over the last axis but one, eps[0])
        u ← g / sqrt(max(v, eps[0]²))
        p ← p - s / max(1, RMS(u) / d) · u

    A parameter of rank 0 or 1 has v ← v + w · (g² - v) in the place of row and column.

    Attributes:
        learning_rate: the largest relative size of a step, at least 0.
        beta2_decay: the exponent of the weight of a new second moment, at most 0.
        eps: the least second moment (null: the distance from 1 to the next number of the dtype in which the update is
            computed, float32 for 16-bit parameters), and the least scale of a parameter.
        d: the threshold of the update's root mean square, at least 1.
        weight_decay: the share of a parameter, times the learning rate, that is taken from it, at least 0.
        maximize: whether to climb instead of to descend.
    """

    whole: ClassVar[bool] = True

    kind: Literal["adafactor"] = "adafactor"
    learning_rate: LearningRate = 1e-2
    beta2_decay: Annotated[float, Field(le=0.0, allow_inf_nan=False)] = -0.8
    eps: Annotated[tuple[NonNegative | None, NonNegative], Field(strict=False)] = (None, 1e-3)
    d: Annotated[float, Field(ge=1.0, allow_inf_nan=False)] = 1.0
    weight_decay: NonNegative = 0.0
    maximize: StrictBool = False

    @override
    def slots(self, type: TensorType) -> tuple[Slot, ...]:
        if len(type.shape) < 2:
            return like(type, "variance")
        *batch, rows, columns = type.shape
        wide = accumulation_dtype(type.dtype)
        return (
            Slot("row_variance", TensorType(wide, (*batch, rows, 1))),
            Slot("column_variance", TensorType(wide, (*batch, 1, columns))),
        )

    @override
    def update(self, operands: Operands) -> Updated:
        parameter, step, dtype = operands.parameter, operands.step, operands.parameter.dtype
        gradient = penalized(operands, 0.0, maximize=self.maximize)
        least = _EPS[dtype] if self.eps[0] is None else self.eps[0]
        estimate, updated = self._second_moment(operands, gradient, least)
        direction = gradient * Rsqrt.of(Maximum.of(estimate, estimate.scalar(least * least)))
        count = element_count(parameter.shape)
        assert isinstance(count, int), "parameters have concrete shapes"
        root = float(count) ** 0.5
        relative = convert(Minimum.of(operands.learning_rate, Rsqrt.of(step)), dtype)
        size = Maximum.of(norm(parameter) / root, parameter.scalar(self.eps[1])) * relative
        size = size / Maximum.of(norm(direction) / (root * self.d), parameter.scalar(1.0))
        return decayed(operands, self.weight_decay) - direction * size, updated

    def _second_moment(self, operands: Operands, gradient: Value, least: float) -> Updated:
        """The estimate of the mean of g², and the next slots."""
        slots = operands.slots
        weight = convert(operands.step**self.beta2_decay, gradient.dtype)
        squares = gradient * gradient
        if "variance" in slots:
            variance = slots["variance"] + weight * (squares - slots["variance"])
            return variance, {"variance": variance}
        row, column = (
            slots[name] + weight * (Mean.of(squares, axis=(axis,), keepdims=True) - slots[name])
            for name, axis in (("row_variance", -1), ("column_variance", -2))
        )
        scale = Maximum.of(Mean.of(row, axis=(-2,), keepdims=True), row.scalar(least))
        return row / scale * column, {"row_variance": row, "column_variance": column}
