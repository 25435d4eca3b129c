"""Samples of running products: line by line, each product from its factors."""

import math
from typing import Any

import numpy as np

from asg_schema.composites.reduction_products import CumulativeProd
from op_samples.sample import Array, Reference, Sample, expecting, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan


def _running_product(axis: int, reverse: bool = False, exclusive: bool = False) -> Reference:
    def products(line: list[Any]) -> list[Any]:
        if reverse:
            return [math.prod(line[i + exclusive :]) for i in range(len(line))]
        return [math.prod(line[: i + (not exclusive)]) for i in range(len(line))]

    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        result = np.empty(lines.shape, x.dtype)
        for index in indices_of(lines.shape[:-1]):
            result[index] = np.array(products(lines[index].tolist()), np.object_).astype(x.dtype)
        return np.moveaxis(result, -1, axis)

    return reference


_CASES: list[tuple[str, Array, dict[str, Any]]] = [
    ("first_axis", spread(3, 2), {"axis": 0}),
    ("negative_axis", spread(2, 4), {"axis": -1}),
    ("middle_axis", spread(2, 5, 2), {"axis": -2}),
    ("reverse", spread(2, 4), {"axis": 1, "reverse": True}),
    ("exclusive", spread(4, 2), {"axis": 0, "exclusive": True}),
    ("reverse_exclusive", spread(2, 3, 2), {"axis": 1, "reverse": True, "exclusive": True}),
    ("not_reverse_not_exclusive", spread(3), {"axis": 0, "reverse": False, "exclusive": False}),
    ("size_1_axis", spread(3, 1), {"axis": 1}),
    ("size_1_axis_exclusive", spread(3, 1), {"axis": 1, "exclusive": True}),
    ("one_zero", floats(2.0, 0.0, 5.0, 7.0), {"axis": 0}),
    ("zeros", floats(2.0, 0.0, 5.0, 0.0, 3.0), {"axis": 0}),
    ("zeros_reverse_exclusive", floats(0.0, 2.0, 0.0, 5.0), {"axis": 0, "reverse": True, "exclusive": True}),
    ("empty", np.zeros((2, 0)), {"axis": 1}),
    ("no_lines", np.zeros((0, 3)), {"axis": 1}),
    ("int32", np.array([1, -2, 3], np.int32), {"axis": 0}),
    ("int32_reverse_exclusive", np.array([4, -2, 3], np.int32), {"axis": 0, "reverse": True, "exclusive": True}),
]
_EDGES = [
    Sample(
        "cumulative_prod.uint8_wraps",
        CumulativeProd,
        (np.array([20, 20, 2], np.uint8),),
        {"axis": 0},
        expecting(20, 144, 32, dtype=np.uint8),
    ),
    Sample(
        "cumulative_prod.infinite",
        CumulativeProd,
        (floats(2.0, _INF, -1.0, 0.0, 3.0),),
        {"axis": 0},
        expecting(2.0, _INF, -_INF, _NAN, _NAN),
        False,
    ),
]

SAMPLES: list[Sample] = [
    *(
        Sample(f"cumulative_prod.{name}", CumulativeProd, (x,), attributes, _running_product(**attributes))
        for name, x, attributes in _CASES
    ),
    *_EDGES,
]
