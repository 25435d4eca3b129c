"""asin, acos, atan and atan2."""

import math

from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Condition, Real, absolute, copysign, fma, select, sqrt

__all__ = ["acos", "asin", "atan", "atan2"]

# (asin(s) - s) / s³ in s², for s ≤ ½. Relative error of asin: 5.3e-9 and 1.3e-18.
_ASIN = Coefficients(
    float32=(0.16666752, 0.074953064, 0.045470208, 0.024174552, 0.04218515),
    float64=(
        0.1666666666666676,
        0.0749999999997081,
        0.044642857174646174,
        0.030381942704669984,
        0.02237221510677747,
        0.017351609414748892,
        0.013980856405654855,
        0.011398584762458978,
        0.010782261325061328,
        0.0036982202045829004,
        0.021728730214513766,
        -0.021030977906790475,
        0.032649635086084296,
    ),
)

# (atan(t) - t) / t³ in t²; for t ≤ 1 in single precision, and t ≤ tan(π/8) in double. Relative error of atan: 2.8e-9
# and 1.5e-18.
_ATAN = Coefficients(
    float32=(
        -0.333333,
        0.1999853,
        -0.14264016,
        0.109508805,
        -0.08399303,
        0.057881173,
        -0.031096457,
        0.010868145,
        -0.0017826227,
    ),
    float64=(
        -0.3333333333333319,
        0.1999999999995219,
        -0.14285714280055256,
        0.11111110776390154,
        -0.09090897554624004,
        0.07692056609618302,
        -0.06663063183869906,
        0.058475929520706064,
        -0.05037974379631315,
        0.03803089820685614,
        -0.01787050174846332,
    ),
)

_TAN_PI_8 = math.sqrt(2.0) - 1.0


def _small_asin(x: Real) -> tuple[Condition, Real]:
    """Whether |x| ≤ ½, and the inverse sine of |x| there, else of √((1 - |x|) / 2), twice which is π/2 - asin(|x|)."""
    distance = absolute(x)
    is_small = distance <= 0.5
    square = select(is_small, distance * distance, (1.0 - distance) * 0.5)
    s = select(is_small, distance, sqrt(square))
    return is_small, fma(s * square, polynomial(square, _ASIN), s)


def asin(x: Real) -> Real:
    """The inverse sine; the root of a negative number makes it NaN outside [-1, 1]."""
    is_small, angle = _small_asin(x)
    return copysign(select(is_small, angle, fma(angle, -2.0, math.pi / 2)), x)


def acos(x: Real) -> Real:
    """Near 0 what the inverse sine leaves of π/2, else twice the angle of the root, from 0 or from π."""
    is_small, angle = _small_asin(x)
    middle = math.pi / 2 - copysign(angle, x)
    outer = select(x < 0.0, fma(angle, -2.0, math.pi), 2.0 * angle)
    return select(is_small, middle, outer)


def _atan_to_1(t: Real) -> Real:
    """The inverse tangent of t from 0 to 1; in double precision of (t - 1) / (t + 1), plus π/4, where t is large."""
    if t.format == FLOAT32:
        square = t * t
        return fma(t * square, polynomial(square, _ATAN), t)
    is_large = t > _TAN_PI_8
    reduced = select(is_large, (t - 1.0) / (t + 1.0), t)
    square = reduced * reduced
    angle = fma(reduced * square, polynomial(square, _ATAN), reduced)
    return select(is_large, angle + math.pi / 4, angle)


def atan(x: Real) -> Real:
    """The inverse tangent; for |x| > 1 what that of 1 / |x| leaves of π/2."""
    distance = absolute(x)
    is_large = distance > 1.0
    angle = _atan_to_1(select(is_large, 1.0 / distance, distance))
    return copysign(select(is_large, math.pi / 2 - angle, angle), x)


def atan2(y: Real, x: Real) -> Real:
    """The angle of the point (x, y): from the smaller of |x| and |y| over the larger, then the eighth of the circle."""
    height, width = absolute(y), absolute(x)
    is_steep = height > width
    ratio = select(is_steep, width, height) / select(is_steep, height, width)
    # Two infinities are as far as each other, and so are two zeros, whose angle is 0.
    ratio = select(height.equals(width), select(height.equals(0.0), height, 1.0), ratio)
    angle = _atan_to_1(ratio)
    angle = select(is_steep, math.pi / 2 - angle, angle)
    angle = select(x.is_negative(), math.pi - angle, angle)
    # NaN has a sign bit, too, and a ratio with it is NaN.
    return copysign(angle, y)
