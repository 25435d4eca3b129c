"""The standard deviation, its reciprocal, and vector norms, with a derivative of 0 where they are 0.

A root has no derivative at 0. These are defined so that there is never a 0 · inf behind it: their derivatives of every
order are finite there, and that of the first is 0, as PyTorch has it.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.bounds import check_eps, check_overflow
from asg_schema.composite import Composite
from asg_schema.composites.reduction import Var
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import narrow, widen, widened
from asg_schema.op import Operand
from asg_schema.ops.comparison import Equal, NotEqual
from asg_schema.ops.elementwise import Abs, Astype, Pow, Where
from asg_schema.ops.elementwise_functions import Rsqrt, Sqrt
from asg_schema.ops.reduction import Max, Min, Reduction, Sum
from asg_schema.tensor_type import TensorType

__all__ = ["Norm", "Rstd", "Std"]


class Std(Composite, Reduction):
    """The standard deviation over `axis`: the square root of `var` with the same attributes.

    Gradient:
        x: ḡ · (x - mean(x)) / (max(n - correction, 0) · std(x)), where n is the number of elements of the group; 0
            where std(x) is 0.
    """

    op: Literal["std"] = "std"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    correction: Number = Field(
        default=0.0, description="What is taken from the number of elements; 1 for that of a sample."
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.correction):
            raise RuleError(f"correction is {self.correction}; a finite number is needed", field="correction")
        check_overflow("correction", self.correction, widened(operands[0].dtype))
        return super().infer(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        variance = Var.of(widen(x), axis=self.axis, keepdims=self.keepdims, correction=self.correction)
        return (narrow(_root(variance), x.dtype),)


class Rstd(Composite, Reduction):
    """1 / √(var(x) + eps) over `axis`: by what a normalisation scales (the `rstd` of `torch.native_layer_norm`).

    `var` is that of all elements, without correction. inf where it and eps are 0.

    Gradient:
        x: -ḡ · y² / n · (x - mean(x)) · y, with y the result and n the number of elements of the group.
    """

    op: Literal["rstd"] = "rstd"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    eps: Number = Field(default=1e-5, description="Added to the variance before its root is taken; finite, at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        check_eps(self.eps, widened(operands[0].dtype))
        return super().infer(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        variance = Var.of(widen(x), axis=self.axis, keepdims=self.keepdims)
        return (narrow(Rsqrt.of(variance + self.eps), x.dtype),)


class Norm(Composite, Reduction):
    """The p-norm of the elements over `axis`, with p the attribute `ord`: (Σ |x|^p)^(1/p).

    For p = inf it is max |x|, for p = -inf min |x|, and for p = 0 the number of elements that are not 0
    (`torch.linalg.vector_norm`). Over no elements it is 0; for p < 0 and p = inf at least one is needed.

    Gradient:
        x: ḡ · sign(x) · (|x| / norm(x))^(p-1), which for p = 2 is ḡ · x / norm(x); 0 where x is 0 or norm(x) is 0, and
            for p = 0. For p = ±inf it is ḡ · sign(x) / m for the m elements of the group that attain the norm, else 0.
    """

    op: Literal["norm"] = "norm"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    ord: Number = Field(default=2.0, description="The p of the norm: a number, also inf, -inf or 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        if math.isnan(self.ord):
            raise RuleError("ord is nan; a number, inf or -inf is needed", field="ord")
        check_overflow("ord", self.ord, widened(x.dtype))
        if self.ord < 0 or self.ord == math.inf:
            for axis in self.axes_of(self.axis, x.rank):
                if x.shape[axis] == 0:
                    raise RuleError(
                        f"{{0}} has no element along axis {axis}; for ord {self.ord} at least one is needed", operand=0
                    )
        return super().infer(operands)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (narrow(self._of_wide(widen(x)), x.dtype),)

    def _of_wide(self, x: Value) -> Value:
        over = {"axis": self.axis, "keepdims": self.keepdims}
        if self.ord == 0:
            return Sum.of(Astype.of(NotEqual.of(x, x.scalar(0.0)), dtype=x.dtype), **over)
        if self.ord == 2:
            return _root(Sum.of(x * x, **over))
        magnitude = Abs.of(x)
        if math.isinf(self.ord):
            return (Max if self.ord > 0 else Min).of(magnitude, **over)
        if self.ord == 1:
            return Sum.of(magnitude, **over)
        return _power(Sum.of(_power(magnitude, self.ord), **over), 1.0 / self.ord)


def _root(x: Value) -> Value:
    """√x, with a derivative of 0 at 0."""
    zero = Equal.of(x, x.scalar(0.0))
    return Where.of(zero, x.scalar(0.0), Sqrt.of(Where.of(zero, x.scalar(1.0), x)))


def _power(x: Value, exponent: float) -> Value:
    """A constant power of x ≥ 0, with a derivative of 0 at 0."""
    zero = Equal.of(x, x.scalar(0.0))
    positive = Pow.of(Where.of(zero, x.scalar(1.0), x), x.scalar(exponent))
    return Where.of(zero, x.scalar(0.0 if exponent > 0 else math.inf), positive)
