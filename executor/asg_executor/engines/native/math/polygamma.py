"""polygamma: the derivatives of digamma."""

import math
from collections.abc import Callable

from llvmlite import ir

from asg_executor.engines.native.math.gamma import BERNOULLI
from asg_executor.engines.native.math.polynomial import polynomial
from asg_executor.engines.native.math.values import Real, floor, fma, select

__all__ = ["polygamma"]


def polygamma(order: int) -> Callable[[Real], Real]:
    """What appends the instructions of ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ · n! · ζ(n + 1, x), in double precision (DLMF 25.11.12).

    For x < 0, the sum of 1 / (x + k)ˢ with s = n + 1 has terms on both sides of 0. With f = x - ⌊x⌋ those above 0 are
    ζ(s, f), and those below, but for their sign, ζ(s, 1 - f) less ζ(s, 1 - x).

    Args:
        order: n, at least 1.
    """
    exponent = order + 1
    # n! and the sum can overflow, and be below every number, before the result does: 1 / (x + k) is multiplied by a
    # power of 2 whose s-th power is near n!.
    shift = round(math.log2(math.factorial(order)) / exponent)
    factor = math.ldexp(float(math.factorial(order)), -shift * exponent) * (1.0 if order % 2 else -1.0)

    def emit(x: Real) -> Real:
        is_negative = x < 0.0
        lower = floor(x)
        # -0 + 0 is 0, of which the sum is inf.
        above = _zeta(select(is_negative, x - lower, x + 0.0), exponent, 2.0**shift)
        below = _zeta(select(is_negative, (lower + 1.0) - x, 1.0), exponent, 2.0**shift)
        beyond = _zeta(select(is_negative, 1.0 - x, 1.0), exponent, 2.0**shift)
        other_side = below - beyond if exponent % 2 == 0 else beyond - below
        total = select(is_negative, above + other_side, above)
        is_pole = is_negative & lower.equals(x)
        return select(is_pole, math.copysign(math.inf, factor), total * factor)

    return emit


def _power(x: Real, exponent: int) -> Real:
    """X to a positive integer, by squaring."""
    result: Real | None = None
    while True:
        if exponent & 1:
            result = x if result is None else result * x
        exponent >>= 1
        if not exponent:
            return x if result is None else result
        x = x * x


def _zeta(q: Real, exponent: int, weight: float) -> Real:
    """The sum of (w / (q + k))ˢ over k = 0, 1, 2, … for q ≥ 0, by Euler and Maclaurin's formula (DLMF 25.11.5).

    Terms are summed until q + k is so large that the formula's corrections shrink fast.

    Args:
        q: where the sum begins.
        exponent: s, at least 2.
        weight: w.
    """
    enough = 10.0 + 0.8 * exponent
    total, start = _summed(q, exponent, weight, enough)
    reciprocal = 1.0 / start
    term = _power(weight * reciprocal, exponent - 1)
    square = reciprocal * reciprocal
    corrections = polynomial(square, _corrections(exponent))
    last = weight * reciprocal * fma(reciprocal, corrections, 0.5)
    return total + term * (last + weight / (exponent - 1))


def _corrections(exponent: int) -> list[float]:
    """B₂ⱼ / (2 j)! · s · (s + 1) · … · (s + 2 j - 2), for j = 1, 2, …."""
    return [
        float(bernoulli * math.perm(exponent + 2 * j - 2, 2 * j - 1) / math.factorial(2 * j))
        for j, bernoulli in enumerate(BERNOULLI, 1)
    ]


def _summed(q: Real, exponent: int, weight: float, enough: float) -> tuple[Real, Real]:
    """The terms until q + k is enough, in a loop, and that q + k."""
    builder = q.builder
    before = builder.block
    each, done = builder.append_basic_block("each"), builder.append_basic_block("done")
    builder.branch(each)
    builder.position_at_end(each)
    count = builder.phi(ir.IntType(32))
    total, place = (q.result(builder.phi(q.format.type)) for _ in range(2))
    counts = place < enough
    next_total = total + select(counts, _power(weight / place, exponent), 0.0)
    next_place = select(counts, place + 1.0, place)
    next_count = builder.add(count, ir.IntType(32)(1))
    for phi, first, following in (
        (count, ir.IntType(32)(0), next_count),
        (total.value, q.constant(0.0).value, next_total.value),
        (place.value, q.value, next_place.value),
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(following, each)
    builder.cbranch(builder.icmp_signed("<", next_count, ir.IntType(32)(math.ceil(enough))), each, done)
    builder.position_at_end(done)
    return next_total, next_place
