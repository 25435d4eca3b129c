"""Samples of random bits."""

import math

import numpy as np

from asg_schema.ops.random import RngBits
from op_samples.sample import Array, Sample
from op_samples.threefry import random_word


def _bits(name: str, key: tuple[int, int], shape: tuple[int, ...], offset: int | None = None) -> Sample:
    def reference(key: Array) -> Array:
        first, second = key.tolist()
        words = [random_word((first, second), (offset or 0) + index) for index in range(math.prod(shape))]
        return np.array(words, np.uint32).reshape(shape)

    attributes = {"shape": shape} | ({} if offset is None else {"offset": offset})
    return Sample(f"rng_bits.{name}", RngBits, (np.array(key, np.uint32),), attributes, reference)


SAMPLES: list[Sample] = [
    _bits("vector", (0, 0), (7,)),
    _bits("matrix", (0x13198A2E, 0x03707344), (2, 3)),
    _bits("rank_0", (1, 2), ()),
    _bits("empty", (1, 2), (0, 3)),
    _bits("offset", (0xFFFFFFFF, 0xFFFFFFFF), (2,), 6),
    _bits("offset_across_32_bits", (3, 4), (4,), 2**32 - 2),
    _bits("largest_offset", (3, 4), (1,), 2**63 - 1),
]
