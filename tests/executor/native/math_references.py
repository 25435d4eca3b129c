"""What mathematical functions should return, and at which points they are looked at."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

special: Any = import_module("scipy.special")  # SciPy comes without types


def _rsqrt(x: Any) -> Any:
    return 1 / np.sqrt(x)


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x < 0, e, 1) / (1 + e)


# By name, in a precision above the one that is tested: float64 for float32, and long double for float64.
REFERENCES: dict[str, Callable[..., Any]] = {
    "acos": np.arccos,
    "acosh": np.arccosh,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log1p": np.log1p,
    "pow": np.power,
    "remainder": np.remainder,
    "round": np.rint,
    "rsqrt": _rsqrt,
    "sigmoid": _sigmoid,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "tan": np.tan,
    "tanh": np.tanh,
}

# Functions of SciPy, for single precision. They are in double precision, and some are off by thousands of units of its
# last digit; so double precision is tested at `special_points.POINTS`.
SPECIAL_REFERENCES: dict[str, Callable[..., Any]] = {
    "digamma": special.digamma,
    "erf": special.erf,
    "erfinv": special.erfinv,
    "lgamma": special.gammaln,
}


def float32_points() -> Any:
    """Every 997th bit pattern: NaNs, infinities, and numbers of every size and sign; then where functions are hard."""
    patterns = np.arange(0, 2**32, 997, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([patterns, usual_points(np.float32)])


def float64_points() -> Any:
    """Random bit patterns, and where functions are hard."""
    patterns = np.random.default_rng(0).integers(0, 2**64, size=300_000, dtype=np.uint64).view(np.float64)
    return np.concatenate([patterns, usual_points(np.float64)])


def pairs(dtype: Any) -> tuple[Any, Any]:
    """Pairs of random bit patterns, of numbers of ordinary size, of small integers and halves, and of edges."""
    rng = np.random.default_rng(2)
    count, bits = 300_000, np.dtype(dtype).itemsize * 8
    patterns = [rng.integers(0, 2**bits, count, np.uint64).astype(f"uint{bits}").view(dtype) for _ in range(2)]
    sized = [np.exp(rng.uniform(-20, 20, count)) * rng.choice([-1.0, 1.0], count) for _ in range(2)]
    near = [rng.uniform(-4, 4, count) for _ in range(2)]
    halves = [rng.integers(-30, 30, count) / 2 for _ in range(2)]
    edges = [0.0, -0.0, 1, -1, 2, -2, 0.5, 3, -3, np.inf, -np.inf, np.nan, 1e30, -1e30, 1e-30, -1e-30, 2.0**60 + 2**20]
    grid = np.meshgrid(edges, edges)
    both = [
        np.concatenate([patterns[i], *(part[i].ravel().astype(dtype) for part in (sized, near, halves, grid))])
        for i in range(2)
    ]
    return both[0], both[1]


def usual_points(dtype: Any) -> Any:
    """Numbers of ordinary size, log-spaced ones, and many close to 0 and ±1."""
    rng = np.random.default_rng(1)
    spans = [rng.uniform(-span, span, 50_000) for span in (1, 4, 20, 100, 800)]
    signs = rng.choice([-1.0, 1.0], 100_000)
    logarithmic = np.exp(rng.uniform(-40, 40, 100_000)) * signs
    near_one = signs * (1 + np.exp(rng.uniform(-30, -0.7, 100_000)) * rng.permutation(signs))
    integers = np.arange(-300, 300) / 4
    return np.concatenate([*spans, logarithmic, near_one, integers]).astype(dtype)


def distance_in_last_digits(result: Any, exact: Any) -> Any:
    """How far results are from the exact ones, in units of the last digit that the exact one has in their dtype.

    Where the result is not finite, or the exact one rounds to something that is not, it is 0 where they agree, else
    infinite.
    """
    limits = np.finfo(result.dtype)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        rounded = exact.astype(result.dtype)
        _, exponent = np.frexp(exact)
        unit = np.ldexp(np.ones_like(exact), np.maximum(exponent - 1, limits.minexp) - limits.nmant)
        distance = np.abs(result.astype(exact.dtype) - exact) / unit
        agrees = (rounded == result) | (np.isnan(rounded) & np.isnan(result))
    return np.where(np.isfinite(rounded) & np.isfinite(result), distance, np.where(agrees, 0, np.inf))
