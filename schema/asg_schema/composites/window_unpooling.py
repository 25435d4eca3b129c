"""What undoes a pooling by maxima: each value is put where the largest element stood."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Shape
from asg_schema.composite import Composite
from asg_schema.dims import Dim, element_count, format_shape
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.indexing import ScatterAddAlongAxis
from asg_schema.ops.layout import Reshape
from asg_schema.tensor_type import TensorType

__all__ = ["MaxUnpool"]


class MaxUnpool(Composite):
    """Zeros of the size `output_size` along the last axes, with the elements of x added where `indices` say.

    x and `indices` have one shape, and as many last axes are windows' places as `output_size` has entries; the result
    has `output_size` instead. An index is the place in these axes of the result made one, row-major, as `max_pool`
    yields them: so max_unpool(values, indices) is 0 but where a largest element stood. Where windows overlap, what has
    one place is added up (`torch.nn.functional.max_unpool2d` leaves open which of them is there). An index outside
    [-n, n), for n places, makes the run fail.

    Gradient:
        x: the elements of ḡ at `indices`.
    """

    op: Literal["max_unpool"] = "max_unpool"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x", DTypeGroup.NUMERIC),
        Operand("indices", DTypeGroup.INDEX, variable="I", differentiable=False),
    )
    output_size: Shape = Field(description="The sizes of the last axes of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, indices = operands
        if indices.shape != x.shape:
            raise RuleError("{1} must have the shape of {0}", operand=1)
        if not 1 <= len(self.output_size) <= x.rank:
            wanted = format_shape(self.output_size)
            raise RuleError(
                f"output_size is {wanted}; it has from 1 entry to as many as {{0}} has axes", field="output_size"
            )
        return (TensorType(x.dtype, (*self._leading(x.shape), *self.output_size)),)

    def _leading(self, shape: tuple[Dim, ...]) -> tuple[Dim, ...]:
        return shape[: len(shape) - len(self.output_size)]

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, indices = operands
        leading = self._leading(x.shape)
        zeros = x.editor.full((*leading, element_count(self.output_size)), 0 if x.dtype.is_integer else 0.0, x.dtype)
        flat = (*leading, element_count(x.shape[len(leading) :]))
        places, values = (Reshape.of(value, shape=flat) for value in (indices, x))
        added = ScatterAddAlongAxis.of(zeros, places, values, axis=-1)
        return (Reshape.of(added, shape=(*leading, *self.output_size)),)
