"""log and log1p.

x = 2ᵉ · (1 + f) with 1 + f between √½ and √2; the exponent and the fraction are taken from the bits of the number.
"""

import math
from dataclasses import dataclass

from asg_executor.engines.native.math.exponential import LOG_2, power_of_two
from asg_executor.engines.native.math.polynomial import exact_sum, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Integer, Real, copysign, fma, select

__all__ = ["log", "log1p", "normal_parts", "split_exponent"]

# (log(1 + f) - f + ½ f²) / f³ for √½ ≤ 1 + f ≤ √2, in single precision. Relative error of log(1 + f): 6.0e-9.
_LOG_FLOAT32 = (
    0.3333333,
    -0.25000823,
    0.20001262,
    -0.16623344,
    0.14200969,
    -0.13159558,
    0.12766951,
    -0.07642921,
)

# (2 artanh(s) - 2 s) / s³ in s², where s = f / (2 + f) and so log(1 + f) = 2 artanh(s), in double precision.
# Relative error of log(1 + f): 8.9e-21.
_LOG_FLOAT64 = (
    0.6666666666666666,
    0.4000000000000492,
    0.2857142856941239,
    0.22222222606782152,
    0.18181778369052762,
    0.15386988314031355,
    0.13252158943266373,
    0.13234688463695243,
)


@dataclass(frozen=True)
class SplitExponent:
    """What a positive number x consists of: x = 2ᵉ · m.

    Attributes:
        exponent: e.
        fraction: m, between √½ and √2.
    """

    exponent: Integer
    fraction: Real


def split_exponent(x: Real) -> SplitExponent:
    """The exponent and the fraction of a normal positive number; of others they are meaningless numbers."""
    bits = x.bits()
    exponent = (bits - x.constant(math.sqrt(0.5)).bits()) >> x.format.fraction_bits
    return SplitExponent(exponent, (bits - (exponent << x.format.fraction_bits)).as_real())


@dataclass(frozen=True)
class NormalParts:
    """As `SplitExponent`, with the exponent as a floating-point number."""

    exponent: Real
    fraction: Real


def normal_parts(x: Real) -> NormalParts:
    """The exponent and the fraction of a positive number, also of a subnormal one."""
    is_subnormal = x < x.format.smallest_normal
    digits = float(x.format.fraction_bits + 2)
    parts = split_exponent(select(is_subnormal, x * 2.0**digits, x))
    return NormalParts(parts.exponent.to_real() - select(is_subnormal, x.constant(digits), 0.0), parts.fraction)


def _log_of_parts(exponent: Real, f: Real) -> Real:
    """The sum e · ln 2 + log(1 + f), the small parts summed first."""
    high, low = LOG_2[f.format.bits]
    square = f * f
    if f.format == FLOAT32:
        rest = fma(square, fma(f, polynomial(f, _LOG_FLOAT32), -0.5), exponent * low)
        return fma(exponent, high, f + rest)
    # 2 artanh(s) = f - (½ f² - s · (½ f² + s² · P(s²))), as in the method of FDLIBM's e_log.c.
    s = f / (2.0 + f)
    z = s * s
    half_square = 0.5 * square
    rest = half_square - fma(s, fma(z, polynomial(z, _LOG_FLOAT64), half_square), exponent * low)
    return fma(exponent, high, f - rest)


def _at_the_edges(x: Real, y: Real, zero: float) -> Real:
    """The result where it is -inf at `zero`, NaN below it, and x itself for inf and NaN; else y."""
    y = select(x < math.inf, y, x)
    return select(x > zero, y, select(x.equals(zero), -math.inf, select(x < zero, math.nan, x)))


def log(x: Real) -> Real:
    """The natural logarithm, also of subnormal numbers."""
    parts = normal_parts(x)
    return _at_the_edges(x, _log_of_parts(parts.exponent, parts.fraction - 1.0), 0.0)


def log1p(x: Real) -> Real:
    """log(1 + x). What 1 + x lost by rounding is added to f, and where e = 0 makes it x itself."""
    total = exact_sum(x.constant(1.0), x)
    parts = split_exponent(total.high)
    # 2⁻ᵉ would be subnormal for the largest e; what was lost is at most 1, and nothing beside such numbers.
    largest = x.format.bias - 1
    exponent = select(parts.exponent > largest, largest, parts.exponent)
    f = fma(total.low, power_of_two(-exponent), parts.fraction - 1.0)
    return _at_the_edges(x, copysign(_log_of_parts(parts.exponent.to_real(), f), x), -1.0)
