"""Special functions of one real number from their textbook series, for references that owe nothing to SciPy."""

import math

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)  # B₂, B₄, …, B₁₄
_SHIFT = 20


def digamma(x: float) -> float:
    """ψ(x) by recurrence up to large x and its asymptotic series there; by reflection for negative x.

    See https://dlmf.nist.gov/5.5 and https://dlmf.nist.gov/5.11.
    """
    if x < 0:
        return digamma(1.0 - x) - math.pi / math.tan(math.pi * (x - round(x)))
    large = x + _SHIFT
    series = sum(bernoulli / (2 * k * large ** (2 * k)) for k, bernoulli in enumerate(_BERNOULLI, 1))
    return math.fsum([math.log(large), -0.5 / large, -series, *(-1.0 / (x + k) for k in range(_SHIFT))])


def polygamma(n: int, x: float) -> float:
    """ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x) for x > 0 (https://dlmf.nist.gov/25.11.E12)."""
    return digamma(x) if n == 0 else (-1) ** (n + 1) * math.factorial(n) * _hurwitz_zeta(n + 1, x)


def _hurwitz_zeta(s: int, x: float) -> float:
    """Σ 1 / (x + k)ˢ by Euler-Maclaurin summation (https://dlmf.nist.gov/25.11.E5)."""
    large = x + _SHIFT
    terms = [(x + k) ** -s for k in range(_SHIFT)]
    terms += [large ** (1 - s) / (s - 1), 0.5 * large**-s]
    for k, bernoulli in enumerate(_BERNOULLI, 1):
        rising = math.prod(s + j for j in range(2 * k - 1))
        terms.append(bernoulli / math.factorial(2 * k) * rising * large ** (1 - s - 2 * k))
    return math.fsum(terms)


def erfinv(y: float) -> float:
    """The x with erf(x) = y for |y| < 1, by Newton's method from 0."""
    x = 0.0
    for _ in range(60):
        x -= (math.erf(x) - y) * math.sqrt(math.pi) / 2.0 * math.exp(x * x)
    return x
