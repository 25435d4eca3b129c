"""Samples of reductions and running totals."""

import math
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import ml_dtypes
import numpy as np

from asg_schema.op import Op
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Sum
from op_samples.sample import Array, Reference, Sample, expecting, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan


def by_group(function: Callable[[list[Any]], Any], axis: Iterable[int] | None, keepdims: bool) -> Reference:
    """A reference that gathers the elements of each reduced group into a list, and applies a function to it."""

    def reference(x: Array) -> Array:
        axes = set(range(x.ndim)) if axis is None else {a % x.ndim for a in axis}
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        groups: dict[tuple[int, ...], list[Any]] = {index: [] for index in indices_of(kept)}
        for index in indices_of(x.shape):
            groups[tuple(0 if a in axes else i for a, i in enumerate(index))].append(x[index].item())
        result = np.array([function(group) for group in groups.values()], x.dtype).reshape(kept)
        return result if keepdims else result.reshape([n for a, n in enumerate(x.shape) if a not in axes])

    return reference


def _wrapped(function: Callable[[list[Any]], int]) -> Callable[[list[Any]], int]:
    """`function` in uint8 arithmetic."""
    return lambda values: function(values) % 256


_FUNCTIONS: list[tuple[type[Op], Callable[[list[Any]], Any]]] = [
    (Sum, math.fsum),
    (Prod, math.prod),
    (Max, lambda values: reduce(lambda a, b: a if a > b else b, values)),
    (Min, lambda values: reduce(lambda a, b: a if a < b else b, values)),
]
_AXES: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("all_axes", (2, 3), {}),
    ("all_axes_kept", (2, 3), {"keepdims": True}),
    ("first_axis", (2, 3), {"axis": [0]}),
    ("negative_axis_kept", (2, 3, 2), {"axis": [-2], "keepdims": True}),
    ("outer_axes", (2, 3, 2), {"axis": [2, 0]}),
    ("no_axis", (2, 3), {"axis": []}),
    ("size_1_axis", (3, 1), {"axis": [1]}),
    ("rank_0", (), {}),
]


def _grid(op: type[Op], function: Callable[[list[Any]], Any]) -> list[Sample]:
    return [
        Sample(
            f"{op.name}.{name}",
            op,
            (spread(*shape),),
            attributes,
            by_group(function, attributes.get("axis"), attributes.get("keepdims", False)),
        )
        for name, shape, attributes in _AXES
    ]


def _vector(op: type[Op], name: str, x: Array, value: Any, **attributes: Any) -> Sample:
    def reference(x: Array) -> Array:
        return np.array(value, x.dtype)

    return Sample(f"{op.name}.{name}", op, (x,), attributes, reference, differentiable=False)


_EDGES = [
    Sample("sum.empty_axis", Sum, (np.zeros((2, 0)),), {"axis": [1]}, expecting(0.0, 0.0)),
    Sample("sum.no_groups", Sum, (np.zeros((2, 0)),), {"axis": [0]}, expecting()),
    Sample("prod.empty_axis", Prod, (np.zeros((2, 0)),), {"axis": [1]}, expecting(1.0, 1.0)),
    Sample("max.no_groups", Max, (np.zeros((0, 2)),), {"axis": [1]}, expecting()),
    _vector(Sum, "infinities", floats(_INF, 1.0, -_INF), _NAN),
    _vector(Sum, "uint8_wraps", np.array([200, 100, 1], np.uint8), 45),
    _vector(Sum, "int8_wraps", np.array([100, 100], np.int8), -56),
    _vector(Prod, "int32_wraps", np.array([65536, 65537], np.int32), 65536),
    _vector(Prod, "one_zero", floats(2.0, 0.0, 3.0), 0.0),
    _vector(Max, "nan", floats(1.0, _NAN, 3.0), _NAN),
    _vector(Min, "nan", floats(1.0, _NAN, 3.0), _NAN),
    _vector(Max, "infinity", floats(-_INF, 2.0, _INF), _INF),
    _vector(Max, "ties", floats(3.0, 1.0, 3.0), 3.0),
    _vector(Min, "uint32", np.array([4294967295, 7], np.uint32), 7),
    _vector(Max, "int64", np.array([2**62, 2**62 + 1]), 2**62 + 1),
    _vector(Max, "bfloat16", np.array([-2.0, -1.0], ml_dtypes.bfloat16), -1.0),
    Sample(
        "sum.uint8_axis",
        Sum,
        (np.array([[200, 1], [100, 2]], np.uint8),),
        {"axis": [0]},
        by_group(_wrapped(sum), [0], keepdims=False),
    ),
    # Added one by one in half precision, ones would stop counting at 2,048 and at 256.
    _vector(Sum, "float16_long", np.ones(4096, np.float16), 4096.0),
    _vector(Sum, "bfloat16_long", np.ones(4096, ml_dtypes.bfloat16), 4096.0),
]


