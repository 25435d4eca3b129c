"""Hyperbolic functions and their inverses."""

import math

from asg_executor.engines.native.math.exponential import half_exp, half_expm1, normal_exp
from asg_executor.engines.native.math.logarithm import log1p
from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Real, absolute, copysign, fma, select, smaller, sqrt

__all__ = ["acosh", "asinh", "atanh", "cosh", "sinh", "tanh"]

# (tanh(x) - x) / x³ in x², for |x| ≤ 0.625. Relative error of tanh: 4.5e-9 and 1.5e-17.
_TANH = Coefficients(
    float32=(-0.3333328, 0.13331406, -0.053736523, 0.020628223, -0.005692399),
    float64=(
        -0.33333333333332854,
        0.13333333333262087,
        -0.053968253931266516,
        0.02186948757607476,
        -0.008863221002426196,
        0.0035919891724447615,
        -0.0014549588719003968,
        0.0005863165225781697,
        -0.00022856417842771745,
        7.714433225247027e-05,
        -1.6072553925401537e-05,
    ),
)


def tanh(x: Real) -> Real:
    """Near 0 it is x + x³ · P(x²), else 1 - 2 / (exp(2 · |x|) + 1); beyond 10 (20) the nearest number is 1."""
    last = 10.0 if x.format == FLOAT32 else 20.0
    distance = smaller(absolute(x), last)
    square = distance * distance
    near = fma(distance * square, polynomial(square, _TANH), distance)
    far = 1.0 - 2.0 / (normal_exp(2.0 * distance) + 1.0)
    return copysign(select(distance < 0.625, near, far), x)


_OVERFLOW = 710.5  # sinh and cosh are infinite here, in double precision
_LARGE = 2.0**60  # x + 1 and √(x² ± 1) are x here


def sinh(x: Real) -> Real:
    """With h = ½ · expm1(|x|) it is h · (1 + 1 / (2 h + 1)), in double precision."""
    h = half_expm1(smaller(absolute(x), _OVERFLOW))
    return copysign(h * (1.0 + 1.0 / fma(h, 2.0, 1.0)), x)


def cosh(x: Real) -> Real:
    """With h = ½ · exp(|x|) it is h + ¼ / h, in double precision."""
    h = half_exp(smaller(absolute(x), _OVERFLOW))
    return h + 0.25 / h


def asinh(x: Real) -> Real:
    """The number log1p(|x| + x² / (1 + √(1 + x²))), in double precision; where x² could overflow, log(2 · |x|)."""
    distance = absolute(x)
    is_large = distance > _LARGE
    square = distance * distance
    sum_less_1 = distance + square / (1.0 + sqrt(1.0 + square))
    return copysign(log1p(select(is_large, distance, sum_less_1)) + select(is_large, x.constant(math.log(2.0)), 0.0), x)


def acosh(x: Real) -> Real:
    """The number log1p(t + √(2 t + t²)) with t = x - 1, in double precision; where t² could overflow, log(2 · x)."""
    is_large = x > _LARGE
    t = x - 1.0
    sum_less_1 = t + sqrt(fma(t, t, 2.0 * t))
    result = log1p(select(is_large, t, sum_less_1)) + select(is_large, x.constant(math.log(2.0)), 0.0)
    return select(x < 1.0, math.nan, result)


def atanh(x: Real) -> Real:
    """½ · log1p(2 · |x| / (1 - |x|)), in double precision; NaN where |x| > 1, where that quotient is below -1."""
    distance = absolute(x)
    return copysign(0.5 * log1p(2.0 * distance / (1.0 - distance)), x)
