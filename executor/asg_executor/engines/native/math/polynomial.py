"""Polynomials, and sums of two numbers that stand for one with twice the digits."""

from collections.abc import Sequence
from dataclasses import dataclass

from asg_executor.engines.native.math.values import FLOAT32, FloatFormat, Number, Real, fma

__all__ = ["Coefficients", "DoubleReal", "exact_product", "exact_sum", "polynomial"]


@dataclass(frozen=True)
class Coefficients:
    """The coefficients of a polynomial, that of degree 0 first: for single and for double precision.

    They were fitted in 60 digits by Remez's exchange algorithm (E. Remez, 1934) for the smallest largest error relative
    to the function, and rounded; those for single precision one after another, the rest being fitted anew each time.
    """

    float32: tuple[float, ...]
    float64: tuple[float, ...]

    def of(self, format: FloatFormat) -> tuple[float, ...]:
        """Those for numbers of a format."""
        return self.float32 if format == FLOAT32 else self.float64


def polynomial(x: Real, coefficients: "Coefficients | Sequence[Number]") -> Real:
    """The value of a polynomial, by Horner's rule with one rounding a degree.

    Args:
        x: where.
        coefficients: that of degree 0 first.
    """
    chosen = coefficients.of(x.format) if isinstance(coefficients, Coefficients) else coefficients
    value = x.coerced(chosen[-1])
    for coefficient in reversed(chosen[:-1]):
        value = fma(value, x, coefficient)
    return value


@dataclass(frozen=True)
class DoubleReal:
    """The exact sum of two numbers, of which the second is at most half a unit of the first's last digit."""

    high: Real
    low: Real


def exact_sum(a: Real, b: Real) -> DoubleReal:
    """The sum a + b without error (D. Knuth, The Art of Computer Programming, volume 2, 4.2.2, theorem B)."""
    high = a + b
    b_part = high - a
    return DoubleReal(high, (a - (high - b_part)) + (b - b_part))


def exact_product(a: Real, b: Number) -> DoubleReal:
    """The product a · b without error, where nothing underflows."""
    high = a * b
    return DoubleReal(high, fma(a, b, -high))
