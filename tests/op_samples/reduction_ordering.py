"""Samples of sorting: by insertion, with the order written out."""

import math
from typing import Any

import ml_dtypes
import numpy as np

from asg_schema.ops.reduction_ordering import Argsort, Sort
from op_samples.sample import Array, Reference, Sample, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan


def _precedes(a: Any, b: Any) -> bool:
    """Whether a is smaller than b, a NaN being larger than all numbers."""
    return (a == a and b != b) or a < b


def order_of(line: list[Any], descending: bool) -> list[int]:
    """The indices that sort a line, those of equal elements ascending: by insertion from the right."""
    order: list[int] = []
    for index, value in enumerate(line):
        place = len(order)
        while place and (
            _precedes(line[order[place - 1]], value) if descending else _precedes(value, line[order[place - 1]])
        ):
            place -= 1
        order.insert(place, index)
    return order


def _argsort(axis: int = -1, descending: bool = False, stable: bool = True) -> Reference:
    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        result = np.empty(lines.shape, np.int64)
        for index in indices_of(lines.shape[:-1]):
            result[index] = order_of(lines[index].tolist(), descending)
        return np.moveaxis(result, -1, axis)

    return reference


def _sort(axis: int = -1, descending: bool = False, stable: bool = True) -> Reference:
    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        result = np.empty(lines.shape, x.dtype)
        for index in indices_of(lines.shape[:-1]):
            line = lines[index]
            result[index] = [line[place] for place in order_of(line.tolist(), descending)]
        return np.moveaxis(result, -1, axis)

    return reference


_TIES = floats(2.0, 1.0, 2.0, 0.0, 1.0, 2.0)
_EDGES = floats(_NAN, 1.0, -_INF, _INF, _NAN, 0.0)
_CASES: list[tuple[str, Array, dict[str, Any], bool]] = [
    ("vector", spread(5), {}, True),
    ("descending", spread(5), {"descending": True}, True),
    ("first_axis", spread(4, 3), {"axis": 0}, True),
    ("negative_axis_descending", spread(2, 4, 3), {"axis": -2, "descending": True}, True),
    ("not_stable", spread(3, 4), {"stable": False}, True),
    ("size_1_axis", spread(3, 1), {}, True),
    ("empty_axis", np.zeros((2, 0)), {"axis": 1}, True),
    ("no_lines", np.zeros((0, 3)), {"descending": True}, True),
    ("ties", _TIES, {"stable": True}, False),
    ("ties_descending", _TIES, {"descending": True}, False),
    ("many_ties_descending", np.tile(floats(1.0, 0.0), 40), {"descending": True}, False),
    ("edges", _EDGES, {}, False),
    ("edges_descending", _EDGES, {"descending": True}, False),
    ("int8", np.array([[3, -128, 127], [0, 0, -1]], np.int8), {}, False),
    ("uint8_descending", np.array([3, 200, 3, 255], np.uint8), {"descending": True}, False),
    ("int64", np.array([2**62 + 1, 2**62, -(2**63)]), {"descending": True}, False),
    ("bfloat16_nan", np.array([1.0, _NAN, -2.0, 1.0], ml_dtypes.bfloat16), {}, False),
]

SAMPLES: list[Sample] = [
    sample
    for name, x, attributes, smooth in _CASES
    for sample in (
        Sample(f"sort.{name}", Sort, (x,), attributes, _sort(**attributes), smooth),
        Sample(f"argsort.{name}", Argsort, (x,), attributes, _argsort(**attributes)),
    )
]
