"""Dropout."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import GreaterEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.random import RngBits, check_key
from asg_schema.tensor_type import TensorType

__all__ = ["Dropout"]


class Dropout(Composite):
    """0 with probability p, else x / (1 - p), independently for each element (Srivastava et al., 2014).

    An element is kept where rng_bits(key, shape of x) ≥ floor(p · 2³²), compared as uint32, so that a key always drops
    the same elements. p and 1 - p are binary64 numbers; 1 - p is then rounded to the dtype of x. With p = 1 all are 0,
    NaN and inf too, as is every element that is dropped.

    Gradient:
        x: ḡ / (1 - p) where the element is kept, else 0: dropout(ḡ, key, p).
    """

    op: Literal["dropout"] = "dropout"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("x"),
        Operand("key", DTypeGroup.UINT32, variable="K", differentiable=False),
    )
    p: Number = Field(default=0.5, description="The probability that an element becomes 0, from 0 to 1.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, key = operands
        check_key(key, 1)
        if not 0 <= self.p <= 1:
            raise RuleError(f"p is {self.p}; a probability from 0 to 1 is needed", field="p")
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, key = operands
        editor = x.editor
        if self.p == 1:
            return (editor.full(x.shape, 0.0, x.dtype),)
        bits = RngBits.of(key, shape=x.shape)
        kept = GreaterEqual.of(bits, editor.full((), int(self.p * 2**32), DType.UINT32))
        return (Where.of(kept, x / (1 - self.p), x.scalar(0.0)),)
