"""Samples of more activations, element by element with the standard library's mathematics."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.composites.elementwise_activations import (
    Celu,
    Elu,
    Glu,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LogSigmoid,
    Mish,
    Prelu,
    Relu6,
    Selu,
    Softshrink,
    Softsign,
    Tanhshrink,
)
from asg_schema.op import Op
from op_samples.sample import Array, Sample, by_element, expecting, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan
_POINTS = floats(-7.0, -2.9, -1.1, -0.2, 0.3, 0.9, 2.8, 3.5, 7.5)


def _elu(alpha: float = 1.0) -> Callable[[float], float]:
    return lambda x: x if x > 0 else alpha * math.expm1(x)


def _selu(x: float) -> float:
    # From the fixed-point equations of mean 0 and variance 1, to the digits that the paper's authors publish.
    return 1.0507009873554804934 * (x if x > 0 else 1.6732632423543772848 * math.expm1(x))


def _celu(alpha: float = 1.0) -> Callable[[float], float]:
    return lambda x: max(x, 0.0) + min(0.0, alpha * math.expm1(x / alpha)) if x < 0 else x


def _hardsigmoid(x: float) -> float:
    return sorted([0.0, (x + 3.0) / 6.0, 1.0])[1]


def _mish(x: float) -> float:
    # tanh(log u) = (u² - 1) / (u² + 1), with u = 1 + exp(x).
    square = math.exp(x) * (math.exp(x) + 2.0)
    return x * square / (square + 2.0)


def _log_sigmoid(x: float) -> float:
    return -math.log1p(math.exp(-x))


def _softshrink(lambd: float = 0.5) -> Callable[[float], float]:
    return lambda x: math.copysign(max(abs(x) - lambd, 0.0), x)


def _hardshrink(lambd: float = 0.5) -> Callable[[float], float]:
    return lambda x: x if abs(x) > lambd else 0.0


_FUNCTIONS: list[tuple[type[Op], dict[str, float], Callable[[float], float]]] = [
    (Elu, {}, _elu()),
    (Elu, {"alpha": 0.3}, _elu(0.3)),
    (Elu, {"alpha": -1.5}, _elu(-1.5)),
    (Selu, {}, _selu),
    (Celu, {}, _celu()),
    (Celu, {"alpha": 2.5}, _celu(2.5)),
    (Hardtanh, {}, lambda x: sorted([-1.0, x, 1.0])[1]),
    (Hardtanh, {"min_val": -2.0, "max_val": 0.5}, lambda x: sorted([-2.0, x, 0.5])[1]),
    (Relu6, {}, lambda x: sorted([0.0, x, 6.0])[1]),
    (Hardsigmoid, {}, _hardsigmoid),
    (Hardswish, {}, lambda x: x * _hardsigmoid(x)),
    (Mish, {}, _mish),
    (Softsign, {}, lambda x: math.copysign(1.0 - 1.0 / (1.0 + abs(x)), x)),
    (LogSigmoid, {}, _log_sigmoid),
    (Tanhshrink, {}, lambda x: x - 1.0 + 2.0 / (math.exp(2.0 * x) + 1.0)),
    (Softshrink, {}, _softshrink()),
    (Softshrink, {"lambd": 1.5}, _softshrink(1.5)),
    (Hardshrink, {}, _hardshrink()),
    (Hardshrink, {"lambd": 1.5}, _hardshrink(1.5)),
]


def _of_function(op: type[Op], attributes: dict[str, float], function: Callable[[float], float]) -> list[Sample]:
    suffix = "".join(f"_{name}_{value}" for name, value in attributes.items()) or "_default"
    return [
        Sample(f"{op.name}.{name}{suffix}", op, (x,), attributes, by_element(function))
        for name, x in (("points", _POINTS), ("rank_0", np.array(-0.4)), ("empty", np.zeros((0, 3))))
    ]


def _edges(op: type[Op], name: str, x: list[float], y: list[float], **attributes: Any) -> Sample:
    return Sample(f"{op.name}.{name}", op, (floats(*x),), attributes, expecting(*y), differentiable=False)


_EDGES = [
    _edges(Elu, "edges", [0.0, 1e4, -1e4, _INF, -_INF, _NAN], [0.0, 1e4, -1.0, _INF, -1.0, _NAN]),
    _edges(Elu, "alpha_0", [0.0, -1.0, -_INF, 2.0], [0.0, 0.0, 0.0, 2.0], alpha=0.0),
    _edges(
        Selu,
        "edges",
        [0.0, 1e4, -1e4, _INF, -_INF, _NAN],
        [0.0, 10507.009873554805, -1.7580993408473766, _INF, -1.7580993408473766, _NAN],
    ),
    _edges(Celu, "edges", [0.0, 1e4, -1e4, _INF, -_INF, _NAN], [0.0, 1e4, -2.0, _INF, -2.0, _NAN], alpha=2.0),
    _edges(Hardtanh, "edges", [-1.0, 1.0, _INF, -_INF, _NAN], [-1.0, 1.0, 1.0, -1.0, _NAN]),
    _edges(Hardtanh, "equal_bounds", [0.0, 1.0, 2.0], [1.0, 1.0, 1.0], min_val=1.0, max_val=1.0),
    _edges(Hardtanh, "infinite_bounds", [-5.0, 5.0, _INF], [-5.0, 5.0, _INF], min_val=-_INF, max_val=_INF),
    _edges(Relu6, "edges", [0.0, -0.0, 6.0, _INF, -_INF, _NAN], [0.0, 0.0, 6.0, 6.0, 0.0, _NAN]),
    _edges(Hardsigmoid, "edges", [-3.0, 3.0, 1e4, -1e4, _INF, -_INF], [0.0, 1.0, 1.0, 0.0, 1.0, 0.0]),
    _edges(Hardsigmoid, "nan", [_NAN], [_NAN]),
    _edges(Hardswish, "edges", [-3.0, 3.0, 0.0, 1e200, -1e200, _INF], [0.0, 3.0, 0.0, 1e200, 0.0, _INF]),
    _edges(Hardswish, "minus_infinity", [-_INF], [0.0]),
    _edges(Hardswish, "nan", [_NAN], [_NAN]),
    _edges(Mish, "edges", [0.0, 1e4, -1e4, _NAN], [0.0, 1e4, 0.0, _NAN]),
    _edges(Mish, "infinite", [_INF, -_INF], [_INF, 0.0]),
    _edges(Softsign, "edges", [0.0, 3e4, -3e4], [0.0, 3e4 / 30001.0, -3e4 / 30001.0]),
    _edges(Softsign, "infinite", [_INF, -_INF, _NAN], [_NAN, _NAN, _NAN]),
    _edges(
        LogSigmoid,
        "edges",
        [0.0, 1e4, -1e4, _INF, -_INF, _NAN, 40.0],
        [-math.log(2.0), 0.0, -1e4, 0.0, -_INF, _NAN, 0.0],
    ),
    _edges(Tanhshrink, "edges", [0.0, 1e4, -1e4, _INF, -_INF, _NAN], [0.0, 9999.0, -9999.0, _INF, -_INF, _NAN]),
    _edges(Softshrink, "edges", [0.0, 0.5, -0.5, _INF, -_INF, _NAN], [0.0, 0.0, 0.0, _INF, -_INF, _NAN]),
    _edges(Softshrink, "lambd_0", [0.0, 0.5, -0.5], [0.0, 0.5, -0.5], lambd=0.0),
    _edges(Hardshrink, "edges", [0.0, 0.5, -0.5, _INF, -_INF, _NAN], [0.0, 0.0, 0.0, _INF, -_INF, _NAN]),
    _edges(Hardshrink, "negative_lambd", [0.0, 0.5, -0.5], [0.0, 0.5, -0.5], lambd=-1.0),
]


def _prelu(x: Array, weight: Array) -> Array:
    result = np.empty_like(x)
    for index in indices_of(x.shape):
        slope = weight.reshape(-1)[0 if weight.size == 1 else index[1]]
        result[index] = x[index] if x[index] > 0 else slope * x[index]
    return result


_PRELU = [
    Sample("prelu.one_number", Prelu, (spread(2, 3), np.array(0.25)), {}, _prelu),
    Sample("prelu.vector_of_one", Prelu, (spread(2, 3, 2), floats(-0.4)), {}, _prelu),
    Sample("prelu.channels", Prelu, (spread(2, 3, 2), spread(3) + 0.3), {}, _prelu),
    Sample("prelu.rank_0", Prelu, (np.array(-1.5), floats(0.25)), {}, _prelu),
    Sample("prelu.rank_1", Prelu, (spread(4), floats(0.25)), {}, _prelu),
    Sample("prelu.empty", Prelu, (np.zeros((0, 3)), floats(0.25, 0.5, 0.75)), {}, _prelu),
    Sample(
        "prelu.edges",
        Prelu,
        (floats(0.0, _INF, -_INF, 1e4, -1e4), np.array(0.5)),
        {},
        expecting(0.0, _INF, -_INF, 1e4, -5e3),
        differentiable=False,
    ),
    Sample("prelu.nan", Prelu, (floats(_NAN, 1.0), np.array(0.5)), {}, expecting(_NAN, 1.0), differentiable=False),
]


def _glu(axis: int = -1) -> Callable[[Array], Array]:
    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        half = lines.shape[-1] // 2
        result = np.empty((*lines.shape[:-1], half))
        for *which, place in indices_of(result.shape):
            value, gate = lines[(*which, place)], lines[(*which, place + half)]
            result[(*which, place)] = value / (1.0 + math.exp(-gate))
        return np.moveaxis(result, -1, axis)

    return reference


_GLU = [
    Sample("glu.vector", Glu, (spread(6),), {}, _glu()),
    Sample("glu.rows", Glu, (spread(3, 4),), {}, _glu()),
    Sample("glu.first_axis", Glu, (spread(4, 3),), {"axis": 0}, _glu(0)),
    Sample("glu.middle_axis", Glu, (spread(2, 4, 3),), {"axis": -2}, _glu(-2)),
    Sample("glu.no_lines", Glu, (np.zeros((0, 2)),), {}, _glu()),
    Sample("glu.nothing_to_halve", Glu, (np.zeros((3, 0)),), {}, _glu()),
    Sample("glu.edges", Glu, (floats(2.0, 2.0, -_INF, _INF),), {}, expecting(0.0, 2.0), differentiable=False),
]

SAMPLES: list[Sample] = [
    *(sample for entry in _FUNCTIONS for sample in _of_function(*entry)),
    *_EDGES,
    *_PRELU,
    *_GLU,
]
