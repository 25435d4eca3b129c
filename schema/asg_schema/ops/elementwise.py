"""Element-wise arithmetic: each element of the result depends on one element of each operand.

Binary ops broadcast their operands as NumPy does (see `asg_schema.broadcasting`). Names, formulas and special cases are
those of the Python array API standard where it has the op (https://data-apis.org/array-api/latest/), else those of
`torch` or `torch.special`. Integer arithmetic wraps around (modulo 2ⁿ, signed integers in two's complement).

Floating-point arithmetic is that of IEEE 754, with signed zeros, subnormal numbers and infinities: an infinite or NaN
result is no error. Where nothing else is said, NaN in an operand makes the result NaN.
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
    """-x; 0 becomes -0, and the sign of NaN has no meaning.

    Integers wrap around: the smallest signed one stays itself, and x > 0 of an unsigned dtype becomes 2ⁿ - x, n its
    bits.

    Gradient:
        x: -ḡ.
    """

    op: Literal["negative"] = "negative"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Abs(_Unary):
    """The absolute value |x|; that of -0 is 0, and of -inf inf.

    The smallest integer of a signed dtype wraps around to itself.

    Gradient:
        x: ḡ · sign(x), which is 0 at 0, as in PyTorch.
    """

    op: Literal["abs"] = "abs"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Sign(_Unary):
    """-1 where x < 0, 0 where x = 0, 1 where x > 0; NaN stays NaN.

    The zero that it yields may have either sign.

    Gradient:
        x: 0.
    """

    op: Literal["sign"] = "sign"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Exp(_Unary):
    """e raised to x; 0 at -inf, and inf at inf or where the result overflows.

    Gradient:
        x: ḡ · y, with y the result.
    """

    op: Literal["exp"] = "exp"


class Expm1(_Unary):
    """exp(x) - 1, accurate for small x; -1 at -inf, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ · exp(x).
    """

    op: Literal["expm1"] = "expm1"


class Log(_Unary):
    """The natural logarithm; -inf at 0 and -0, NaN below 0, inf at inf.

    Gradient:
        x: ḡ / x, so ±inf at 0.
    """

    op: Literal["log"] = "log"


class Log1p(_Unary):
    """log(1 + x), accurate for small x; -inf at -1, NaN below -1, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ / (1 + x).
    """

    op: Literal["log1p"] = "log1p"


class Sqrt(_Unary):
    """The square root; NaN below 0, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ / (2 · y), with y the result; so at 0 infinite, and NaN where ḡ = 0 too.
    """

    op: Literal["sqrt"] = "sqrt"


class Rsqrt(_Unary):
    """1 / sqrt(x); inf at 0, -inf at -0, NaN below 0, 0 at inf.

    Gradient:
        x: -½ · ḡ · y / x, with y the result.
    """

    op: Literal["rsqrt"] = "rsqrt"


class Sin(_Unary):
    """The sine; x in radians; NaN at ±inf.

    Gradient:
        x: ḡ · cos(x).
    """

    op: Literal["sin"] = "sin"


class Cos(_Unary):
    """The cosine; x in radians; NaN at ±inf.

    Gradient:
        x: -ḡ · sin(x).
    """

    op: Literal["cos"] = "cos"


class Tan(_Unary):
    """The tangent; x in radians; NaN at ±inf.

    Gradient:
        x: ḡ · (1 + y²), with y the result.
    """

    op: Literal["tan"] = "tan"


class Asin(_Unary):
    """The inverse sine, in radians, in [-π/2, π/2]; NaN outside [-1, 1].

    Gradient:
        x: ḡ / √((1 - x) · (1 + x)), so infinite at ±1 and NaN outside [-1, 1].
    """

    op: Literal["asin"] = "asin"


class Acos(_Unary):
    """The inverse cosine, in radians, in [0, π]; NaN outside [-1, 1].

    Gradient:
        x: -ḡ / √((1 - x) · (1 + x)), so infinite at ±1 and NaN outside [-1, 1].
    """

    op: Literal["acos"] = "acos"


class Atan(_Unary):
    """The inverse tangent, in radians, in [-π/2, π/2]; ±π/2 at ±inf.

    Gradient:
        x: ḡ / (1 + x²).
    """

    op: Literal["atan"] = "atan"


class Sinh(_Unary):
    """The hyperbolic sine; ±inf at ±inf and where the result overflows.

    Gradient:
        x: ḡ · cosh(x).
    """

    op: Literal["sinh"] = "sinh"


class Cosh(_Unary):
    """The hyperbolic cosine; inf at ±inf and where the result overflows.

    Gradient:
        x: ḡ · sinh(x).
    """

    op: Literal["cosh"] = "cosh"


class Tanh(_Unary):
    """The hyperbolic tangent; ±1 at ±inf.

    Gradient:
        x: ḡ · (1 - y²), with y the result.
    """

    op: Literal["tanh"] = "tanh"


class Asinh(_Unary):
    """The inverse hyperbolic sine; ±inf at ±inf.

    Gradient:
        x: ḡ / √(x² + 1).
    """

    op: Literal["asinh"] = "asinh"


class Acosh(_Unary):
    """The inverse hyperbolic cosine, at least 0; NaN below 1, inf at inf.

    Gradient:
        x: ḡ / (√(x - 1) · √(x + 1)), so infinite at 1 and NaN below 1.
    """

    op: Literal["acosh"] = "acosh"


class Atanh(_Unary):
    """The inverse hyperbolic tangent; ±inf at ±1, NaN outside [-1, 1].

    Gradient:
        x: ḡ / ((1 - x) · (1 + x)); where |x| > 1, where the result is NaN, this is that formula's number.
    """

    op: Literal["atanh"] = "atanh"


class Erf(_Unary):
    """The error function 2/√π · ∫₀ˣ exp(-t²) dt (https://dlmf.nist.gov/7.2); ±1 at ±inf.

    Gradient:
        x: ḡ · 2/√π · exp(-x²).
    """

    op: Literal["erf"] = "erf"


class Erfinv(_Unary):
    """The inverse of erf; ±inf at ±1, NaN outside [-1, 1].

    Gradient:
        x: ḡ · √π/2 · exp(y²), with y the result; so infinite at ±1.
    """

    op: Literal["erfinv"] = "erfinv"


class Floor(_Unary):
    """The largest integer that is at most x; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves.

    Gradient:
        x: 0.
    """

    op: Literal["floor"] = "floor"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Ceil(_Unary):
    """The smallest integer that is at least x; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves. A number in (-1, 0) yields -0.

    Gradient:
        x: 0.
    """

    op: Literal["ceil"] = "ceil"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Round(_Unary):
    """The nearest integer, halves to the even one; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves. A number in [-½, 0) yields -0.

    Gradient:
        x: 0.
    """

    op: Literal["round"] = "round"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Sigmoid(_Unary):
    """The logistic function 1 / (1 + exp(-x)), without overflow for any x.

    0 at -inf and 1 at inf. Where the result is small it is exp(x), not 0: for x < 0 compute exp(x) / (1 + exp(x)).

    Gradient:
        x: ḡ · y · (1 - y), with y the result.
    """

    op: Literal["sigmoid"] = "sigmoid"


class Lgamma(_Unary):
    """log |Γ(x)| (https://dlmf.nist.gov/5.2); inf at ±inf, 0 and the negative integers.

    Gradient:
        x: ḡ · digamma(x).
    """

    op: Literal["lgamma"] = "lgamma"


class Digamma(_Unary):
    """ψ(x) = Γ'(x) / Γ(x) (https://dlmf.nist.gov/5.2), the derivative of log |Γ|.

    NaN at the negative integers and -inf; -inf at 0, inf at -0 and at inf.

    Gradient:
        x: ḡ · polygamma(x, n=1).
    """

    op: Literal["digamma"] = "digamma"


class Polygamma(_Unary):
    """ψ⁽ⁿ⁾(x), the n-th derivative of digamma (https://dlmf.nist.gov/5.15), also for x < 0.

    n = 0 is digamma itself. For n ≥ 1 it is (-1)ⁿ⁺¹ · n! · Σ 1 / (x + k)ⁿ⁺¹ over k = 0, 1, 2, …; at 0 and the negative
    integers it is inf for odd n and -inf for even n.

    Gradient:
        x: ḡ · polygamma(x, n + 1); with n = 100 there is none, because 101 is refused.
    """

    op: Literal["polygamma"] = "polygamma"
    n: Annotated[int, Field(strict=True, ge=0, le=100, description="The order of the derivative, from 0 to 100.")]


class StopGradient(_Unary):
    """x itself, of its type and its very bits, through which no derivative passes."""

    op: Literal["stop_gradient"] = "stop_gradient"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY, differentiable=False),)


class Add(_Binary):
    """x1 + x2; inf + -inf is NaN.

    Gradient:
        x1: ḡ.
        x2: ḡ.
    """

    op: Literal["add"] = "add"


class Subtract(_Binary):
    """x1 - x2; inf - inf is NaN.

    Gradient:
        x1: ḡ.
        x2: -ḡ.
    """

    op: Literal["subtract"] = "subtract"


class Multiply(_Binary):
    """x1 · x2; 0 · ±inf is NaN.

    Gradient:
        x1: ḡ · x2.
        x2: ḡ · x1.
    """

    op: Literal["multiply"] = "multiply"


class Divide(_Binary):
    """x1 / x2, as IEEE 754 has it: x/0 is ±inf; 0/0 and inf/inf are NaN.

    Integers are refused; convert them, or use `remainder` for what is left over.

    Gradient:
        x1: ḡ / x2.
        x2: -(ḡ / x2) · y, with y the result.
    """

    op: Literal["divide"] = "divide"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))


class Pow(_Binary):
    """x1 raised to x2; for floats as C's pow: pow(x, 0) = 1 and pow(negative, fraction) = NaN.

    pow(x, 0) and pow(1, x) are 1 even where x is NaN; pow(±0, negative) is infinite, and pow(-2, 3) = -8. Integers are
    multiplied with wrapping around, pow(0, 0) = 1; a negative exponent yields 0, whatever the base.

    Gradient:
        x1: ḡ · x2 · pow(x1, x2 - 1), and 0 where x2 = 0, whatever x1 is.
        x2: ḡ · y · log(x1), with y the result, and 0 where x1 = 0 and x2 ≥ 0, as in PyTorch; so NaN where x1 < 0.
    """

    op: Literal["pow"] = "pow"


class Maximum(_Binary):
    """The larger of x1 and x2; NaN if either is NaN.

    Of 0 and -0 it may be either.

    Gradient:
        x1: ḡ where x1 > x2, ½ · ḡ where they are equal, else 0.
        x2: ḡ where x1 < x2, ½ · ḡ where they are equal, else 0.
        Where either is NaN both get 0.
    """

    op: Literal["maximum"] = "maximum"


class Minimum(_Binary):
    """The smaller of x1 and x2; NaN if either is NaN.

    Of 0 and -0 it may be either.

    Gradient:
        x1: ḡ where x1 < x2, ½ · ḡ where they are equal, else 0.
        x2: ḡ where x1 > x2, ½ · ḡ where they are equal, else 0.
        Where either is NaN both get 0.
    """

    op: Literal["minimum"] = "minimum"


class Atan2(_Binary):
    """The angle of the point (x2, x1) from the positive first axis, in [-π, π]: atan(x1 / x2) with the quadrant.

    x1 is the ordinate and x2 the abscissa, as in C's atan2, which also has the special cases: ±0 for (±0, x2 > 0 or 0),
    ±π for (±0, x2 < 0 or -0), ±π/2 for (x1, ±0), ±π/4 and ±3π/4 for two infinities; the sign is that of x1.

    Gradient:
        x1: ḡ · x2 / (x1² + x2²).
        x2: -ḡ · x1 / (x1² + x2²).
        At (0, 0) both are 0, as in PyTorch.
    """

    op: Literal["atan2"] = "atan2"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))


class Remainder(_Binary):
    """x1 - floor(x1 / x2) · x2: the remainder with the sign of x2.

    For floats it is the exact remainder of C's fmod, to which x2 is added where it is not 0 and its sign differs from
    that of x2; NaN where x2 = 0 or x1 is infinite, and x1 where x2 is infinite and of its sign. For integers it is 0
    where x2 = 0.

    Gradient:
        x1: ḡ.
        x2: -ḡ · floor(x1 / x2).
    """

    op: Literal["remainder"] = "remainder"


class Where(Op):
    """x1 where the condition holds, else x2; the three broadcast together.

    The result has the dtype of x1 and x2, and the very bits of the operand that was taken: NaN or inf in the other does
    not enter.

    Gradient:
        x1: ḡ where the condition holds, else 0.
        x2: 0 where the condition holds, else ḡ.
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

    A float or integer becomes a float by rounding to nearest, halves to even, and infinite beyond the range. A float
    becomes an integer by dropping the fraction; beyond the integer's range it saturates at the nearest end, and NaN
    becomes 0. An integer becomes a narrower one, or one of the other signedness, by wrapping around (modulo 2ⁿ). A
    number becomes the bool "is not 0", which NaN is not; a bool becomes 0 or 1. The result has the operand's shape.

    Gradient:
        x: astype(ḡ, dtype of x) where both dtypes are floating-point, else 0.
    """

    op: Literal["astype"] = "astype"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY),)
    dtype: DType = Field(description="The dtype of the result.")

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (TensorType(self.dtype, operands[0].shape),)
