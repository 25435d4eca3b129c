"""Pooling by means. float16 and bfloat16 are computed in float32 and rounded once at the end."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.op import Operand
from asg_schema.ops.window import WindowSum
from asg_schema.tensor_type import TensorType
from asg_schema.windows import Padding, Steps, Window, check_meets_operand, pooled_shape

__all__ = ["AvgPool"]


class AvgPool(Composite):
    """The arithmetic mean of each window over the last axes of x, one axis for each entry of `kernel_size`.

    result[…, p…] = Σ_k… z[…, p·stride + k …] / n, where z is x padded with zeros. With `count_include_pad` n is the
    number of positions of the window; without it, n is the number of those that meet an element of x, so that padding
    has no part in the mean. Then a window that would hold nothing but padding is refused.

    Gradient:
        x: what `window_sum` has for the cotangent ḡ / n.
    """

    op: Literal["avg_pool"] = "avg_pool"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    kernel_size: Steps = Field(description="How many positions the window has along each of the last axes.")
    strides: Steps | None = Field(default=None, description="How far the window moves along each axis; absent: 1.")
    padding: Padding | None = Field(
        default=None, description="How many zeros go before and behind each axis; absent: none."
    )
    count_include_pad: StrictBool = Field(default=True, description="Whether padding counts as elements of a window.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        window = Window(self.kernel_size, self.strides, self.padding, None)
        shape = pooled_shape(x.shape, window)
        if not self.count_include_pad:
            check_meets_operand(x.shape, window)
        return (TensorType(x.dtype, shape),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        wide = widen(x)
        mean = self._sums(wide) / self._counts(wide)
        return (narrow(mean, x.dtype),)

    def _sums(self, x: Value) -> Value:
        return WindowSum.of(x, kernel_size=self.kernel_size, strides=self.strides, padding=self.padding)

    def _counts(self, x: Value) -> Value:
        """By what each window's sum is divided; one number where that is the same everywhere."""
        if self.count_include_pad or not any(low > 0 or high > 0 for low, high in self.padding or ()):
            return x.scalar(float(math.prod(self.kernel_size)))
        spatial = x.shape[x.rank - len(self.kernel_size) :]
        return self._sums(x.editor.full(spatial, 1.0, x.dtype))
