"""exp, expm1 and the logistic function.

x = k · ln 2 + r with an integer k and |r| ≤ ½ ln 2; ln 2 is subtracted in two parts, so that r keeps its digits
(W. Cody, W. Waite, Software Manual for the Elementary Functions, 1980). Then exp(x) = 2ᵏ · exp(r).
"""

import math
from dataclasses import dataclass

from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import (
    FLOAT32,
    Integer,
    Real,
    absolute,
    copysign,
    fma,
    larger,
    select,
    smaller,
)

__all__ = [
    "LOG_2",
    "exp",
    "exp_of_sum",
    "expm1",
    "half_exp",
    "half_expm1",
    "normal_exp",
    "power_of_two",
    "reduce_by_log2",
    "scaled",
    "sigmoid",
    "split_integer",
]

_FLOAT64 = (
    0.5,
    0.16666666666666677,
    0.041666666666666685,
    0.00833333333332179,
    0.0013888888888893697,
    0.0001984126988537303,
    2.4801587279026284e-05,
    2.755724509925408e-06,
    2.755732914496226e-07,
    2.510872492875707e-08,
    2.0894276818863683e-09,
)

# (exp(r) - 1 - r) / r² on |r| ≤ ½ ln 2. Relative error of exp(r): 3.2e-9 and 4.8e-19.
_EXP = Coefficients(float32=(0.49999994, 0.16666517, 0.041668106, 0.00836913, 0.0013836392), float64=_FLOAT64)

# The same function, for expm1(r). Relative error of that: 1.4e-8 and 4.8e-19.
_EXPM1 = Coefficients(float32=(0.49999997, 0.16666539, 0.041667745, 0.0083670495, 0.0013839622), float64=_FLOAT64)

# ln 2 in two parts, of which the first has so many zeros at its end that its product with k is exact. By the width
# of the numbers.
LOG_2 = {32: (0.693115234375, 3.194618329871446e-05), 64: (0.6931471805592082, 7.371002565167799e-13)}


@dataclass(frozen=True)
class SplitInteger:
    """An integer that a number was rounded to.

    Attributes:
        real: the integer as a floating-point number.
        integer: the same as an integer, but for bits above the exponent's width; garbage where the number was NaN.
    """

    real: Real
    integer: Integer


def split_integer(x: Real, factor: float = 1.0) -> SplitInteger:
    """The integer nearest to x · factor.

    Beside 1.5 · 2ᶠ, f the fraction's bits, there is no room for digits after the point, and the integer stands in the
    last bits of the sum. No conversion from float to integer is needed, which LLVM leaves undefined for NaN.

    Args:
        x: below 2ᶠ⁻² in magnitude, or NaN.
        factor: what it is multiplied by first, without rounding.
    """
    anchor = x.constant(1.5 * 2.0**x.format.fraction_bits)
    shifted = fma(x, factor, anchor)
    return SplitInteger(shifted - anchor, shifted.bits() - anchor.bits())


def power_of_two(exponent: Integer) -> Real:
    """2 to an integer that is an exponent of normal numbers."""
    return ((exponent + exponent.format.bias) << exponent.format.fraction_bits).as_real()


def scaled(x: Real, exponent: Integer) -> Real:
    """The product x · 2ᵏ, rounded once: infinite or subnormal where it must be.

    Args:
        x: in [½, 2], or NaN.
        exponent: k, in magnitude less than twice the bias.
    """
    half = exponent >> 1
    return x * power_of_two(half) * power_of_two(exponent - half)


def reduce_by_log2(x: Real) -> tuple[SplitInteger, Real]:
    """The k and the r of x = k · ln 2 + r.

    Args:
        x: in magnitude at most a thousand; NaN makes r NaN.
    """
    high, low = LOG_2[x.format.bits]
    k = split_integer(x, 1.0 / math.log(2.0))
    return k, fma(k.real, -low, fma(k.real, -high, x))


def _reduced_exp(r: Real) -> Real:
    return 1.0 + fma(r * r, polynomial(r, _EXP), r)


def _reduced_expm1(r: Real) -> Real:
    return fma(r * r, polynomial(r, _EXPM1), r)


def exp(x: Real) -> Real:
    """E raised to x; subnormal results are kept, and rounded once more."""
    low, high = (-104.0, 89.0) if x.format == FLOAT32 else (-746.0, 710.0)
    k, r = reduce_by_log2(smaller(larger(x, low), high))
    return scaled(_reduced_exp(r), k.integer)


def exp_of_sum(high: Real, low: Real) -> Real:
    """The exponential of a sum of which the second part is small, in double precision.

    Args:
        high: what would be asked for if there were no low part.
        low: what rounding took from it; it may be anything where the first part is infinite or NaN.
    """
    clipped = smaller(larger(high, -746.0), 710.0)
    k, r = reduce_by_log2(clipped)
    return scaled(_reduced_exp(r + select(clipped.equals(high), low, 0.0)), k.integer)


def expm1(x: Real) -> Real:
    """E raised to x, less 1.

    That is 2ᵏ · expm1(r) + (2ᵏ - 1), with 2ᵏ⁻¹ for 2ᵏ until the end, lest it overflow before the result.
    """
    low, high = (-18.0, 89.0) if x.format == FLOAT32 else (-38.0, 710.0)
    k, r = reduce_by_log2(smaller(larger(x, low), high))
    small = _reduced_expm1(r)
    half_power = power_of_two(k.integer - 1)
    large = 2.0 * fma(small, half_power, half_power - 0.5)
    return copysign(select(k.integer.equals(0), small, large), x)


def normal_exp(x: Real) -> Real:
    """exp(x) where it is neither subnormal nor infinite; elsewhere a meaningless number."""
    k, r = reduce_by_log2(x)
    return _reduced_exp(r) * power_of_two(k.integer)


def half_exp(x: Real) -> Real:
    """½ · exp(x), which is finite a little longer than exp(x); for x from 0 to 710.5, in double precision."""
    k, r = reduce_by_log2(x)
    return _reduced_exp(r) * 2.0 * power_of_two(k.integer - 2)


def half_expm1(x: Real) -> Real:
    """½ · expm1(x), for x from 0 to 710.5, in double precision."""
    k, r = reduce_by_log2(x)
    quarter = power_of_two(k.integer - 2)
    return 2.0 * fma(_reduced_expm1(r), quarter, quarter - 0.25)


def sigmoid(x: Real) -> Real:
    """With e = exp(-|x|) it is 1 / (1 + e) for x ≥ 0 and e / (1 + e) for x < 0; neither overflows."""
    e = exp(-absolute(x))
    return select(x < 0.0, e, 1.0) / (1.0 + e)
