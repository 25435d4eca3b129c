"""Reproducible random numbers for initial values: one independent stream for each seed and parameter name.

The stream of parameter `name` under `seed` is that of the counter-based generator Philox-4x64-10 (Salmon et al., 2011)
whose 128-bit key is the first 16 bytes, little-endian, of SHA-256("asg.initial:<seed>:<name>"). Each 64-bit word w of
it becomes the double (w >> 11) · 2⁻⁵³ in [0, 1). Only NumPy's bit generator is used, whose stream NumPy promises to
keep; so the same seed gives the same weights on every platform and release. A parameter's values depend neither on
the order of the declarations nor on the other parameters.
"""

from hashlib import sha256

import numpy as np
from scipy.special import ndtri  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] - it has no types

from asg_executor.plan.arrays import Array

__all__ = ["RandomStream"]


class RandomStream:
    """The random numbers that belong to one parameter.

    Args:
        seed: the session's seed.
        name: the parameter's name.
    """

    def __init__(self, seed: int, name: str) -> None:
        digest = sha256(f"asg.initial:{seed}:{name}".encode()).digest()
        self._bits = np.random.Philox(key=int.from_bytes(digest[:16], "little"))

    def uniform(self, count: int) -> Array:
        """`count` doubles, uniform in [0, 1): multiples of 2⁻⁵³."""
        return (self._words(count) >> np.uint64(11)) * 2.0**-53

    def open_uniform(self, count: int) -> Array:
        """`count` doubles, uniform in (0, 1): odd multiples of 2⁻⁵³, so that no quantile of them is infinite."""
        return ((self._words(count) >> np.uint64(12)) + 0.5) * 2.0**-52

    def normal(self, count: int) -> Array:
        """`count` doubles of the standard normal distribution, by its quantile function."""
        return ndtri(self.open_uniform(count))

    def _words(self, count: int) -> "np.ndarray[tuple[int], np.dtype[np.uint64]]":
        return np.asarray(self._bits.random_raw(count), np.uint64)
