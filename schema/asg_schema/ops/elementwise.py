"""Element-wise arithmetic: each element of the result depends on one element of each operand.

Binary ops broadcast their operands as NumPy does. Names, formulas and special cases are those of the Python array API
standard where it has the op (https://data-apis.org/array-api/latest/), else those of `torch` or `torch.special`.
Integer arithmetic wraps around (modulo 2ⁿ, signed integers in two's complement).

Floating-point arithmetic is that of IEEE 754, with signed zeros, subnormal numbers and infinities: an infinite or NaN
result is no error. Where nothing else is said, NaN in an operand makes the result NaN.
"""

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from asg_schema.broadcasting import broadcast_shapes
from asg_schema.dtype import DType
from asg_schema.op import DTypeGroup, Op, Operand
from asg_schema.tensor_type import TensorType

__all__ = [
    "Abs",
    "Add",
    "Astype",
    "Binary",
    "Ceil",
    "Divide",
    "Floor",
    "Maximum",
    "Minimum",
    "Multiply",
    "Negative",
    "Pow",
    "Remainder",
    "Round",
    "Sign",
    "StopGradient",
    "Subtract",
    "Unary",
    "Where",
]


class Unary(Op):
    """The result has the operand's shape and dtype."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (operands[0],)


class Binary(Op):
    """The result has the broadcast shape of the operands and their dtype."""

    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1", DTypeGroup.NUMERIC), Operand("x2", DTypeGroup.NUMERIC))

    @override
    def infer(self, operands: Sequence[TensorType]) -> tuple[TensorType, ...]:
        a, b = operands
        if a[1] == b[1]:
            return (a,)
        return (TensorType(a[0], broadcast_shapes((a[1], b[1]))),)


class Negative(Unary):
    """-x; 0 becomes -0, and the sign of NaN has no meaning.

    Integers wrap around: the smallest signed one stays itself, and x > 0 of an unsigned dtype becomes 2ⁿ - x, n its
    bits.

    Gradient:
        x: -ḡ.
    """

    op: Literal["negative"] = "negative"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Abs(Unary):
    """The absolute value |x|; that of -0 is 0, and of -inf inf.

    The smallest integer of a signed dtype wraps around to itself.

    Gradient:
        x: ḡ · sign(x), which is 0 at 0, as in PyTorch.
    """

    op: Literal["abs"] = "abs"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Sign(Unary):
    """-1 where x < 0, 0 where x = 0, 1 where x > 0; NaN stays NaN.

    The zero that it yields may have either sign.

    Gradient:
        x: 0.
    """

    op: Literal["sign"] = "sign"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Floor(Unary):
    """The largest integer that is at most x; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves.

    Gradient:
        x: 0.
    """

    op: Literal["floor"] = "floor"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Ceil(Unary):
    """The smallest integer that is at least x; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves. A number in (-1, 0) yields -0.

    Gradient:
        x: 0.
    """

    op: Literal["ceil"] = "ceil"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class Round(Unary):
    """The nearest integer, halves to the even one; an operand of an integer dtype is returned as it is.

    ±inf, ±0 and NaN stay themselves. A number in [-½, 0) yields -0.

    Gradient:
        x: 0.
    """

    op: Literal["round"] = "round"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.NUMERIC),)


class StopGradient(Unary):
    """x itself, of its type and its very bits, through which no derivative passes."""

    op: Literal["stop_gradient"] = "stop_gradient"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x", DTypeGroup.ANY, differentiable=False),)


class Add(Binary):
    """x1 + x2; inf + -inf is NaN.

    Gradient:
        x1: ḡ.
        x2: ḡ.
    """

    op: Literal["add"] = "add"


class Subtract(Binary):
    """x1 - x2; inf - inf is NaN.

    Gradient:
        x1: ḡ.
        x2: -ḡ.
    """

    op: Literal["subtract"] = "subtract"


class Multiply(Binary):
    """x1 · x2; 0 · ±inf is NaN.

    Gradient:
        x1: ḡ · x2.
        x2: ḡ · x1.
    """

    op: Literal["multiply"] = "multiply"


class Divide(Binary):
    """x1 / x2, as IEEE 754 has it: x/0 is ±inf; 0/0 and inf/inf are NaN.

    Integers are refused; convert them, or use `remainder` for what is left over.

    Gradient:
        x1: ḡ / x2.
        x2: -(ḡ / x2) · y, with y the result.
    """

    op: Literal["divide"] = "divide"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x1"), Operand("x2"))


class Pow(Binary):
    """x1 raised to x2; for floats as C's pow: pow(x, 0) = 1 and pow(negative, fraction) = NaN.

    pow(x, 0) and pow(1, x) are 1 even where x is NaN; pow(±0, negative) is infinite, and pow(-2, 3) = -8. Integers are
    multiplied with wrapping around, pow(0, 0) = 1; a negative exponent yields 0, whatever the base.

    Gradient:
        x1: ḡ · x2 · pow(x1, x2 - 1), and 0 where x2 = 0, whatever x1 is.
        x2: ḡ · y · log(x1), with y the result, and 0 where x1 = 0 and x2 ≥ 0, as in PyTorch; so NaN where x1 < 0.
    """

    op: Literal["pow"] = "pow"


class Maximum(Binary):
    """The larger of x1 and x2; NaN if either is NaN.

    Of 0 and -0 it may be either.

    Gradient:
        x1: ḡ where x1 > x2, ½ · ḡ where they are equal, else 0.
        x2: ḡ where x1 < x2, ½ · ḡ where they are equal, else 0.
        Where either is NaN both get 0.
    """

    op: Literal["maximum"] = "maximum"


class Minimum(Binary):
    """The smaller of x1 and x2; NaN if either is NaN.

    Of 0 and -0 it may be either.

    Gradient:
        x1: ḡ where x1 < x2, ½ · ḡ where they are equal, else 0.
        x2: ḡ where x1 > x2, ½ · ḡ where they are equal, else 0.
        Where either is NaN both get 0.
    """

    op: Literal["minimum"] = "minimum"


class Remainder(Binary):
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
