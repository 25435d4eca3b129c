"""The largest or smallest elements along an axis."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictBool
from typing_extensions import override

from asg_schema.attributes import Axis
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.indexing import TakeAlongAxis
from asg_schema.ops.layout import Slice
from asg_schema.ops.reduction_ordering import Argsort
from asg_schema.tensor_type import TensorType

__all__ = ["TopK"]


class TopK(Composite):
    """The k largest elements of each line along `axis`, the largest first, and their indices (`torch.topk`).

    With `largest` false they are the k smallest, the smallest first. NaN counts as the largest. Of equal elements the
    one with the lower index comes first. Both results have the size k along `axis`; the indices are int64.

    Gradient:
        x: scatter_add_along_axis(zeros of the shape of x, indices, ḡ₀, axis): an element not among the k gets 0.
    """

    op: Literal["top_k"] = "top_k"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    results: ClassVar[tuple[str, ...]] = ("values", "indices")
    k: Annotated[int, Field(strict=True, ge=0, lt=2**63, description="How many elements of each line.")]
    axis: Axis = Field(default=-1, description="The axis to search along.")
    largest: StrictBool = Field(default=True, description="Whether the largest are wanted, not the smallest.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        axis = self.axis_of(self.axis, x.rank)
        size = x.shape[axis]
        if isinstance(size, int) and self.k > size:
            raise RuleError(
                f"k is {self.k}, and axis {axis} of {{0}} has {size} elements; at most {size} is needed", field="k"
            )
        shape = (*x.shape[:axis], self.k, *x.shape[axis + 1 :])
        return TensorType(x.dtype, shape), TensorType(DType.INT64, shape)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        axis = self.axis_of(self.axis, x.rank)
        order = Argsort.of(x, axis=axis, descending=self.largest)
        stop = (*x.shape[:axis], self.k, *x.shape[axis + 1 :])
        indices = Slice.of(order, start=(0,) * x.rank, stop=stop)
        return TakeAlongAxis.of(x, indices, axis=axis), indices