def _first_index(values: list[Any], best: Any) -> int:
    return next(index for index, value in enumerate(values) if value == best or (value != value and best != best))


def _arg_reference(largest: bool, axis: int | None, keepdims: bool) -> Reference:
    def index_of(values: list[Any]) -> int:
        unordered = [value for value in values if value != value]
        return _first_index(values, unordered[0] if unordered else (max if largest else min)(values))

    def reference(x: Array) -> Array:
        flat = x.reshape(-1) if axis is None else np.moveaxis(x, axis, -1).reshape(-1, x.shape[axis])
        result = np.array([index_of(line.tolist()) for line in np.atleast_2d(flat)], np.int64)
        if axis is None:
            return result.reshape((1,) * x.ndim if keepdims else ())
        kept = result.reshape([n for a, n in enumerate(x.shape) if a != axis % x.ndim])
        return np.expand_dims(kept, axis) if keepdims else kept

    return reference


_ARG_CASES: list[tuple[str, Array, dict[str, Any]]] = [
    ("flattened", spread(2, 3), {}),
    ("flattened_kept", spread(2, 3), {"keepdims": True}),
    ("axis", spread(2, 3, 2), {"axis": 1}),
    ("negative_axis_kept", spread(2, 3, 2), {"axis": -1, "keepdims": True}),
    ("first_of_ties", floats(1.0, 4.0, 4.0, 1.0), {"axis": 0}),
    ("first_nan", floats(1.0, _NAN, 9.0, -9.0, _NAN), {"axis": 0}),
    ("rank_0", np.array(2.0), {}),
    ("uint8", np.array([3, 200, 1], np.uint8), {}),
    ("int64", np.array([2**62, 2**62 + 1, 2**62 - 1]), {}),
    ("bfloat16", np.array([1.0, -2.0, 3.0], ml_dtypes.bfloat16), {}),
]
_ARG = [
    Sample(
        f"{op.name}.{name}",
        op,
        (x,),
        attributes,
        _arg_reference(op is Argmax, attributes.get("axis"), attributes.get("keepdims", False)),
    )
    for op in (Argmax, Argmin)
    for name, x, attributes in _ARG_CASES
]


def _running_total(axis: int, reverse: bool = False, exclusive: bool = False) -> Reference:
    def totals(line: list[Any]) -> list[Any]:
        if reverse:
            return [sum(line[i + exclusive :]) for i in range(len(line))]
        return [sum(line[: i + (not exclusive)]) for i in range(len(line))]

    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        result = np.empty(lines.shape, x.dtype)
        for index in indices_of(lines.shape[:-1]):
            result[index] = np.array(totals(lines[index].tolist()), np.object_).astype(x.dtype)
        return np.moveaxis(result, -1, axis)

    return reference


_CUMULATIVE_CASES: list[tuple[str, Array, dict[str, Any]]] = [
    ("first_axis", spread(3, 2), {"axis": 0}),
    ("negative_axis", spread(2, 4), {"axis": -1}),
    ("reverse", spread(2, 4), {"axis": 1, "reverse": True}),
    ("exclusive", spread(4, 2), {"axis": 0, "exclusive": True}),
    ("reverse_exclusive", spread(2, 3, 2), {"axis": 1, "reverse": True, "exclusive": True}),
    ("size_1_axis_exclusive", spread(3, 1), {"axis": 1, "exclusive": True}),
    ("empty", np.zeros((2, 0)), {"axis": 1}),
    ("int32", np.array([1, -2, 3], np.int32), {"axis": 0}),
    ("int64_exclusive", np.array([2**62, 1, 3]), {"axis": 0, "exclusive": True}),
]
_CUMULATIVE = [
    Sample(f"cumulative_sum.{name}", CumulativeSum, (x,), attributes, _running_total(**attributes))
    for name, x, attributes in _CUMULATIVE_CASES
]
_CUMULATIVE.append(
    Sample(
        "cumulative_sum.uint8_wraps",
        CumulativeSum,
        (np.array([200, 100, 1], np.uint8),),
        {"axis": 0},
        expecting(200, 44, 45, dtype=np.uint8),
    )
)

SAMPLES: list[Sample] = [
    *(sample for op, function in _FUNCTIONS for sample in _grid(op, function)),
    *_EDGES,
    *_ARG,
    *_CUMULATIVE,
]
