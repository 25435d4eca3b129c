"""The logarithm of |Γ| and its derivatives: lgamma and digamma here, polygamma in `polygamma.py`."""

import math
from fractions import Fraction

from asg_executor.engines.native.math.logarithm import log
from asg_executor.engines.native.math.polynomial import exact_product, polynomial
from asg_executor.engines.native.math.trigonometric import SineAndCosine, sine_and_cosine
from asg_executor.engines.native.math.values import Real, absolute, floor, fma, rint, select, with_sign_of

__all__ = ["BERNOULLI", "digamma", "lgamma"]

# log Γ(2 + d) / (d · (1 + d)) for |d| ≤ ½. Relative error: 2.0e-17.
_LGAMMA = (
    0.42278433509846713,
    -0.10031730167435393,
    0.032965000621155864,
    -0.012384192193367423,
    0.004998641164691851,
    -0.002108130834225877,
    0.0009153769225295156,
    -0.00040570738891616115,
    0.00018255263190376098,
    -8.30952740852354e-05,
    3.8168995400519956e-05,
    -1.766018772795905e-05,
    8.221237451762686e-06,
    -3.856340746970447e-06,
    1.8133651887099682e-06,
    -8.208366248023171e-07,
    3.863323772070162e-07,
    -2.526070753933072e-07,
    1.2216625427739604e-07,
)

# ψ(x) / (x - x₀) in x - 1.5 for 1 ≤ x ≤ 2, with x₀ the positive zero of ψ. Relative error: 7.6e-17.
_DIGAMMA = (
    0.951055876031833,
    -0.4236274212814606,
    0.24054248424077398,
    -0.1484049230538901,
    0.0949887244549727,
    -0.06192213327469479,
    0.04076083381078912,
    -0.026975796691209197,
    0.01790725248224132,
    -0.01190821942165451,
    0.007926944003357823,
    -0.005279946216151425,
    0.003519012275195884,
    -0.0023454211870949492,
    0.0015565985781521054,
    -0.001036839729172573,
    0.0007234397339798885,
    -0.00048473879513679226,
    0.00022701975127859222,
    -0.00014696140273129924,
    0.00025985589446258855,
    -0.00017657621682588454,
)
_DIGAMMA_ZERO = (1.4616321449683622, 9.549995429965697e-17)  # x₀ in two parts

BERNOULLI = tuple(
    Fraction(*ratio)
    for ratio in (
        (1, 6),
        (-1, 30),
        (1, 42),
        (-1, 30),
        (5, 66),
        (-691, 2730),
        (7, 6),
        (-3617, 510),
        (43867, 798),
        (-174611, 330),
    )
)
"""The Bernoulli numbers B₂, B₄, … (https://dlmf.nist.gov/24.2)."""

# Stirling's series (https://dlmf.nist.gov/5.11.E1, 5.11.E2) in 1 / x², which is precise from 10 on; 1 / x is left out
# of the first, and 1 / x² of the second.
_STIRLING = tuple(float(b / (2 * k * (2 * k - 1))) for k, b in enumerate(BERNOULLI, 1))
_STIRLING_DERIVATIVE = tuple(float(-b / (2 * k)) for k, b in enumerate(BERNOULLI, 1))
_STIRLING_FROM = 10.0

_PI = (math.pi, 1.2246467991473532e-16)  # π in two parts


def _sine_and_cosine_of_pi(x: Real) -> SineAndCosine:
    """sin(π · |f|) and cos(π · |f|) with f = x - n for the nearest integer n."""
    distance = absolute(x - rint(x))
    is_far = distance > 0.25
    t = select(is_far, 0.5 - distance, distance)
    angle = exact_product(t, _PI[0])
    values = sine_and_cosine(angle.high, fma(t, _PI[1], angle.low))
    return SineAndCosine(select(is_far, values.cosine, values.sine), select(is_far, values.sine, values.cosine))


def _product_down_to(x: Real, steps: Real) -> Real:
    """(x - 1) · (x - 2) · … · (x - n) for an integer n up to 8."""
    product = x.constant(1.0)
    for step in range(1, 9):
        product = select(steps >= float(step), product * (x - float(step)), product)
    return product


