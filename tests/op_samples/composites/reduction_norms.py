"""Samples of the standard deviation, its reciprocal and vector norms: group by group, from the definition."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.composites.reduction_norms import Norm, Rstd, Std
from op_samples.reduction import by_group
from op_samples.sample import Array, Sample, expecting, floats, spread

_INF, _NAN = math.inf, math.nan


def _deviation(correction: float) -> Callable[[list[float]], float]:
    def deviation(values: list[float]) -> float:
        # Over all pairs: n² var = Σ_{i<j} (x_i - x_j)², so that no mean is needed.
        n = len(values)
        pairs = math.fsum((a - b) ** 2 for i, a in enumerate(values) for b in values[:i])
        return math.sqrt(pairs / n / (n - correction))

    return deviation


def _reciprocal(eps: float) -> Callable[[list[float]], float]:
    deviation = _deviation(0.0)
    return lambda values: 1.0 / math.sqrt(deviation(values) ** 2 + eps)


def _norm(ord: float) -> Callable[[list[float]], float]:
    def norm(values: list[float]) -> float:
        magnitudes = [math.fabs(value) for value in values]
        if math.isinf(ord):
            return max(magnitudes) if ord > 0 else min(magnitudes)
        if ord == 0:
            return float(sum(magnitude != 0 for magnitude in magnitudes))
        if not magnitudes or (ord < 0 and 0.0 in magnitudes):
            return 0.0
        # Divided by the largest, so that no power overflows.
        largest = max(magnitudes)
        if largest == 0:
            return 0.0
        return largest * math.fsum((magnitude / largest) ** ord for magnitude in magnitudes) ** (1.0 / ord)

    return norm


_GROUPS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("all_axes", (2, 3), {}),
    ("axis", (2, 3), {"axis": [1]}),
    ("negative_axis_kept", (2, 3, 2), {"axis": [-2], "keepdims": True}),
    ("outer_axes", (2, 3, 2), {"axis": [2, 0]}),
]
_STD = [
    Sample(
        f"std.{name}_{correction:g}",
        Std,
        (spread(*shape),),
        {**attributes, **({"correction": correction} if correction else {})},
        by_group(_deviation(correction), attributes.get("axis"), attributes.get("keepdims", False)),
    )
    for name, shape, attributes in _GROUPS
    for correction in (0.0, 1.0)
]
_RSTD = [
    *(
        Sample(
            f"rstd.{name}_{eps:g}",
            Rstd,
            (spread(*shape),),
            {**attributes, **({} if eps == 1e-5 else {"eps": eps})},
            by_group(_reciprocal(eps), attributes.get("axis"), attributes.get("keepdims", False)),
        )
        for name, shape, attributes in _GROUPS
        for eps in (1e-5, 0.3)
    ),
    Sample("rstd.last_axes", Rstd, (spread(2, 3, 2),), {"axis": [1, 2]}, by_group(_reciprocal(1e-5), [1, 2], False)),
    Sample("rstd.rank_0", Rstd, (np.array(3.0),), {"eps": 0.25}, lambda x: np.array(2.0)),
    Sample("rstd.constant", Rstd, (np.full((2, 3), 0.75),), {"axis": [1], "eps": 0.0}, expecting(_INF, _INF), False),
    Sample("rstd.no_elements", Rstd, (np.zeros((2, 0)),), {"axis": [1]}, expecting(_NAN, _NAN), False),
    Sample("rstd.infinite", Rstd, (floats(_INF, 1.0),), {}, lambda x: np.array(_NAN), False),
]
_STD_EDGES = [
    Sample("std.rank_0", Std, (np.array(3.0),), {}, lambda x: np.array(0.0)),
    Sample("std.constant", Std, (np.full((2, 3), 0.75),), {"axis": [1]}, expecting(0.0, 0.0), False),
    Sample("std.no_elements", Std, (np.zeros((2, 0)),), {"axis": [1]}, expecting(_NAN, _NAN), False),
    Sample("std.one_element_corrected", Std, (floats(3.0),), {"correction": 1.0}, lambda x: np.array(_NAN), False),
    Sample("std.infinite", Std, (floats(_INF, 1.0),), {}, lambda x: np.array(_NAN), False),
]
_ORDERS: list[tuple[str, float]] = [
    ("1", 1.0),
    ("half", 0.5),
    ("1.5", 1.5),
    ("3", 3.0),
    ("minus_1", -1.0),
    ("minus_2.5", -2.5),
    ("inf", _INF),
    ("minus_inf", -_INF),
]
_WHERE: list[tuple[str, dict[str, Any]]] = [("all", {}), ("axis_kept", {"axis": [0], "keepdims": True})]
_NORM = [
    *(
        Sample(
            f"norm.{name}",
            Norm,
            (spread(*shape),),
            attributes,
            by_group(_norm(2.0), attributes.get("axis"), attributes.get("keepdims", False)),
        )
        for name, shape, attributes in _GROUPS
    ),
    *(
        Sample(
            f"norm.ord_{name}_{where}",
            Norm,
            (spread(3, 4),),
            {"ord": ord, **attributes},
            by_group(_norm(ord), attributes.get("axis"), attributes.get("keepdims", False)),
        )
        for name, ord in _ORDERS
        for where, attributes in _WHERE
    ),
    # The number of elements that are not 0 does not change nearby.
    Sample("norm.ord_0", Norm, (spread(2, 3),), {"ord": 0.0, "axis": [1]}, by_group(_norm(0.0), [1], keepdims=False)),
]


def _edge(name: str, x: Array, value: float, ord: float, *, smooth: bool = False) -> Sample:
    return Sample(f"norm.{name}", Norm, (x,), {"ord": ord}, lambda x: np.array(value, x.dtype), smooth)


_ZEROS = floats(0.0, 0.0)
_NORM_EDGES = [
    Sample("norm.rank_0", Norm, (np.array(-3.0),), {}, lambda x: np.array(3.0)),
    Sample("norm.no_axis", Norm, (floats(-3.0, 2.0),), {"axis": [], "ord": 3.0}, expecting(3.0, 2.0)),
    *(_edge(f"zero_ord_{ord:g}", _ZEROS, 0.0, ord) for ord in (0.0, 0.5, 1.0, 2.0, 3.0, -1.0)),
    _edge("zero_ord_inf", _ZEROS, 0.0, _INF),
    _edge("some_zeros_ord_3", floats(0.0, 3.0, 4.0, 5.0), 6.0, 3.0),
    _edge("some_zeros_ord_4", floats(0.0, 3.0, 4.0, 5.0), 962.0**0.25, 4.0, smooth=True),
    _edge("some_zeros_ord_0", floats(0.0, 3.0, -4.0, 0.0), 2.0, 0.0),
    _edge("some_zeros_ord_minus_1", floats(0.0, 3.0), 0.0, -1.0),
    _edge("infinite", floats(-_INF, 3.0), _INF, 2.0),
    _edge("infinite_ord_minus_1", floats(-_INF, 3.0), 3.0, -1.0),
    _edge("nan", floats(_NAN, 3.0), _NAN, 2.0),
    _edge("nan_ord_3", floats(_NAN, 3.0), _NAN, 3.0),
    _edge("nan_ord_inf", floats(_NAN, 3.0), _NAN, _INF),
    _edge("ties_ord_inf", floats(-3.0, 1.0, 3.0), 3.0, _INF),
    _edge("float16_beyond_its_squares", np.array([300.0, 400.0], np.float16), 500.0, 2.0),
    Sample("norm.no_elements", Norm, (np.zeros((2, 0)),), {"axis": [1]}, expecting(0.0, 0.0)),
    Sample("norm.no_elements_ord_3", Norm, (np.zeros((2, 0)),), {"axis": [1], "ord": 3.0}, expecting(0.0, 0.0)),
    Sample("norm.no_groups_ord_inf", Norm, (np.zeros((0, 2)),), {"axis": [1], "ord": _INF}, expecting()),
]

SAMPLES: list[Sample] = [*_STD, *_STD_EDGES, *_RSTD, *_NORM, *_NORM_EDGES]
