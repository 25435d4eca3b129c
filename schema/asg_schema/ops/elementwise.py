"""Element-wise arithmetic: each element of the result depends on one element of each operand.

Binary ops broadcast their operands as NumPy does (see `asg_schema.broadcasting`). Names, formulas and special cases are
those of the Python array API standard where it has the op (https://data-apis.org/array-api/latest/), else those of
`torch` or `torch.special`. Integer arithmetic wraps around.
"""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.dtype import DType
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = [
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "Asin",
    "Asinh",
    "Astype",
    "Atan",
    "Atan2",
    "Atanh",
    "Ceil",
    "Cos",
    "Cosh",
    "Digamma",
    "Divide",
    "Erf",
    "Erfinv",
    "Exp",
    "Expm1",
    "Floor",
    "Lgamma",
    "Log",
    "Log1p",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Polygamma",
    "Pow",
    "Remainder",
    "Round",
    "Rsqrt",
    "Sigmoid",
    "Sign",
    "Sin",
    "Sinh",
    "Sqrt",
    "StopGradient",
    "Subtract",
    "Tan",
    "Tanh",
    "Where",
]


class _Unary(Op):
    """The result has the operand's shape and dtype."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)


class _Binary(Op):
    """The result has the broadcast shape of the operands and their dtype."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1", DTypeGroup.NUMERIC), Operand("x2", DTypeGroup.NUMERIC))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = operands
        if a[1] == b[1]:
            return (a,)
        return (TensorType(a[0], broadcast_shapes((a[1], b[1]))),)


class Negative(_Unary):
    """-x.

    For unsigned integers the result wraps around.
    """

    op: Literal["negative"] = "negative"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Abs(_Unary):
    """The absolute value |x|.

    Its derivative is sign(x); at 0 it is 0, as in PyTorch.
    """

    op: Literal["abs"] = "abs"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Sign(_Unary):
    """-1 where x < 0, 0 where x = 0, 1 where x > 0; NaN stays NaN.

    Its derivative is 0.
    """

    op: Literal["sign"] = "sign"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Exp(_Unary):
    """e raised to x."""

    op: Literal["exp"] = "exp"


class Expm1(_Unary):
    """exp(x) - 1, accurate for small x."""

    op: Literal["expm1"] = "expm1"


class Log(_Unary):
    """The natural logarithm; -inf at 0, NaN below."""

    op: Literal["log"] = "log"


class Log1p(_Unary):
    """log(1 + x), accurate for small x."""

    op: Literal["log1p"] = "log1p"


class Sqrt(_Unary):
    """The square root; NaN below 0."""

    op: Literal["sqrt"] = "sqrt"


class Rsqrt(_Unary):
    """1 / sqrt(x); inf at 0, NaN below."""

    op: Literal["rsqrt"] = "rsqrt"


class Sin(_Unary):
    """The sine; x in radians."""

    op: Literal["sin"] = "sin"


class Cos(_Unary):
    """The cosine; x in radians."""

    op: Literal["cos"] = "cos"


class Tan(_Unary):
    """The tangent; x in radians."""

    op: Literal["tan"] = "tan"


class Asin(_Unary):
    """The inverse sine, in radians; NaN outside [-1, 1]."""

    op: Literal["asin"] = "asin"


class Acos(_Unary):
    """The inverse cosine, in radians; NaN outside [-1, 1]."""

    op: Literal["acos"] = "acos"


class Atan(_Unary):
    """The inverse tangent, in radians."""

    op: Literal["atan"] = "atan"


class Sinh(_Unary):
    """The hyperbolic sine."""

    op: Literal["sinh"] = "sinh"


class Cosh(_Unary):
    """The hyperbolic cosine."""

    op: Literal["cosh"] = "cosh"


class Tanh(_Unary):
    """The hyperbolic tangent."""

    op: Literal["tanh"] = "tanh"


class Asinh(_Unary):
    """The inverse hyperbolic sine."""

    op: Literal["asinh"] = "asinh"


class Acosh(_Unary):
    """The inverse hyperbolic cosine; NaN below 1."""

    op: Literal["acosh"] = "acosh"


class Atanh(_Unary):
    """The inverse hyperbolic tangent; ±inf at ±1, NaN outside [-1, 1]."""

    op: Literal["atanh"] = "atanh"


class Erf(_Unary):
    """The error function 2/sqrt(pi) · ∫₀ˣ exp(-t²) dt (https://dlmf.nist.gov/7.2)."""

    op: Literal["erf"] = "erf"


class Erfinv(_Unary):
    """The inverse of erf; ±inf at ±1, NaN outside [-1, 1]."""

    op: Literal["erfinv"] = "erfinv"


