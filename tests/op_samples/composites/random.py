"""Samples of dropout, from the plain-integer generator."""

import math

import numpy as np

from asg_schema.composites.random import Dropout
from op_samples.sample import Array, Reference, Sample, spread
from op_samples.threefry import random_word

_KEY = np.array([0x13198A2E, 0x03707344], np.uint32)


def _dropout(p: float = 0.5) -> Reference:
    def reference(x: Array, key: Array) -> Array:
        first, second = key.tolist()
        uniform = [random_word((first, second), index) / 2**32 for index in range(x.size)]
        kept = [value / (1.0 - p) if u >= p else 0.0 for value, u in zip(x.reshape(-1).tolist(), uniform, strict=True)]
        return np.array(kept, np.float64).reshape(x.shape)

    return reference


SAMPLES: list[Sample] = [
    Sample("dropout.default", Dropout, (spread(3, 4), _KEY), {}, _dropout()),
    Sample("dropout.quarter", Dropout, (spread(2, 3, 2), _KEY), {"p": 0.25}, _dropout(0.25)),
    Sample("dropout.nothing", Dropout, (spread(4), _KEY), {"p": 0.0}, lambda x, key: x),
    Sample("dropout.everything", Dropout, (spread(4), _KEY), {"p": 1.0}, lambda x, key: 0.0 * x),
    Sample("dropout.rank_0", Dropout, (np.array(1.5), _KEY), {"p": 1.0 / math.pi}, _dropout(1.0 / math.pi)),
]
