"""The number of elements, as a value."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axes
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import count_elements, narrow
from asg_schema.op import DTypeGroup, Operand
from asg_schema.tensor_type import TensorType

__all__ = ["Size"]


class Size(Composite):
    """The number of elements of x along `axis`, of rank 0 (`numpy.size`); only the shape of x matters.

    It is counted in int64, so beyond 2⁶³ it wraps around, and then converted to `dtype`, as `astype` does. Over no axes
    it is 1.
    """

    op: Literal["size"] = "size"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY, differentiable=False),)
    axis: Axes | None = Field(default=None, description="The axes whose sizes are multiplied; absent: all.")
    dtype: DType = Field(default=DType.INT64, description="The dtype of the result: a number.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        self.axes_of(self.axis, operands[0].rank)
        if self.dtype is DType.BOOL:
            raise RuleError("a bool cannot count; a number is needed", field="dtype")
        return (TensorType(self.dtype, ()),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        axes = self.axes_of(self.axis, x.rank)
        # Any count is a number of these dtypes; to others it is converted, because it may be too large for them.
        counted = self.dtype if self.dtype in (DType.FLOAT32, DType.FLOAT64) else DType.INT64
        return (narrow(count_elements(x, axes, counted), self.dtype),)
