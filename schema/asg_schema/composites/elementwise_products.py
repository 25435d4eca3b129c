"""Products that are chosen or added up: a gate, and a sum with a product."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.bounds import check_overflow
from asg_schema.broadcasting import broadcast_shapes
from asg_schema.composite import Composite
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import Operand
from asg_schema.ops.comparison import LessEqual
from asg_schema.ops.elementwise import Where
from asg_schema.tensor_type import TensorType

__all__ = ["Addcmul", "Gate"]


class _Broadcasting(Composite):
    """The operands broadcast, and the result has their dtype."""

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        shape = broadcast_shapes([operand.shape for operand in operands])
        return (TensorType(operands[0].dtype, shape),)


class Gate(_Broadcasting):
    """x where `control` > 0, else 0: what a rectifier does to itself, done to another value.

    It is linear in x, and relu(x) = gate(x, x). A control of NaN lets x pass; where the gate is shut the result is 0,
    whatever x is. Such gates, but open at 0, are those of Fiat, Malach and Shalev-Shwartz, "Decoupling gating from
    linearity", 2019.

    Gradient:
        x: gate(ḡ, control).
        control: 0, as for `where`.
    """

    op: Literal["gate"] = "gate"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"), Operand("control", differentiable=False))

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, control = operands
        zero = x.scalar(0.0)
        # "control > 0" would shut the gate for NaN, and a rectifier does not.
        return (Where.of(LessEqual.of(control, zero), zero, x),)


class Addcmul(_Broadcasting):
    """x + value · a · b, element by element (`torch.addcmul`); with a value of -1, x - a · b.

    The operands broadcast, and so the result has the shape to which they do.

    Gradient:
        x: ḡ.
        a: value · ḡ · b.
        b: value · ḡ · a.
    """

    op: Literal["addcmul"] = "addcmul"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"), Operand("a"), Operand("b"))
    value: Number = Field(default=1.0, description="The factor of the product; finite.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.value):
            raise RuleError(f"value is {self.value}; a finite number is needed", field="value")
        check_overflow("value", self.value, operands[0].dtype)
        return super().infer(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, a, b = operands
        product = a * b
        if self.value == -1:
            return (x - product,)
        return (x + (product if self.value == 1 else product * self.value),)
