"""Activations and clipping: each element of the result depends on one element of x.

Their formulas, and their derivatives where a branch begins, are those of `torch.nn.functional`. A branch that is not
taken never yields an infinity that could turn the derivative of the other into NaN.
"""

import math
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Number
from asg_schema.bounds import check_overflow
from asg_schema.composite import Composite
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.op import DTypeGroup, Operand
from asg_schema.ops.comparison import Greater, Less, LessEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.elementwise_functions import Erf, Exp, Log1p, Sigmoid, Tanh
from asg_schema.tensor_type import TensorType

__all__ = ["Clip", "Gelu", "LeakyRelu", "Relu", "Silu", "Softplus"]

_LARGEST_EXACT = 2**53


class _Activation(Composite):
    """The result has the operand's type."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)


class Clip(_Activation):
    """x held between `min` and `max`: min where x < min, max where x > max, else x. NaN stays NaN.

    Where min > max the result is max. At least one of them must be given; NaN is no bound, and neither is a finite
    number that overflows the dtype of x or, where that is an integer dtype, is not one of its values (of magnitude at
    most 2⁵³).

    Gradient:
        x: ḡ from `min` to `max`, both included; 0 outside and for NaN.
    """

    op: Literal["clip"] = "clip"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)
    min: Number | None = Field(default=None, description="The lower bound; absent: none.")
    max: Number | None = Field(default=None, description="The upper bound; absent: none.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if self.min is None and self.max is None:
            raise RuleError("neither min nor max is given; at least one is needed", field="min")
        for field, bound in (("min", self.min), ("max", self.max)):
            if bound is not None:
                _check_bound(bound, field, operands[0].dtype)
        return (operands[0],)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (result,) = operands
        if self.min is not None:
            low = _bound(result, self.min)
            result = Where.of(Less.of(result, low), low, result)
        if self.max is not None:
            high = _bound(result, self.max)
            result = Where.of(Greater.of(result, high), high, result)
        return (result,)


def _check_bound(bound: float, field: str, dtype: DType) -> None:
    if math.isnan(bound):
        raise RuleError(f"{field} is nan; a number is needed", field=field)
    if dtype.is_floating:
        check_overflow(field, bound, dtype)
        return
    low, high = dtype.integer_range
    low, high = max(low, -_LARGEST_EXACT), min(high, _LARGEST_EXACT)
    if not (low <= bound <= high and bound == int(bound)):
        raise RuleError(f"{field} is {bound}; for {{0}} an integer from {low} to {high} is needed", field=field)


def _bound(x: Value, bound: float) -> Value:
    return x.editor.full((), bound if x.dtype.is_floating else int(bound), x.dtype)


class Relu(_Activation):
    """x where x > 0, else 0; NaN stays NaN.

    -0 yields 0.

    Gradient:
        x: 0 where x ≤ 0, so at 0 too; else ḡ, for NaN too.
    """

    op: Literal["relu"] = "relu"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        zero = x.scalar(0)
        # "x > 0" would turn NaN into 0.
        return (Where.of(LessEqual.of(x, zero), zero, x),)


class LeakyRelu(_Activation):
    """x where x > 0, else negative_slope · x; NaN stays NaN.

    Gradient:
        x: ḡ where x > 0, else negative_slope · ḡ, so at 0 too.
    """

    op: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Number = Field(default=0.01, description="The factor of negative elements; finite.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.negative_slope):
            raise RuleError(
                f"negative_slope is {self.negative_slope}; a finite number is needed", field="negative_slope"
            )
        check_overflow("negative_slope", self.negative_slope, operands[0].dtype)
        return (operands[0],)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (Where.of(Greater.of(x, x.scalar(0.0)), x, x * self.negative_slope),)


class Gelu(_Activation):
    """x · Φ(x), where Φ is the distribution function of the standard normal: x/2 · (1 + erf(x/√2)).

    With `approximate` "tanh" it is x/2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³))) (Hendrycks and Gimpel, "Gaussian
    error linear units", 2016). inf at inf; NaN at -inf, where it is -inf · 0.

    Gradient:
        x: ḡ · (Φ(x) + x · exp(-x²/2) / √(2π)); with "tanh", where t is the tanh, ḡ · (½ · (1 + t) + ½ · x · (1 - t²) ·
            √(2/π) · (1 + 3 · 0.044715 · x²)).
    """

    op: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = Field(default="none", description="Which of the two formulas is used.")

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        if self.approximate == "tanh":
            curve = Tanh.of((x + x * x * x * 0.044715) * math.sqrt(2 / math.pi))
        else:
            curve = Erf.of(x * math.sqrt(0.5))
        return (x * 0.5 * (curve + 1.0),)


class Silu(_Activation):
    """x · sigmoid(x), also called swish (Elfwing, Uchibe and Doya, 2017).

    inf at inf; NaN at -inf, where it is -inf · 0.

    Gradient:
        x: ḡ · (s + y · (1 - s)), with s = sigmoid(x) and y the result.
    """

    op: Literal["silu"] = "silu"

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (x * Sigmoid.of(x),)


class Softplus(_Activation):
    """log(1 + exp(beta · x)) / beta, without overflow; x itself where beta · x > threshold.

    With z = beta · x it is computed as (max(z, 0) + log1p(exp(-|z|))) / beta.

    Gradient:
        x: ḡ · sigmoid(beta · x), and ḡ where beta · x > threshold.
    """

    op: Literal["softplus"] = "softplus"
    beta: Number = Field(default=1.0, description="How sharp the bend at 0 is; finite and not 0.")
    threshold: Number = Field(default=20.0, description="Above this value of beta · x the result is x.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.beta) or self.beta == 0:
            raise RuleError(f"beta is {self.beta}; a finite number other than 0 is needed", field="beta")
        if math.isnan(self.threshold):
            raise RuleError("threshold is nan; a number is needed", field="threshold")
        for field, value in (("beta", self.beta), ("threshold", self.threshold)):
            check_overflow(field, value, operands[0].dtype)
        return (operands[0],)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        scaled = x * self.beta
        zero = x.scalar(0.0)
        # max(z, 0) + log1p(exp(-|z|)), with both bends written as one choice: at 0 the two sides then have the same
        # derivatives of every order, which maximum and abs would not.
        positive = Greater.of(scaled, zero)
        decay = Exp.of(Where.of(positive, -scaled, scaled))
        smooth = (Where.of(positive, scaled, zero) + Log1p.of(decay)) / self.beta
        return (Where.of(Greater.of(scaled, x.scalar(self.threshold)), x, smooth),)
