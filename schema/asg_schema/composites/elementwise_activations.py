"""More activations. Each element of the result depends on one element of x; `glu` combines two, `prelu` has a weight.

float16 and bfloat16 operands are computed in float32 and rounded once at the end. At a kink the derivative is that of
`torch.nn.functional`.
"""

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.attributes import Axis, Number
from asg_schema.bounds import check_overflow
from asg_schema.composite import Composite
from asg_schema.composites.elementwise import Clip, Softplus
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.errors import RuleError
from asg_schema.expansion import along_axis, narrow, widen, widened
from asg_schema.op import Operand
from asg_schema.ops.comparison import Greater, GreaterEqual, Less, LessEqual
from asg_schema.ops.elementwise import Abs, Where
from asg_schema.ops.elementwise_functions import Exp, Expm1, Log1p, Sigmoid, Tanh
from asg_schema.ops.layout import Reshape, Slice
from asg_schema.tensor_type import TensorType

__all__ = [
    "MISH_BOUND",
    "Celu",
    "Elu",
    "Glu",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LogSigmoid",
    "Mish",
    "Prelu",
    "Relu6",
    "Selu",
    "Softshrink",
    "Softsign",
    "Tanhshrink",
]

MISH_BOUND = 1000.0
"""Beyond it tanh(softplus(x)) is 0 or 1 in every dtype, and so flat."""

_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


