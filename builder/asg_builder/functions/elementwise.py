"""Element-wise functions: each element of the result depends on one element of each operand.

A function of one operand returns its shape and dtype; operands are floating-point unless said otherwise. A function of
two broadcasts them as NumPy does; both have one dtype, and a Python number or NumPy array beside a tensor takes the
tensor's. Every function raises `DocumentError` where dtypes or shapes do not fit.
"""

from asg_builder.arguments import DTypeLike, as_dtype
from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Round,
    Sign,
    StopGradient,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Digamma,
    Erf,
    Erfinv,
    Exp,
    Expm1,
    Lgamma,
    Log,
    Log1p,
    Polygamma,
    Rsqrt,
    Sigmoid,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)

__all__ = [
    "abs",
    "acos",
    "acosh",
    "add",
    "asin",
    "asinh",
    "astype",
    "atan",
    "atan2",
    "atanh",
    "ceil",
    "cos",
    "cosh",
    "digamma",
    "divide",
    "erf",
    "erfinv",
    "exp",
    "expm1",
    "floor",
    "lgamma",
    "log",
    "log1p",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "polygamma",
    "pow",
    "remainder",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "stop_gradient",
    "subtract",
    "tan",
    "tanh",
    "where",
]


def negative(x: Tensor, /) -> Tensor:
    """-x, of any number dtype; unsigned integers wrap around."""
    return apply(Negative, x)


def abs(x: Tensor, /) -> Tensor:
    """The absolute value |x|, of any number dtype. Its derivative at 0 is 0."""
    return apply(Abs, x)


def sign(x: Tensor, /) -> Tensor:
    """-1, 0 or 1, of any number dtype; NaN stays NaN."""
    return apply(Sign, x)


def exp(x: Tensor, /) -> Tensor:
    """The exponential function: e raised to x."""
    return apply(Exp, x)


def expm1(x: Tensor, /) -> Tensor:
    """exp(x) - 1, accurate for small x."""
    return apply(Expm1, x)


def log(x: Tensor, /) -> Tensor:
    """The natural logarithm; -inf at 0, NaN below."""
    return apply(Log, x)


def log1p(x: Tensor, /) -> Tensor:
    """log(1 + x), accurate for small x."""
    return apply(Log1p, x)


def sqrt(x: Tensor, /) -> Tensor:
    """The square root; NaN below 0."""
    return apply(Sqrt, x)


def rsqrt(x: Tensor, /) -> Tensor:
    """1 / sqrt(x); inf at 0, NaN below."""
    return apply(Rsqrt, x)


def square(x: Tensor, /) -> Tensor:
    """`x · x`, of any number dtype."""
    return apply(Multiply, x, x)


def sin(x: Tensor, /) -> Tensor:
    """The sine; x in radians."""
    return apply(Sin, x)


def cos(x: Tensor, /) -> Tensor:
    """The cosine; x in radians."""
    return apply(Cos, x)


def tan(x: Tensor, /) -> Tensor:
    """The tangent; x in radians."""
    return apply(Tan, x)


def asin(x: Tensor, /) -> Tensor:
    """The inverse sine, in radians; NaN outside [-1, 1]."""
    return apply(Asin, x)


def acos(x: Tensor, /) -> Tensor:
    """The inverse cosine, in radians; NaN outside [-1, 1]."""
    return apply(Acos, x)


def atan(x: Tensor, /) -> Tensor:
    """The inverse tangent, in radians."""
    return apply(Atan, x)


def sinh(x: Tensor, /) -> Tensor:
    """The hyperbolic sine."""
    return apply(Sinh, x)


def cosh(x: Tensor, /) -> Tensor:
    """The hyperbolic cosine."""
    return apply(Cosh, x)


def tanh(x: Tensor, /) -> Tensor:
    """The hyperbolic tangent."""
    return apply(Tanh, x)


def asinh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic sine."""
    return apply(Asinh, x)


def acosh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic cosine; NaN below 1."""
    return apply(Acosh, x)


def atanh(x: Tensor, /) -> Tensor:
    """The inverse hyperbolic tangent; ±inf at ±1, NaN outside [-1, 1]."""
    return apply(Atanh, x)


