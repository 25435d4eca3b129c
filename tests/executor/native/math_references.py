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
    "ceil": np.ceil,
    "exp": np.exp,
    "expm1": np.expm1,
    "floor": np.floor,
    "log": np.log,
    "log1p": np.log1p,
    "round": np.rint,
    "rsqrt": _rsqrt,
    "sigmoid": _sigmoid,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
}

# Functions of SciPy, in double precision alone, and how many units of the last digit they are off themselves.
SPECIAL_REFERENCES: dict[str, tuple[Callable[..., Any], float]] = {
    "erf": (special.erf, 3),
}


def float32_points() -> Any:
    """Every 997th bit pattern: NaNs, infinities, and numbers of every size and sign; then where functions are hard."""
    patterns = np.arange(0, 2**32, 997, dtype=np.uint64).astype(np.uint32).view(np.float32)
    return np.concatenate([patterns, usual_points(np.float32)])


def float64_points() -> Any:
    """Random bit patterns, and where functions are hard."""
    patterns = np.random.default_rng(0).integers(0, 2**64, size=300_000, dtype=np.uint64).view(np.float64)
    return np.concatenate([patterns, usual_points(np.float64)])


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
