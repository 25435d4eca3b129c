"""Roots, exponentials, logarithms, trigonometric, hyperbolic and special functions: of floating-point numbers alone."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from asg_schema.op import Operand
from asg_schema.ops.elementwise import Binary, Unary

__all__ = [
    "Acos",
    "Acosh",
    "Asin",
    "Asinh",
    "Atan",
    "Atan2",
    "Atanh",
    "Cos",
    "Cosh",
    "Digamma",
    "Erf",
    "Erfinv",
    "Exp",
    "Expm1",
    "Lgamma",
    "Log",
    "Log1p",
    "Polygamma",
    "Rsqrt",
    "Sigmoid",
    "Sin",
    "Sinh",
    "Sqrt",
    "Tan",
    "Tanh",
]


class Exp(Unary):
    """e raised to x; 0 at -inf, and inf at inf or where the result overflows.

    Gradient:
        x: ḡ · y, with y the result.
    """

    op: Literal["exp"] = "exp"


class Expm1(Unary):
    """exp(x) - 1, accurate for small x; -1 at -inf, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ · exp(x).
    """

    op: Literal["expm1"] = "expm1"


class Log(Unary):
    """The natural logarithm; -inf at 0 and -0, NaN below 0, inf at inf.

    Gradient:
        x: ḡ / x, so ±inf at 0.
    """

    op: Literal["log"] = "log"


class Log1p(Unary):
    """log(1 + x), accurate for small x; -inf at -1, NaN below -1, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ / (1 + x).
    """

    op: Literal["log1p"] = "log1p"


class Sqrt(Unary):
    """The square root; NaN below 0, inf at inf, and ±0 stays ±0.

    Gradient:
        x: ḡ / (2 · y), with y the result; so at 0 infinite, and NaN where ḡ = 0 too.
    """

    op: Literal["sqrt"] = "sqrt"


class Rsqrt(Unary):
    """1 / sqrt(x); inf at 0, -inf at -0, NaN below 0, 0 at inf.

    Gradient:
        x: -½ · ḡ · y / x, with y the result.
    """

    op: Literal["rsqrt"] = "rsqrt"


class Sin(Unary):
    """The sine; x in radians; NaN at ±inf.

    Gradient:
        x: ḡ · cos(x).
    """

    op: Literal["sin"] = "sin"


class Cos(Unary):
    """The cosine; x in radians; NaN at ±inf.

    Gradient:
        x: -ḡ · sin(x).
    """

    op: Literal["cos"] = "cos"


class Tan(Unary):
    """The tangent; x in radians; NaN at ±inf.

    Gradient:
        x: ḡ · (1 + y²), with y the result.
    """

    op: Literal["tan"] = "tan"


class Asin(Unary):
    """The inverse sine, in radians, in [-π/2, π/2]; NaN outside [-1, 1].

    Gradient:
        x: ḡ / √((1 - x) · (1 + x)), so infinite at ±1 and NaN outside [-1, 1].
    """

    op: Literal["asin"] = "asin"


class Acos(Unary):
    """The inverse cosine, in radians, in [0, π]; NaN outside [-1, 1].

    Gradient:
        x: -ḡ / √((1 - x) · (1 + x)), so infinite at ±1 and NaN outside [-1, 1].
    """

    op: Literal["acos"] = "acos"


class Atan(Unary):
    """The inverse tangent, in radians, in [-π/2, π/2]; ±π/2 at ±inf.

    Gradient:
        x: ḡ / (1 + x²).
    """

    op: Literal["atan"] = "atan"


class Sinh(Unary):
    """The hyperbolic sine; ±inf at ±inf and where the result overflows.

    Gradient:
        x: ḡ · cosh(x).
    """

    op: Literal["sinh"] = "sinh"


class Cosh(Unary):
    """The hyperbolic cosine; inf at ±inf and where the result overflows.

    Gradient:
        x: ḡ · sinh(x).
    """

    op: Literal["cosh"] = "cosh"


class Tanh(Unary):
    """The hyperbolic tangent; ±1 at ±inf.

    Gradient:
        x: ḡ · (1 - y²), with y the result.
    """

    op: Literal["tanh"] = "tanh"


class Asinh(Unary):
    """The inverse hyperbolic sine; ±inf at ±inf.

    Gradient:
        x: ḡ / √(x² + 1).
    """

    op: Literal["asinh"] = "asinh"


class Acosh(Unary):
    """The inverse hyperbolic cosine, at least 0; NaN below 1, inf at inf.

    Gradient:
        x: ḡ / (√(x - 1) · √(x + 1)), so infinite at 1 and NaN below 1.
    """

    op: Literal["acosh"] = "acosh"


class Atanh(Unary):
    """The inverse hyperbolic tangent; ±inf at ±1, NaN outside [-1, 1].

    Gradient:
        x: ḡ / ((1 - x) · (1 + x)); where |x| > 1, where the result is NaN, this is that formula's number.
    """

    op: Literal["atanh"] = "atanh"


class Erf(Unary):
    """The error function 2/√π · ∫₀ˣ exp(-t²) dt (https://dlmf.nist.gov/7.2); ±1 at ±inf.

    Gradient:
        x: ḡ · 2/√π · exp(-x²).
    """

    op: Literal["erf"] = "erf"


class Erfinv(Unary):
    """The inverse of erf; ±inf at ±1, NaN outside [-1, 1].

    Gradient:
        x: ḡ · √π/2 · exp(y²), with y the result; so infinite at ±1.
    """

    op: Literal["erfinv"] = "erfinv"


class Sigmoid(Unary):
    """The logistic function 1 / (1 + exp(-x)), without overflow for any x.

    0 at -inf and 1 at inf. Where the result is small it is exp(x), not 0: for x < 0 compute exp(x) / (1 + exp(x)).

    Gradient:
        x: ḡ · y · (1 - y), with y the result.
    """

    op: Literal["sigmoid"] = "sigmoid"


class Lgamma(Unary):
    """log |Γ(x)| (https://dlmf.nist.gov/5.2); inf at ±inf, 0 and the negative integers.

    Gradient:
        x: ḡ · digamma(x).
    """

    op: Literal["lgamma"] = "lgamma"


class Digamma(Unary):
    """ψ(x) = Γ'(x) / Γ(x) (https://dlmf.nist.gov/5.2), the derivative of log |Γ|.

    NaN at the negative integers and -inf; -inf at 0, inf at -0 and at inf.

    Gradient:
        x: ḡ · polygamma(x, n=1).
    """

    op: Literal["digamma"] = "digamma"


class Polygamma(Unary):
    """ψ⁽ⁿ⁾(x), the n-th derivative of digamma (https://dlmf.nist.gov/5.15), also for x < 0.

    n = 0 is digamma itself. For n ≥ 1 it is (-1)ⁿ⁺¹ · n! · Σ 1 / (x + k)ⁿ⁺¹ over k = 0, 1, 2, …; at 0 and the negative
    integers it is inf for odd n and -inf for even n.

    Gradient:
        x: ḡ · polygamma(x, n + 1); with n = 100 there is none, because 101 is refused.
    """

    op: Literal["polygamma"] = "polygamma"
    n: Annotated[int, Field(strict=True, ge=0, le=100, description="The order of the derivative, from 0 to 100.")]


class Atan2(Binary):
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
