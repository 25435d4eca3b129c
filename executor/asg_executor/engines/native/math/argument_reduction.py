"""Numbers of any size modulo π/2, after M. Payne and R. Hanek (Radian reduction for trigonometric functions, 1983).

x · 2/π is wanted modulo 4 alone. Of the binary digits of 2/π, those whose product with x is a multiple of 4 for all x
of a range of exponents are left out, and those that follow are kept in a few numbers, as many as the result needs.
"""

import math
from dataclasses import dataclass
from functools import cache

from llvmlite import ir

from asg_executor.engines.native.math.exponential import split_integer
from asg_executor.engines.native.math.polynomial import DoubleReal, exact_product, exact_sum
from asg_executor.engines.native.math.values import FLOAT32, FLOAT64, Integer, Real, absolute, fma, rint, select

__all__ = ["Angle", "reduced_angle"]

# The first 1280 binary digits of 2/π.
_DIGITS = 1280
_TWO_BY_PI = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e0"
    "06492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f4"
    "9c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d"
    "7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babf0cfbc209af4361d",
    16,
)

_HALF_PI = (1.5707963267948966, 6.123233995736766e-17)  # π/2 in two parts


@dataclass(frozen=True)
class Angle:
    """x = n · π/2 + r with an integer n and r from -π/4 to π/4.

    Attributes:
        quadrant: n, of which the last two bits are right.
        high: r, rounded.
        low: what rounding took from it; None in single precision, where it does not count.
    """

    quadrant: Integer
    high: Real
    low: Real | None


def _digits(first: int, count: int, scale: int = 0) -> float:
    """What `count` digits of 2/π are worth, beginning with that which stands for 2 to the power of `first`.

    Args:
        first: at most 0.
        count: how many.
        scale: the result is multiplied by 2 to this power.
    """
    last = first - count + 1
    return math.ldexp((_TWO_BY_PI >> (_DIGITS + last)) & ((1 << count) - 1), last + scale)


def reduced_angle(x: Real) -> Angle:
    """The quadrant and the rest of an angle; of an infinite one and NaN, the rest is NaN."""
    return _reduced_float32(x) if x.format == FLOAT32 else _reduced_float64(x)


def _modulo_4(x: Real) -> Real:
    """X less the multiple of 4 that is nearest, without error."""
    return fma(rint(x * 0.25), -4.0, x)


# In single precision, for exponents from L = 25 + 26 g on, and below 51 for g = 0: 29 digits that follow those of no
# effect, 29 more, so that their products with x are exact in double precision, and 53 more.
_EXPONENTS_FLOAT32 = (25, 51, 77, 103)
_CHUNKS_FLOAT32 = ((0, 29), (29, 29), (58, 53))


def _reduced_float32(x: Real) -> Angle:
    wide = x.to(FLOAT64)
    size = absolute(wide)
    products: list[Real] = []
    for start, count in _CHUNKS_FLOAT32:
        chunk = wide.constant(_digits(24 - _EXPONENTS_FLOAT32[0] - start, count))
        for exponent in _EXPONENTS_FLOAT32[1:]:
            chunk = select(size < 2.0**exponent, chunk, wide.constant(_digits(24 - exponent - start, count)))
        products.append(wide * chunk)
    first, second = _modulo_4(products[0]), _modulo_4(products[1])
    n = rint(first + second)
    rest = ((first - n) + second) + products[2]
    return Angle(split_integer(n.to(FLOAT32)).integer, (rest * _HALF_PI[0]).to(FLOAT32), None)


# In double precision, for exponents from L = 54 + 32 g on, and below 86 for g = 0: four times 53 digits.
_FIRST_FLOAT64, _STEP_BITS, _GROUPS, _CHUNKS = 54, 5, 31, 4
_SCALE = 256  # 2 to this power is moved from the angle to the digits, the last of which would be subnormal


@cache
def _table() -> tuple[float, ...]:
    """The digits for each range of exponents, one range after another."""
    starts = [53 - _FIRST_FLOAT64 - (group << _STEP_BITS) for group in range(_GROUPS)]
    return tuple(_digits(start - 53 * chunk, 53, _SCALE) for start in starts for chunk in range(_CHUNKS))


def _chunks(x: Real) -> list[Real]:
    """The digits of 2/π that x is to be multiplied by."""
    module, name = x.builder.module, "digits_of_two_by_pi"
    table = module.globals.get(name)
    if table is None:
        table_type = ir.ArrayType(x.format.type, _GROUPS * _CHUNKS)
        table = ir.GlobalVariable(module, table_type, name)
        table.linkage, table.global_constant = "internal", True
        table.initializer = ir.Constant(table_type, [ir.Constant(x.format.type, value) for value in _table()])
    exponent = (x.bits() >> x.format.fraction_bits) & (2 * x.format.bias + 1)
    group = (exponent - (x.format.bias + _FIRST_FLOAT64)) >> _STEP_BITS
    place = select(group > 0, group, 0) << 2
    places = [x.builder.gep(table, [(place + chunk).value], source_etype=x.format.type) for chunk in range(_CHUNKS)]
    return [x.result(x.builder.load(address, typ=x.format.type)) for address in places]


def _fraction(x: Real) -> tuple[Real, DoubleReal]:
    """The integer nearest to x · 2/π, modulo 4, and what is left, to 2⁻¹¹⁵; for x of at least 2⁻⁷⁰⁰."""
    first, second, third, fourth = _chunks(x)
    factor = x * 2.0**-_SCALE
    a, b, c = exact_product(factor, first), exact_product(factor, second), exact_product(factor, third)
    large = exact_sum(_modulo_4(a.high), _modulo_4(a.low))
    middle = _modulo_4(b.high)
    n = rint(large.high + middle)
    upper = exact_sum(large.high - n, middle)
    lower = exact_sum(b.low, c.high)
    total = exact_sum(upper.high, lower.high)
    small = total.low + (upper.low + large.low + (lower.low + fma(factor, fourth, c.low)))
    return n, exact_sum(total.high, small)


def _reduced_float64(x: Real) -> Angle:
    n, fraction = _fraction(x)
    product = exact_product(fraction.high, _HALF_PI[0])
    low = fma(fraction.low, _HALF_PI[0], fma(fraction.high, _HALF_PI[1], product.low))
    # A small angle is its own rest; its products above could be subnormal.
    is_small = absolute(x) < math.pi / 4
    quadrant = select(is_small, 0.0, n)
    return Angle(split_integer(quadrant).integer, select(is_small, x, product.high), select(is_small, 0.0, low))