class _Activation(Composite):
    """The result has the operand's type."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        return (narrow(self._of(widen(x)), x.dtype),)

    @abstractmethod
    def _of(self, x: Value) -> Value:
        """The function of an operand of at least single precision."""


def _check_finite(field: str, value: float, dtype: DType) -> None:
    if not math.isfinite(value):
        raise RuleError(f"{field} is {value}; a finite number is needed", field=field)
    check_overflow(field, value, dtype)


class Elu(_Activation):
    """x where x > 0, else alpha · (exp(x) - 1) (Clevert, Unterthiner and Hochreiter, 2015).

    Gradient:
        x: ḡ where x > 0, else ḡ · alpha · exp(x), so ḡ · alpha at 0.
    """

    op: Literal["elu"] = "elu"
    alpha: Number = Field(default=1.0, description="Minus the limit at -inf; finite.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        _check_finite("alpha", self.alpha, widened(operands[0].dtype))
        return (operands[0],)

    @override
    def _of(self, x: Value) -> Value:
        zero = x.scalar(0.0)
        negative = LessEqual.of(x, zero)
        return Where.of(negative, Expm1.of(Where.of(negative, x, zero)) * self.alpha, x)


class Selu(_Activation):
    """scale · elu(x, alpha) with scale = 1.0507009873554805 and alpha = 1.6732632423543772.

    With these, activations of many layers keep mean 0 and variance 1 (Klambauer, Unterthiner, Mayr and Hochreiter,
    "Self-normalizing neural networks", 2017).

    Gradient:
        x: ḡ · scale where x > 0, else ḡ · scale · alpha · exp(x), so ḡ · scale · alpha at 0.
    """

    op: Literal["selu"] = "selu"

    @override
    def _of(self, x: Value) -> Value:
        return Elu.of(x, alpha=_SELU_ALPHA) * _SELU_SCALE


class Celu(_Activation):
    """x where x > 0, else alpha · (exp(x / alpha) - 1) (Barron, 2017).

    Gradient:
        x: ḡ where x > 0, else ḡ · exp(x / alpha); at 0 both are ḡ.
    """

    op: Literal["celu"] = "celu"
    alpha: Number = Field(default=1.0, description="Minus the limit at -inf where it is positive; finite and not 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not math.isfinite(self.alpha) or self.alpha == 0:
            raise RuleError(f"alpha is {self.alpha}; a finite number other than 0 is needed", field="alpha")
        check_overflow("alpha", self.alpha, widened(operands[0].dtype))
        return (operands[0],)

    @override
    def _of(self, x: Value) -> Value:
        zero = x.scalar(0.0)
        negative = LessEqual.of(x, zero)
        return Where.of(negative, Expm1.of(Where.of(negative, x, zero) / self.alpha) * self.alpha, x)


class Hardtanh(_Activation):
    """x held between `min_val` and `max_val`; NaN stays NaN. Unlike `clip` it is flat on its edges.

    Gradient:
        x: 0 where x ≤ min_val or x ≥ max_val, so on the edges too; else ḡ.
    """

    op: Literal["hardtanh"] = "hardtanh"
    min_val: Number = Field(default=-1.0, description="The lower bound.")
    max_val: Number = Field(default=1.0, description="The upper bound; at least `min_val`.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        for field, bound in (("min_val", self.min_val), ("max_val", self.max_val)):
            if math.isnan(bound):
                raise RuleError(f"{field} is nan; a number is needed", field=field)
            check_overflow(field, bound, operands[0].dtype)
        if self.min_val > self.max_val:
            raise RuleError(
                f"max_val is {self.max_val} and min_val is {self.min_val}; at least min_val is needed", field="max_val"
            )
        return (operands[0],)

    @override
    def _of(self, x: Value) -> Value:
        low, high = x.scalar(self.min_val), x.scalar(self.max_val)
        return Where.of(LessEqual.of(x, low), low, Where.of(GreaterEqual.of(x, high), high, x))


class Relu6(_Activation):
    """x held between 0 and 6; NaN stays NaN (Howard et al., "MobileNets", 2017).

    Gradient:
        x: 0 where x ≤ 0 or x ≥ 6, so on the edges too; else ḡ.
    """

    op: Literal["relu6"] = "relu6"

    @override
    def _of(self, x: Value) -> Value:
        return Hardtanh.of(x, min_val=0.0, max_val=6.0)


class Hardsigmoid(_Activation):
    """0 where x ≤ -3, 1 where x ≥ 3, else x / 6 + 1/2; NaN stays NaN.

    Gradient:
        x: 0 where x ≤ -3 or x ≥ 3, so on the edges too; else ḡ / 6.
    """

    op: Literal["hardsigmoid"] = "hardsigmoid"

    @override
    def _of(self, x: Value) -> Value:
        low, high = x.scalar(-3.0), x.scalar(3.0)
        line = x / 6.0 + 0.5
        upper = Where.of(GreaterEqual.of(x, high), x.scalar(1.0), line)
        return Where.of(LessEqual.of(x, low), x.scalar(0.0), upper)


class Hardswish(_Activation):
    """0 where x ≤ -3, x where x ≥ 3, else x · (x + 3) / 6 (Howard et al., "Searching for MobileNetV3", 2019).

    Gradient:
        x: 0 where x ≤ -3, ḡ where x ≥ 3, else ḡ · (x / 3 + 1/2).
    """

    op: Literal["hardswish"] = "hardswish"

    @override
    def _of(self, x: Value) -> Value:
        bounded = Hardtanh.of(x, min_val=-3.0, max_val=3.0)  # so that nothing overflows, and to the left it is 0
        return Where.of(GreaterEqual.of(x, x.scalar(3.0)), x, bounded * (bounded + 3.0) / 6.0)


class Mish(_Activation):
    """x · tanh(softplus(x)) (Misra, 2019); 0 at -inf.

    Gradient:
        x: ḡ · (t + x · (1 - t²) · sigmoid(x)), with t = tanh(softplus(x)); 0 at -inf and ḡ at inf.
    """

    op: Literal["mish"] = "mish"

    @override
    def _of(self, x: Value) -> Value:
        # Bounded, because -inf · 0 would be NaN; so far to the left the other factor is 0.
        return Clip.of(x, min=-MISH_BOUND) * Tanh.of(Softplus.of(x))


class Softsign(_Activation):
    """x / (1 + |x|); NaN at -inf and inf, as in `torch.nn.functional.softsign`.

    Gradient:
        x: ḡ / (1 + |x|)².
    """

    op: Literal["softsign"] = "softsign"

    @override
    def _of(self, x: Value) -> Value:
        return x / (Abs.of(x) + 1.0)


class LogSigmoid(_Activation):
    """log(sigmoid(x)) without overflow: min(x, 0) - log1p(exp(-|x|)).

    Gradient:
        x: ḡ · sigmoid(-x).
    """

    op: Literal["log_sigmoid"] = "log_sigmoid"

    @override
    def _of(self, x: Value) -> Value:
        zero = x.scalar(0.0)
        # Both bends are written as one choice: at 0 the two sides then have the same derivatives of every order.
        negative = Less.of(x, zero)
        decay = Exp.of(Where.of(negative, x, -x))
        return Where.of(negative, x, zero) - Log1p.of(decay)


class Tanhshrink(_Activation):
    """x - tanh(x).

    Gradient:
        x: ḡ · tanh(x)².
    """

    op: Literal["tanhshrink"] = "tanhshrink"

    @override
    def _of(self, x: Value) -> Value:
        return x - Tanh.of(x)


class Softshrink(_Activation):
    """x - lambd where x > lambd, x + lambd where x < -lambd, else 0; NaN stays NaN.

    Gradient:
        x: 0 where |x| ≤ lambd, else ḡ.
    """

    op: Literal["softshrink"] = "softshrink"
    lambd: Number = Field(default=0.5, description="How far every element moves towards 0; finite and at least 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not 0 <= self.lambd < math.inf:
            raise RuleError(f"lambd is {self.lambd}; a finite number of at least 0 is needed", field="lambd")
        check_overflow("lambd", self.lambd, widened(operands[0].dtype))
        return (operands[0],)

    @override
    def _of(self, x: Value) -> Value:
        return x - Clip.of(x, min=-self.lambd, max=self.lambd)


class Hardshrink(_Activation):
    """0 where |x| ≤ lambd, else x; NaN stays NaN.

    Gradient:
        x: 0 where |x| ≤ lambd, else ḡ.
    """

    op: Literal["hardshrink"] = "hardshrink"
    lambd: Number = Field(default=0.5, description="The largest magnitude that becomes 0.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if math.isnan(self.lambd):
            raise RuleError("lambd is nan; a number is needed", field="lambd")
        check_overflow("lambd", self.lambd, widened(operands[0].dtype))
        return (operands[0],)

    @override
    def _of(self, x: Value) -> Value:
        return Where.of(LessEqual.of(Abs.of(x), x.scalar(self.lambd)), x.scalar(0.0), x)


class Prelu(Composite):
    """x where x > 0, else weight · x (He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015).

    `weight` is one number, of shape [] or [1], or one for each channel: of shape [C] where x has the shape [N, C, …].
    The result has the type of x.

    Gradient:
        x: ḡ where x > 0, else ḡ · weight, so at 0 too.
        weight: the sum of 0 where x > 0, else ḡ · x, over all elements, or over those of the channel.
    """

    op: Literal["prelu"] = "prelu"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"), Operand("weight"))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, weight = operands
        if weight.shape not in ((), (1,)) and (x.rank < 2 or weight.shape != x.shape[1:2]):
            channels = f", or [{x.shape[1]}] for one number a channel," if x.rank > 1 else ""
            raise RuleError(f"{{1}} is the weight; shape [] or [1]{channels} is needed there", operand=1)
        return (x,)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        x, weight = operands
        return (Where.of(Greater.of(x, x.scalar(0.0)), x, x * self.factor(weight, x.rank)),)

    def factor(self, weight: Value, rank: int) -> Value:
        """The weight in a shape that broadcasts with x of `rank` axes."""
        if weight.shape in ((), (1,)):
            return weight if weight.rank == 0 else Reshape.of(weight, shape=())
        return along_axis(weight, 1, rank)


class Glu(Composite):
    """a · sigmoid(b), where a and b are the first and the second half of x along `axis`.

    The size of that axis is even, and the result has half of it (Dauphin, Fan, Auli and Grangier, "Language modeling
    with gated convolutional networks", 2017).

    Gradient:
        x: ḡ · s and ḡ · a · s · (1 - s), with s = sigmoid(b), joined along `axis`.
    """

    op: Literal["glu"] = "glu"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)
    axis: Axis = Field(default=-1, description="The axis that is halved.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        (x,) = operands
        axis = self.axis_of(self.axis, x.rank)
        size = x.shape[axis]
        if size % 2 != 0:
            raise RuleError(f"axis {axis} of {{0}} is {size}; an even size is needed there", operand=0)
        return (TensorType(x.dtype, (*x.shape[:axis], size // 2, *x.shape[axis + 1 :])),)

    @override
    def expand(self, operands: Sequence[Value]) -> tuple[Value, ...]:
        (x,) = operands
        values, gates = self.halves(widen(x))
        return (narrow(values * Sigmoid.of(gates), x.dtype),)

    def halves(self, x: Value) -> tuple[Value, Value]:
        """The two halves of x along the axis."""
        axis = self.axis_of(self.axis, x.rank)
        size, zeros = x.shape[axis], (0,) * x.rank
        middle = size // 2
        start, stop = (*zeros[:axis], middle, *zeros[axis + 1 :]), (*x.shape[:axis], middle, *x.shape[axis + 1 :])
        return Slice.of(x, start=zeros, stop=stop), Slice.of(x, start=start, stop=x.shape)