class Floor(_Unary):
    """The largest integer that is at most x; integers are returned as they are.

    Its derivative is 0.
    """

    op: Literal["floor"] = "floor"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Ceil(_Unary):
    """The smallest integer that is at least x; integers are returned as they are.

    Its derivative is 0.
    """

    op: Literal["ceil"] = "ceil"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Round(_Unary):
    """The nearest integer, halves to the even one; integers are returned as they are.

    Its derivative is 0.
    """

    op: Literal["round"] = "round"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Sigmoid(_Unary):
    """The logistic function 1 / (1 + exp(-x)), without overflow for any x."""

    op: Literal["sigmoid"] = "sigmoid"


class Lgamma(_Unary):
    """log |Γ(x)| (https://dlmf.nist.gov/5.2); inf at 0 and the negative integers."""

    op: Literal["lgamma"] = "lgamma"


class Digamma(_Unary):
    """ψ(x) = Γ'(x) / Γ(x) (https://dlmf.nist.gov/5.2).

    NaN at the negative integers; -inf at 0 and inf at -0.
    """

    op: Literal["digamma"] = "digamma"


class Polygamma(_Unary):
    """The n-th derivative of digamma (https://dlmf.nist.gov/5.15), also for x < 0.

    Its derivative is polygamma(n + 1). With n ≥ 1 it is inf at 0 and the negative integers for odd n, -inf for even n.
    """

    op: Literal["polygamma"] = "polygamma"
    n: Annotated[int, Field(strict=True, ge=0, le=100, description="The order of the derivative.")]


class StopGradient(_Unary):
    """x itself, through which no derivative passes."""

    op: Literal["stop_gradient"] = "stop_gradient"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY, differentiable=False),)


class Add(_Binary):
    """x1 + x2."""

    op: Literal["add"] = "add"


class Subtract(_Binary):
    """x1 - x2."""

    op: Literal["subtract"] = "subtract"


class Multiply(_Binary):
    """x1 · x2."""

    op: Literal["multiply"] = "multiply"


class Divide(_Binary):
    """x1 / x2, as IEEE 754 has it: x/0 is ±inf and 0/0 is NaN."""

    op: Literal["divide"] = "divide"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))


class Pow(_Binary):
    """x1 raised to x2; for floats as C's pow: pow(x, 0) = 1 and pow(negative, fraction) = NaN.

    The derivative by x1 is x2 · pow(x1, x2 - 1) and 0 where x2 = 0; by x2 it is pow(x1, x2) · log(x1), and 0
    where x1 = 0 and x2 ≥ 0, as in PyTorch. Integers need a non-negative exponent; a negative one yields 0.
    """

    op: Literal["pow"] = "pow"


class Maximum(_Binary):
    """The larger of x1 and x2; NaN if either is NaN.

    Where they are equal the derivative is shared: ½ each.
    """

    op: Literal["maximum"] = "maximum"


class Minimum(_Binary):
    """The smaller of x1 and x2; NaN if either is NaN.

    Where they are equal the derivative is shared: ½ each.
    """

    op: Literal["minimum"] = "minimum"


class Atan2(_Binary):
    """The angle of the point (x2, x1) from the positive first axis, in [-π, π]: atan(x1 / x2) with the quadrant.

    The derivatives at (0, 0) are 0, as in PyTorch.
    """

    op: Literal["atan2"] = "atan2"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))


class Remainder(_Binary):
    """x1 - floor(x1 / x2) · x2: the remainder with the sign of x2.

    x/0 is NaN for floats, and 0 for integers. The derivative by x1 is 1, by x2 it is -floor(x1 / x2).
    """

    op: Literal["remainder"] = "remainder"


class Where(Op):
    """x1 where the condition holds, else x2; the three broadcast together.

    The derivative goes to the operand that was taken; the other gets 0 there.
    """

    op: Literal["where"] = "where"
    operands: ClassVar[tuple[Operand, ...]] = (
        Operand("condition", DTypeGroup.BOOL, variable="C", differentiable=False),
        Operand("x1", DTypeGroup.ANY),
        Operand("x2", DTypeGroup.ANY),
    )

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        condition, a, b = operands
        return (TensorType(a.dtype, broadcast_shapes((condition.shape, a.shape, b.shape))),)


class Astype(Op):
    """x converted to another dtype, element by element.

    Floats become integers by dropping the fraction, and a float beyond the integer's range saturates at its nearest
    end, NaN becoming 0; integers become narrower ones by wrapping around; a number becomes the bool "is not 0".
    The derivative passes between floating-point dtypes, and is 0 for all others.
    """

    op: Literal["astype"] = "astype"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)
    dtype: DType = Field(description="The dtype of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(self.dtype, operands[0].shape),)
