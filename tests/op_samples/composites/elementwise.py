"""Samples of clipping and activations, element by element with the standard library's mathematics."""

import math
from collections.abc import Callable

import numpy as np

from asg_schema.composites.elementwise import Clip, Gelu, LeakyRelu, Relu, Silu, Softplus
from op_samples.sample import Sample, by_element, expecting, floats, spread

_INF, _NAN = math.inf, math.nan
_POINTS = floats(-4.0, -1.1, -0.2, 0.3, 0.9, 3.5)


def _gelu(x: float) -> float:
    return x * 0.5 * math.erfc(-x / math.sqrt(2.0))


def _gelu_tanh(x: float) -> float:
    return x / (1.0 + math.exp(-2.0 * math.sqrt(2.0 / math.pi) * (x + 0.044715 * x**3)))


def _softplus(beta: float, threshold: float) -> Callable[[float], float]:
    return lambda x: x if beta * x > threshold else math.log1p(math.exp(beta * x)) / beta


_SMOOTH = [
    Sample("clip.both", Clip, (_POINTS,), {"min": -1.0, "max": 0.5}, by_element(lambda x: sorted([-1.0, x, 0.5])[1])),
    Sample("clip.min", Clip, (spread(2, 3),), {"min": 0.1}, by_element(lambda x: max(x, 0.1))),
    Sample("clip.max", Clip, (spread(2, 3),), {"max": 0.1}, by_element(lambda x: min(x, 0.1))),
    Sample("clip.crossed", Clip, (_POINTS,), {"min": 1.0, "max": 0.5}, by_element(lambda x: 0.5)),
    Sample("relu.smooth", Relu, (_POINTS,), {}, by_element(lambda x: (x + abs(x)) / 2.0)),
    Sample("clip.rank_0", Clip, (np.array(1.5),), {"max": 1.0}, by_element(lambda x: 1.0)),
    Sample("leaky_relu.rank_0", LeakyRelu, (np.array(-1.5),), {}, by_element(lambda x: x / 100.0)),
    Sample("gelu.rank_0", Gelu, (np.array(-0.4),), {}, by_element(_gelu)),
    Sample("silu.rank_0", Silu, (np.array(-0.4),), {}, by_element(lambda x: x / (1.0 + math.exp(-x)))),
    Sample("softplus.rank_0", Softplus, (np.array(-0.4),), {}, by_element(_softplus(1.0, 20.0))),
    Sample("relu.rank_0", Relu, (np.array(1.5),), {}, by_element(lambda x: x)),
    Sample("leaky_relu.default", LeakyRelu, (_POINTS,), {}, by_element(lambda x: x if x > 0 else x / 100.0)),
    Sample(
        "leaky_relu.negative_slope",
        LeakyRelu,
        (spread(2, 3),),
        {"negative_slope": -0.5},
        by_element(lambda x: x if x > 0 else x * -0.5),
    ),
    Sample("gelu.default", Gelu, (_POINTS,), {}, by_element(_gelu)),
    Sample("gelu.none", Gelu, (spread(2, 3),), {"approximate": "none"}, by_element(_gelu)),
    Sample("gelu.tanh", Gelu, (spread(2, 3),), {"approximate": "tanh"}, by_element(_gelu_tanh)),
    Sample("silu.smooth", Silu, (_POINTS,), {}, by_element(lambda x: x / (1.0 + math.exp(-x)))),
    Sample("softplus.default", Softplus, (_POINTS,), {}, by_element(_softplus(1.0, 20.0))),
    Sample("softplus.beta", Softplus, (_POINTS,), {"beta": 2.5}, by_element(_softplus(2.5, 20.0))),
    Sample("softplus.negative_beta", Softplus, (_POINTS,), {"beta": -0.5}, by_element(_softplus(-0.5, 20.0))),
    Sample(
        "softplus.threshold", Softplus, (_POINTS,), {"beta": 2.0, "threshold": 1.0}, by_element(_softplus(2.0, 1.0))
    ),
    Sample("softplus.at_0", Softplus, (floats(0.0),), {}, expecting(math.log(2.0))),
    Sample("silu.empty", Silu, (np.zeros((0, 3)),), {}, by_element(lambda x: x)),
]

_EDGES = [
    Sample(
        "clip.edges",
        Clip,
        (floats(-1.0, 0.5, _NAN, _INF, -_INF),),
        {"min": -1.0, "max": 0.5},
        expecting(-1.0, 0.5, _NAN, 0.5, -1.0),
        differentiable=False,
    ),
    Sample(
        "clip.int8",
        Clip,
        (np.array([-9, 3, 9], np.int8),),
        {"min": -4.0, "max": 5.0},
        expecting(-4, 3, 5, dtype=np.int8),
    ),
    Sample("clip.infinite_bounds", Clip, (spread(3),), {"min": -_INF, "max": _INF}, by_element(lambda x: x)),
    Sample("relu.edges", Relu, (floats(0.0, -0.0, _NAN, -_INF, _INF),), {}, expecting(0, 0, _NAN, 0, _INF), False),
    Sample("relu.int32", Relu, (np.array([-5, 0, 5], np.int32),), {}, expecting(0, 0, 5, dtype=np.int32)),
    Sample("leaky_relu.edges", LeakyRelu, (floats(0.0, _NAN, -_INF),), {}, expecting(0.0, _NAN, -_INF), False),
    Sample("gelu.edges", Gelu, (floats(0.0, 40.0, -40.0, _NAN),), {}, expecting(0.0, 40.0, 0.0, _NAN), False),
    Sample(
        "gelu.tanh_edges",
        Gelu,
        (floats(0.0, 40.0, -40.0),),
        {"approximate": "tanh"},
        expecting(0.0, 40.0, 0.0),
        False,
    ),
    Sample("silu.edges", Silu, (floats(0.0, 800.0, -800.0, _INF),), {}, expecting(0.0, 800.0, 0.0, _INF), False),
    Sample(
        "softplus.edges",
        Softplus,
        (floats(800.0, -800.0, _INF, -_INF, _NAN, 20.0),),
        {},
        expecting(800.0, 0.0, _INF, 0.0, _NAN, 20.000000002061153),
        False,
    ),
]

SAMPLES: list[Sample] = [*_SMOOTH, *_EDGES]
