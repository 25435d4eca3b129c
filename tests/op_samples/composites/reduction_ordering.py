"""Samples of the largest and smallest elements along an axis: from an order that is found by insertion."""

import math
from typing import Any

import numpy as np

from asg_schema.composites.reduction_ordering import TopK
from op_samples.reduction_ordering import order_of
from op_samples.sample import Array, Reference, Sample, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan


def _top_k(k: int, axis: int = -1, largest: bool = True) -> Reference:
    def reference(x: Array) -> tuple[Array, Array]:
        lines = np.moveaxis(x, axis, -1)
        indices = np.empty((*lines.shape[:-1], k), np.int64)
        values = np.empty(indices.shape, x.dtype)
        for index in indices_of(lines.shape[:-1]):
            indices[index] = order_of(lines[index].tolist(), largest)[:k]
            values[index] = [lines[index][place] for place in indices[index]]
        return np.moveaxis(values, -1, axis), np.moveaxis(indices, -1, axis)

    return reference


_CASES: list[tuple[str, Array, dict[str, Any], bool]] = [
    ("vector", spread(6), {"k": 3}, True),
    ("smallest", spread(2, 5), {"k": 2, "largest": False}, True),
    ("first_axis", spread(4, 3), {"k": 1, "axis": 0}, True),
    ("negative_axis", spread(2, 4, 3), {"k": 4, "axis": -2}, True),
    ("none", spread(2, 3), {"k": 0}, True),
    ("no_lines", np.zeros((0, 3)), {"k": 2}, True),
    ("ties", floats(1.0, 2.0, 2.0, 1.0, 2.0), {"k": 4}, False),
    ("edges", floats(1.0, _NAN, _INF, -_INF), {"k": 2}, False),
    ("edges_smallest", floats(1.0, _NAN, _INF, -_INF), {"k": 3, "largest": False}, False),
    ("uint8", np.array([3, 200, 1, 200], np.uint8), {"k": 2}, False),
]

SAMPLES: list[Sample] = [
    Sample(f"top_k.{name}", TopK, (x,), attributes, _top_k(**attributes), smooth)
    for name, x, attributes, smooth in _CASES
]
