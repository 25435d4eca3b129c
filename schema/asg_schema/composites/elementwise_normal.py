"""The standard normal distribution: its distribution function and its density."""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from typing_extensions import override

from asg_schema.composite import Composite
from asg_schema.editing import Value
from asg_schema.op import Operand
from asg_schema.ops.elementwise_functions import Erf, Exp
from asg_schema.tensor_type import TensorType

__all__ = ["NormalCdf", "NormalPdf"]


class _Function(Composite):
    """The result has the operand's type."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)


class NormalCdf(_Function):
    """Φ(x) = (1 + erf(x/√2)) / 2, the distribution function of the standard normal (`torch.special.ndtr`).

    Its error is that of a number near 1, also where x is far below 0 and Φ(x) is small.

    Gradient:
        x: ḡ · φ(x), see `normal_pdf`.
    """

    op: Literal["normal_cdf"] = "normal_cdf"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return ((Erf.of(x * math.sqrt(0.5)) + 1.0) * 0.5,)


class NormalPdf(_Function):
    """φ(x) = exp(-x²/2) / √(2π), the density of the standard normal.

    Gradient:
        x: -ḡ · φ(x) · x; NaN at ±inf, where it is inf · 0.
    """

    op: Literal["normal_pdf"] = "normal_pdf"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (Exp.of(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)),)