def _lgamma_from_minus_half(x: Real) -> Real:
    """The logarithm of |Γ(x)| for x ≥ -½.

    Between 1½ and 2½ it is d · (1 + d) · P(d) with d = x - 2; below, log Γ(x) = log Γ(x + 1) - log |x|, and above, up
    to 10, Γ(x) = (x - 1) · Γ(x - 1), as often as needed, with one logarithm of the product; then Stirling's series.
    """
    is_first, is_second, is_large = x < 0.5, x < 1.5, x >= _STIRLING_FROM
    steps = select(is_second | is_large, 0.0, floor(x - 1.5))
    product = _product_down_to(x, steps)
    logarithm = log(select(is_first, absolute(x * (x + 1.0)), select(is_second | is_large, x, product)))
    d = select(is_first, x, select(is_second, x - 1.0, x - steps - 2.0))
    near = fma(d * (1.0 + d), polynomial(d, _LGAMMA), select(is_second, -logarithm, logarithm))
    reciprocal = 1.0 / x
    series = reciprocal * polynomial(reciprocal * reciprocal, _STIRLING)
    constant = 0.5 * math.log(2.0 * math.pi) - 0.5
    far = fma(x - 0.5, logarithm - 1.0, constant + series)
    return select(is_large, far, near)


def lgamma(x: Real) -> Real:
    """The logarithm of |Γ(x)|; below -½ by reflection: |Γ(x) · Γ(-x)| = π / |x · sin(π x)| (DLMF 5.5.3)."""
    is_reflected = x < -0.5
    distance = absolute(x)
    values = _lgamma_from_minus_half(select(is_reflected, distance, x))
    sine = _sine_and_cosine_of_pi(x).sine
    reflected = log(math.pi / sine) - log(distance) - values
    result = select(is_reflected, reflected, values)
    is_pole = is_reflected & floor(x).equals(x)
    return select(is_pole | distance.equals(math.inf), math.inf, result)


def _sum_of_reciprocals(x: Real, steps: Real) -> Real:
    """1 / (x - 1) + … + 1 / (x - n) for an integer n up to 8, with one division."""
    numerator, denominator = x.constant(0.0), x.constant(1.0)
    for step in range(1, 9):
        counts = steps >= float(step)
        factor = x - float(step)
        numerator = select(counts, fma(numerator, factor, denominator), numerator)
        denominator = select(counts, denominator * factor, denominator)
    return numerator / denominator


def _digamma_from_0(x: Real) -> Real:
    """ψ(x) for x ≥ 0, by ψ(x + 1) = ψ(x) + 1 / x from and to the interval between 1 and 2; from 10 on by a series."""
    is_small, is_large = x < 1.0, x >= _STIRLING_FROM
    steps = select(is_small | is_large, 0.0, floor(x) - 1.0)
    u = select(is_small, x + 1.0, x - steps)
    reciprocal = 1.0 / x
    shift = select(is_small, -reciprocal, _sum_of_reciprocals(x, steps))
    near = fma((u - _DIGAMMA_ZERO[0]) - _DIGAMMA_ZERO[1], polynomial(u - 1.5, _DIGAMMA), shift)
    square = reciprocal * reciprocal
    far = log(x) - fma(square, -polynomial(square, _STIRLING_DERIVATIVE), 0.5 * reciprocal)
    return select(is_large, far, near)


def digamma(x: Real) -> Real:
    """The derivative of lgamma; below 0 by reflection: ψ(x) = ψ(1 - x) - π / tan(π x) (DLMF 5.5.4)."""
    is_reflected = x < 0.0
    values = _digamma_from_0(select(is_reflected, 1.0 - x, x))
    angle = _sine_and_cosine_of_pi(x)
    cotangent = with_sign_of(angle.cosine / angle.sine, x - rint(x))
    result = select(is_reflected, fma(cotangent, -math.pi, values), values)
    return select(is_reflected & floor(x).equals(x), math.nan, result)