def erf(x: Tensor, /) -> Tensor:
    """The error function (https://dlmf.nist.gov/7.2)."""
    return apply(Erf, x)


def erfinv(x: Tensor, /) -> Tensor:
    """The inverse of the error function; ±inf at ±1, NaN outside [-1, 1]."""
    return apply(Erfinv, x)


def floor(x: Tensor, /) -> Tensor:
    """The largest integer that is at most x, of any number dtype. Its derivative is 0."""
    return apply(Floor, x)


def ceil(x: Tensor, /) -> Tensor:
    """The smallest integer that is at least x, of any number dtype. Its derivative is 0."""
    return apply(Ceil, x)


def round(x: Tensor, /) -> Tensor:
    """The nearest integer, halves to the even one, of any number dtype. Its derivative is 0."""
    return apply(Round, x)


def sigmoid(x: Tensor, /) -> Tensor:
    """The logistic function 1 / (1 + exp(-x)), without overflow for any x."""
    return apply(Sigmoid, x)


def lgamma(x: Tensor, /) -> Tensor:
    """The logarithm of |Γ(x)| (https://dlmf.nist.gov/5.2)."""
    return apply(Lgamma, x)


def digamma(x: Tensor, /) -> Tensor:
    """The derivative of lgamma (https://dlmf.nist.gov/5.2)."""
    return apply(Digamma, x)


def polygamma(x: Tensor, /, n: int) -> Tensor:
    """The n-th derivative of digamma, for x > 0 (https://dlmf.nist.gov/5.15)."""
    return apply(Polygamma, x, n=n)


def stop_gradient(x: Tensor, /) -> Tensor:
    """`x` itself, of any dtype, through which no derivative passes."""
    return apply(StopGradient, x)


def add(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 + x2, of any number dtype."""
    return apply(Add, x1, x2)


def subtract(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - x2, of any number dtype."""
    return apply(Subtract, x1, x2)


def multiply(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 · x2, of any number dtype."""
    return apply(Multiply, x1, x2)


def divide(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 / x2, as IEEE 754 has it."""
    return apply(Divide, x1, x2)


def pow(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 raised to x2, of any number dtype."""
    return apply(Pow, x1, x2)


def maximum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The larger of x1 and x2, of any number dtype; NaN if either is.

    Where they are equal each gets half of the derivative.
    """
    return apply(Maximum, x1, x2)


def minimum(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The smaller of x1 and x2, of any number dtype; NaN if either is.

    Where they are equal each gets half of the derivative.
    """
    return apply(Minimum, x1, x2)


def atan2(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """The angle of the point (x2, x1) from the positive first axis, in [-π, π]."""
    return apply(Atan2, x1, x2)


def remainder(x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 - floor(x1 / x2) · x2, of any number dtype: the remainder with the sign of x2, as `x1 % x2` in Python."""
    return apply(Remainder, x1, x2)


def where(condition: TensorLike, x1: TensorLike, x2: TensorLike, /) -> Tensor:
    """x1 where the condition holds, else x2.

    Args:
        condition: bool.
        x1: of any dtype.
        x2: of the dtype of x1.

    Returns:
        The broadcast shape of the three, the dtype of x1 and x2. At least one of those is a tensor, or the dtype of a
        number would be unknown.

    Raises:
        TypeError: neither x1 nor x2 is a tensor.
    """
    if not isinstance(x1, Tensor) and not isinstance(x2, Tensor):
        raise TypeError(
            f"where: neither x1 ({x1!r}) nor x2 ({x2!r}) is a Tensor, so their dtype is unknown; "
            "asg.constant(value, dtype) makes one of them a Tensor"
        )
    return apply(Where, condition, x1, x2)


def astype(x: Tensor, /, dtype: DTypeLike) -> Tensor:
    """`x` converted to another dtype, element by element.

    Floats become integers by dropping the fraction, out-of-range ones saturating and NaN becoming 0; integers wrap
    around; a number becomes the bool "is not 0". The derivative passes between floating-point dtypes.
    """
    return apply(Astype, x, dtype=as_dtype(dtype))
