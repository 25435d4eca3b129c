"""sin, cos and tan: polynomials for angles up to π/4, and the quadrant that the others lie in."""

from dataclasses import dataclass

from asg_executor.engines.native.math.argument_reduction import Angle, reduced_angle
from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import Integer, Real, fma, select

__all__ = ["SineAndCosine", "cos", "sin", "sine_and_cosine", "tan"]

# (sin(r) - r) / r³ in r², for |r| ≤ π/4. Relative error of sin: 4.1e-9 and 9.7e-20.
_SIN = Coefficients(
    float32=(-0.16666655, 0.008332187, -0.0001951791),
    float64=(
        -0.16666666666666666,
        0.008333333333333042,
        -0.00019841269840962483,
        2.755731907398445e-06,
        -2.5052070916846902e-08,
        1.6054309701269153e-10,
        -7.389316816770055e-13,
    ),
)

# (cos(r) - 1 + ½ r²) / r⁴ in r², for |r| ≤ π/4. Relative error of cos: 1.3e-10 and 6.0e-20.
_COS = Coefficients(
    float32=(0.041666646, -0.001388731, 2.4432291e-05),
    float64=(
        0.041666666666666595,
        -0.0013888888888873307,
        2.4801587288964637e-05,
        -2.755731420269155e-07,
        2.0875703056961106e-09,
        -1.1358611230142652e-11,
    ),
)


@dataclass(frozen=True)
class SineAndCosine:
    """Both, of an angle up to π/4 in magnitude."""

    sine: Real
    cosine: Real


def sine_and_cosine(high: Real, low: Real | None) -> SineAndCosine:
    """The sine and the cosine of high + low, which is up to π/4 in magnitude; with None, of high alone."""
    square = high * high
    cube_part = high * square * polynomial(square, _SIN)
    fourth_part = square * square * polynomial(square, _COS)
    half = square * 0.5
    cosine = 1.0 - half
    if low is None:
        return SineAndCosine(high + cube_part, cosine + fourth_part)
    lost = (1.0 - cosine) - half
    return SineAndCosine(high + fma(low, cosine, cube_part), cosine + (lost + fma(high, -low, fourth_part)))


def _in_quadrant(quadrant: Integer, values: SineAndCosine) -> Real:
    """The sine in quadrant n: of sin, cos, -sin and -cos the n-th."""
    value = select((quadrant & 1).equals(0), values.sine, values.cosine)
    negated = (quadrant & 2) << (value.format.bits - 2)
    return (value.bits() ^ negated).as_real()


def _of(angle: Angle) -> SineAndCosine:
    return sine_and_cosine(angle.high, angle.low)


def sin(x: Real) -> Real:
    """The sine, of angles of any size."""
    angle = reduced_angle(x)
    return select(x.equals(0.0), x, _in_quadrant(angle.quadrant, _of(angle)))


def cos(x: Real) -> Real:
    """The cosine, of angles of any size."""
    angle = reduced_angle(x)
    return _in_quadrant(angle.quadrant + 1, _of(angle))


def tan(x: Real) -> Real:
    """The tangent, of angles of any size: the sine over the cosine, or in odd quadrants the cosine over minus it."""
    angle = reduced_angle(x)
    values = _of(angle)
    is_even = (angle.quadrant & 1).equals(0)
    numerator = select(is_even, values.sine, -values.cosine)
    return select(x.equals(0.0), x, numerator / select(is_even, values.cosine, values.sine))
