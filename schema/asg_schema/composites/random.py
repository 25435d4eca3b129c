"""Dropout, of elements or of whole channels."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axes, Number
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import GreaterEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.random import RngBits, check_key
from asg_schema.ops.reduction import reduced_shape
from asg_schema.tensor_type import TensorType

__all__ = ["Dropout"]


class Dropout(Composite):
    """0 with probability p, else x / (1 - p), independently for each element (Srivastava et al., 2014).

    An element is kept where rng_bits(key, shape of x) ≥ floor(p · 2³²), compared as uint32, so that a key always drops
    the same elements. p and 1 - p are binary64 numbers; 1 - p is then rounded to the dtype of x. With p = 1 all are 0,
    NaN and inf too, as is every element that is dropped.

    Along `broadcast_axes` the bits have size 1 and are broadcast, so that elements which differ there alone are dropped
    together: with axes 2 and 3 of x [N, C, H, W], whole channels (Tompson et al., "Efficient object localization using
    convolutional networks", 2015; `torch.nn.functional.dropout2d`).

    The result has the type of x.

    Gradient:
        x: ḡ / (1 - p) where the element is kept, else 0: dropout of ḡ with the same key and attributes.
    """

    op: Literal["dropout"] = "dropout"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x"),
        Operand("key", DTypeGroup.UINT32, variable="K", differentiable=False),
    )
    p: Number = Field(default=0.5, description="The probability that an element becomes 0, from 0 to 1.")
    broadcast_axes: Axes = Field(
        default=(), description="The axes along which elements are dropped together; empty: each by itself."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, key = operands
        check_key(key, 1)
        if not 0 <= self.p <= 1:
            raise RuleError(f"p is {self.p}; a probability from 0 to 1 is needed", field="p")
        self.axes_of(self.broadcast_axes, x.rank, "broadcast_axes")
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, key = operands
        editor = x.editor
        if self.p == 1:
            return (editor.full(x.shape, 0.0, x.dtype),)
        shared = self.axes_of(self.broadcast_axes, x.rank)
        bits = RngBits.of(key, shape=reduced_shape(x.shape, shared, keepdims=True))
        kept = GreaterEqual.of(bits, editor.full((), int(self.p * 2**32), DType.UINT32))
        return (Where.of(kept, x / (1 - self.p), x.scalar(0.0)),)
