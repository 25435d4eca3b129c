"""pow and remainder."""

import math

from asg_executor.engines.native.math.exponential import LOG_2, exp, exp_of_sum
from asg_executor.engines.native.math.logarithm import log, normal_parts
from asg_executor.engines.native.math.polynomial import DoubleReal, exact_product, exact_sum, polynomial
from asg_executor.engines.native.math.values import (
    FLOAT64,
    Condition,
    Real,
    absolute,
    copysign,
    floor,
    fma,
    select,
)

__all__ = ["pow_float32", "pow_float64", "remainder"]

# (2 artanh(s) - 2 s - ⅔ s³) / s⁵ in s². Its error, relative to artanh(s): 1.2e-20.
_LOG = (
    0.40000000000002256,
    0.28571428570099555,
    0.22222222519935025,
    0.18181784365136092,
    0.15386757481358118,
    0.13256812474877555,
    0.1319639766587466,
)
_TWO_THIRDS = (0.6666666666666666, 3.700743415417188e-17)  # ⅔ in two parts


def _precise_log(x: Real) -> DoubleReal:
    """The logarithm of a positive finite number, to about 2⁻⁶⁵ of it."""
    parts = normal_parts(x)
    f = parts.fraction - 1.0
    divisor = exact_sum(parts.fraction, x.constant(1.0))
    s = f / divisor.high
    s_low = (fma(s, -divisor.high, f) - s * divisor.low) / divisor.high
    square = exact_product(s, s)
    square_low = fma(s * 2.0, s_low, square.low)
    cube = exact_product(square.high, s)
    cube_low = fma(square.high, s_low, fma(square_low, s, cube.low))
    third = exact_product(cube.high, _TWO_THIRDS[0])
    third_low = fma(cube.high, _TWO_THIRDS[1], fma(cube_low, _TWO_THIRDS[0], third.low))
    rest = cube.high * square.high * polynomial(square.high, _LOG)
    high, low = LOG_2[64]
    first = exact_sum(parts.exponent * high, s * 2.0)
    second = exact_sum(first.high, third.high)
    small = fma(parts.exponent, low, fma(s_low, 2.0, third_low)) + (first.low + second.low)
    return exact_sum(second.high, small + rest)


def _with_edges(x: Real, y: Real, size: Real) -> Real:
    """C's special cases of pow.

    Args:
        x: the base.
        y: the exponent.
        size: |x| raised to y, where x is neither 0 nor infinite nor ±1.
    """
    distance = absolute(x)
    is_zero = distance.equals(0.0)
    size = select(is_zero | distance.equals(math.inf), _zero_or_infinite(is_zero ^ (y < 0.0), x), size)
    size = select(distance.equals(1.0), 1.0, size)
    is_integer = floor(y).equals(y)
    half = y * 0.5
    is_odd = is_integer & ~floor(half).equals(half)
    result = select(x.is_negative() & is_odd, -size, size)
    result = select((x < 0.0) & (distance < math.inf) & ~is_integer, math.nan, result)
    result = select(x.is_nan() | y.is_nan(), math.nan, result)
    return select(y.equals(0.0) | x.equals(1.0), 1.0, result)


def _zero_or_infinite(is_zero: Condition, like: Real) -> Real:
    return select(is_zero, like.constant(0.0), math.inf)


def pow_float32(x: Real, y: Real) -> Real:
    """The number exp(y · log(|x|)) in double precision, which has digits enough, and the special cases."""
    size = exp(y.to(FLOAT64) * log(absolute(x).to(FLOAT64)))
    return _with_edges(x, y, size.to(x.format))


def pow_float64(x: Real, y: Real) -> Real:
    """The number exp(y · log(|x|)), with the logarithm and the product to twice the digits, and the special cases."""
    logarithm = _precise_log(absolute(x))
    product = exact_product(y, logarithm.high)
    return _with_edges(x, y, exp_of_sum(product.high, fma(y, logarithm.low, product.low)))


_STEP = 2.0**50  # a quotient below this has an integer part that is off by one at most


def remainder(x: Real, y: Real) -> Real:
    """The exact remainder of |x| and |y|, by multiples of |y| that grow and then shrink again; then the signs.

    Where |x| < |y|, neither loop runs. Each step takes 50 binary digits off the quotient.
    """
    wide = [absolute(x).to(FLOAT64), absolute(y).to(FLOAT64)]
    is_defined = (wide[0] < math.inf) & (wide[1] > 0.0)
    dividend = select(is_defined, wide[0], 0.0)
    divisor = select(is_defined, wide[1], 1.0)
    rest = _exact_remainder(dividend, divisor).to(x.format)
    rest = copysign(rest, x)
    rest = select(rest.equals(0.0), copysign(rest, y), select((rest < 0.0) ^ (y < 0.0), rest + y, rest))
    return select(is_defined, rest, math.nan)


def _exact_remainder(dividend: Real, divisor: Real) -> Real:
    """The remainder of a number that is not negative and a positive one, both finite or the second infinite."""
    builder = dividend.builder
    start = builder.block
    grow, shrink, end = (builder.append_basic_block(name) for name in ("grow", "shrink", "end"))
    number = dividend.format.type
    builder.cbranch((dividend < divisor).value, end, grow)

    builder.position_at_end(grow)
    growing = dividend.result(builder.phi(number))
    larger = growing * _STEP
    growing.value.add_incoming(divisor.value, start)
    growing.value.add_incoming(larger.value, grow)
    builder.cbranch((larger <= dividend).value, grow, shrink)

    builder.position_at_end(shrink)
    multiple, rest = dividend.result(builder.phi(number)), dividend.result(builder.phi(number))
    quotient = floor(rest / multiple)
    left = fma(quotient, -multiple, rest)
    left = select(left < 0.0, left + multiple, left)
    left = select(left >= multiple, left - multiple, left)
    smaller = multiple * (1.0 / _STEP)
    for phi, before, after in ((multiple, growing, smaller), (rest, dividend, left)):
        phi.value.add_incoming(before.value, grow)
        phi.value.add_incoming(after.value, shrink)
    builder.cbranch((multiple > divisor).value, shrink, end)

    builder.position_at_end(end)
    result = builder.phi(number)
    result.add_incoming(dividend.value, start)
    result.add_incoming(left.value, shrink)
    return dividend.result(result)
