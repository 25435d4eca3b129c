"""Roots and roundings, which the processor has instructions for: exact, or rounded correctly."""

from asg_executor.engines.native.math.values import Real, sqrt

__all__ = ["rsqrt"]


def rsqrt(x: Real) -> Real:
    """1 / sqrt(x): two roundings."""
    return 1.0 / sqrt(x)
