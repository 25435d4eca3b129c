"""Hyperbolic functions and their inverses."""

from asg_executor.engines.native.math.exponential import normal_exp
from asg_executor.engines.native.math.polynomial import Coefficients, polynomial
from asg_executor.engines.native.math.values import FLOAT32, Real, absolute, copysign, fma, select, smaller

__all__ = ["tanh"]

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
