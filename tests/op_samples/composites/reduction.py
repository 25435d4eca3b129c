"""Samples of statistics, softmax and its kin, normalisation and the cross-entropy: line by line, in plain loops."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.op import Op
from op_samples.reduction import by_group
from op_samples.sample import Array, Reference, Sample, expecting, floats, indices_of, spread

_INF, _NAN = math.inf, math.nan


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def _var(correction: float) -> Callable[[list[float]], float]:
    def var(values: list[float]) -> float:
        # Over all pairs: n² var = Σ_{i<j} (x_i - x_j)², so that no mean is needed.
        n = len(values)
        pairs = math.fsum((a - b) ** 2 for i, a in enumerate(values) for b in values[:i])
        return pairs / n / (n - correction)

    return var


def _logsumexp(values: list[float]) -> float:
    return float(np.log(np.sum(np.exp(np.array(values, np.longdouble)))))


_GROUPS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    ("all_axes", (2, 3), {}),
    ("axis", (2, 3), {"axis": [1]}),
    ("negative_axis_kept", (2, 3, 2), {"axis": [-2], "keepdims": True}),
    ("outer_axes", (2, 3, 2), {"axis": [2, 0]}),
    ("size_1_axis", (3, 1), {"axis": [1]}),
    ("rank_0", (), {}),
]


def _grouped(op: type[Op], function: Callable[[list[float]], float], extra: dict[str, Any]) -> list[Sample]:
    suffix = "".join(f"_{key}_{value}" for key, value in extra.items())
    return [
        Sample(
            f"{op.name}.{name}{suffix}",
            op,
            (spread(*shape),),
            {**attributes, **extra},
            by_group(function, attributes.get("axis"), attributes.get("keepdims", False)),
        )
        for name, shape, attributes in _GROUPS
        if not (extra and name in ("size_1_axis", "rank_0"))
    ]


_STATISTICS = [
    *_grouped(Mean, _mean, {}),
    *_grouped(Var, _var(0.0), {}),
    *_grouped(Var, _var(1.0), {"correction": 1.0}),
    *_grouped(Logsumexp, _logsumexp, {}),
    Sample("mean.no_elements", Mean, (np.zeros((2, 0)),), {"axis": [1]}, expecting(_NAN, _NAN), False),
    Sample("mean.no_axis", Mean, (spread(2, 2),), {"axis": []}, lambda x: x),
    # The mean of 4,096 values of 64 is beyond what float16 counts and sums to.
    Sample("mean.float16_long", Mean, (np.full(4096, 64.0, np.float16),), {}, lambda x: np.array(64.0, np.float16)),
    Sample(
        "var.large_mean",
        Var,
        (floats(1e8 + 1, 1e8 + 2, 1e8 + 3),),
        {},
        by_group(_var(0.0), None, keepdims=False),
        False,
    ),
    Sample("var.one_element_corrected", Var, (floats(3.0),), {"correction": 1.0}, lambda x: np.array(_NAN), False),
    Sample(
        "logsumexp.large", Logsumexp, (floats(1000.0, 1000.0),), {}, lambda x: np.array(1000.0 + math.log(2.0)), False
    ),
    Sample("logsumexp.small", Logsumexp, (floats(-1e4, -1e4),), {}, lambda x: np.array(-1e4 + math.log(2.0)), False),
    Sample(
        "logsumexp.infinite",
        Logsumexp,
        (np.array([[-_INF, -_INF], [_INF, 0.0], [-_INF, 2.0], [_NAN, 0.0]]),),
        {"axis": [1]},
        expecting(-_INF, _INF, 2.0, _NAN),
        False,
    ),
]


def _by_line(function: Callable[[Array], Array], axis: int = -1) -> Reference:
    """A reference that applies a function in extended precision to each line along an axis."""

    def reference(x: Array) -> Array:
        lines = np.moveaxis(x, axis, -1)
        result = np.empty(lines.shape, np.longdouble)
        for index in indices_of(lines.shape[:-1]):
            result[index] = function(lines[index].astype(np.longdouble))
        return np.moveaxis(result, -1, axis).astype(np.float64)

    return reference


def softmax_of_line(line: Array) -> Array:
    """exp(x) over its sum, without a shift."""
    return np.exp(line) / np.sum(np.exp(line))


def log_softmax_of_line(line: Array) -> Array:
    """The logarithm of softmax, without a shift."""
    return line - np.log(np.sum(np.exp(line)))


_LINES: list[tuple[str, tuple[int, ...], dict[str, int]]] = [
    ("vector", (4,), {}),
    ("rows", (3, 4), {}),
    ("first_axis", (3, 2), {"axis": 0}),
    ("middle_axis", (2, 3, 2), {"axis": -2}),
    ("size_1_axis", (3, 1), {}),
    ("no_lines", (0, 3), {}),
]
_SOFTMAX = [
    Sample(f"{op.name}.{name}", op, (spread(*shape),), attributes, _by_line(function, **attributes))
    for op, function in ((Softmax, softmax_of_line), (LogSoftmax, log_softmax_of_line))
    for name, shape, attributes in _LINES
]
_SOFTMAX_EDGES = [
    Sample("softmax.large", Softmax, (floats(1000.0, 1000.0, -1000.0),), {}, expecting(0.5, 0.5, 0.0)),
    Sample("softmax.masked", Softmax, (floats(0.0, -_INF, 0.0),), {}, expecting(0.5, 0.0, 0.5), False),
    Sample("softmax.all_masked", Softmax, (floats(-_INF, -_INF),), {}, expecting(_NAN, _NAN), False),
    Sample("log_softmax.large", LogSoftmax, (floats(1000.0, 0.0),), {}, expecting(0.0, -1000.0)),
    Sample("log_softmax.masked", LogSoftmax, (floats(2.0, -_INF),), {}, expecting(0.0, -_INF), False),
]


def _layer_norm(axes: int, eps: float = 1e-5) -> Reference:
    def reference(x: Array, weight: Any = 1.0, bias: Any = 0.0) -> Array:
        result = np.empty_like(x)
        for index in indices_of(x.shape[: x.ndim - axes]):
            group = x[index].reshape(-1).tolist()
            deviation = math.sqrt(_var(0.0)(group) + eps)
            result[index] = (
                [(value - _mean(group)) / deviation for value in group]
                if axes == 1
                else np.reshape([(value - _mean(group)) / deviation for value in group], x.shape[x.ndim - axes :])
            )
        return result * weight + bias

    return reference


_LAYER_NORM = [
    Sample("layer_norm.plain", LayerNorm, (spread(2, 3),), {"normalized_shape": [3]}, _layer_norm(1)),
    Sample(
        "layer_norm.weight",
        LayerNorm,
        (spread(2, 3), spread(3)),
        {"normalized_shape": [3], "eps": 0.1},
        _layer_norm(1, 0.1),
    ),
    Sample(
        "layer_norm.weight_and_bias",
        LayerNorm,
        (spread(2, 2, 4), spread(4), spread(4) + 0.3),
        {"normalized_shape": [4]},
        _layer_norm(1),
    ),
    Sample(
        "layer_norm.two_axes",
        LayerNorm,
        (spread(3, 2, 3), spread(2, 3), spread(2, 3) - 0.7),
        {"normalized_shape": [2, 3]},
        _layer_norm(2),
    ),
    Sample("layer_norm.whole", LayerNorm, (spread(5),), {"normalized_shape": [5], "eps": 0.0}, _layer_norm(1, 0.0)),
    Sample(
        "layer_norm.constant_group",
        LayerNorm,
        (np.full((2, 3), 0.75),),
        {"normalized_shape": [3]},
        lambda x: 0.0 * x,
        differentiable=False,  # its higher derivatives are of the size of eps ** -1.5
    ),
    Sample("layer_norm.no_groups", LayerNorm, (np.zeros((0, 3)),), {"normalized_shape": [3]}, lambda x: x),
]


SAMPLES: list[Sample] = [*_STATISTICS, *_SOFTMAX, *_SOFTMAX_EDGES, *_LAYER_NORM]
