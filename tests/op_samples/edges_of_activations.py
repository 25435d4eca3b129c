"""Derivatives of activations at their kinks, which are PyTorch's, and far out."""

import math

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
from op_samples.edge import Edge, edge_at
from op_samples.sample import floats

__all__ = ["ACTIVATION_EDGES", "SELU_ALPHA", "SELU_SCALE"]

SELU_SCALE, SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_INF = math.inf
_E = math.exp(-1.0)

ACTIVATION_EDGES: list[Edge] = [
    edge_at("kink", Elu, [0.0, -0.0, 2.0], [0.3, 0.3, 1.0], alpha=0.3),
    edge_at("alpha_0", Elu, [0.0, -_INF, -2.0], [0.0, 0.0, 0.0], alpha=0.0),
    edge_at("far_out", Elu, [1e4, -1e4, _INF, -_INF], [1.0, 0.0, 1.0, 0.0]),
    edge_at("kink", Selu, [0.0, 2.0], [SELU_SCALE * SELU_ALPHA, SELU_SCALE]),
    edge_at("kink", Celu, [0.0, -2.0, 2.0], [1.0, _E, 1.0], alpha=2.0),
    edge_at("kinks", Hardtanh, [-1.0, 1.0, 0.0, -2.0, 2.0], [0.0, 0.0, 1.0, 0.0, 0.0]),
    edge_at("kinks", Relu6, [0.0, 6.0, 3.0, -1.0, 7.0], [0.0, 0.0, 1.0, 0.0, 0.0]),
    edge_at("kinks", Hardsigmoid, [-3.0, 3.0, 0.0], [0.0, 0.0, 1 / 6]),
    edge_at("kinks", Hardswish, [-3.0, 3.0, 0.0, -_INF, _INF], [0.0, 1.0, 0.5, 0.0, 1.0]),
    Edge("mish.at_0", Mish, (floats(0.0),), (floats(0.6),), relative=1e-14),  # tanh(log 2) = 3/5
    edge_at("far_out", Mish, [1e4, -1e4, _INF, -_INF], [1.0, 0.0, 1.0, 0.0]),
    edge_at("at_0", Softsign, [0.0, 1.0, -1.0, _INF, -_INF], [1.0, 0.25, 0.25, 0.0, 0.0]),
    edge_at("far_out", LogSigmoid, [0.0, 1e4, -1e4, _INF, -_INF], [0.5, 0.0, 1.0, 0.0, 1.0]),
    edge_at("far_out", Tanhshrink, [0.0, 1e4, -1e4, _INF, -_INF], [0.0, 1.0, 1.0, 1.0, 1.0]),
    edge_at("kinks", Softshrink, [0.5, -0.5, 0.0, 0.6, -0.6], [0.0, 0.0, 0.0, 1.0, 1.0]),
    edge_at("lambd_0", Softshrink, [0.0, 0.5], [0.0, 1.0], lambd=0.0),
    edge_at("jumps", Hardshrink, [0.5, -0.5, 0.0, 0.6, -0.6], [0.0, 0.0, 0.0, 1.0, 1.0]),
    Edge(
        "prelu.kink_and_far_out",
        Prelu,
        (floats(0.0, 1e4, -1e4, _INF), np.array(0.5)),
        (floats(0.5, 1.0, 0.5, 1.0), np.array(-1e4)),
    ),
    Edge(
        "prelu.channels",
        Prelu,
        (np.array([[-1.0, 2.0], [-3.0, -5.0]]), floats(0.5, 0.25)),
        (np.array([[0.5, 1.0], [0.5, 0.25]]), floats(-4.0, -5.0)),
    ),
    edge_at("far_out", Glu, [2.0, 3.0, -1e4, _INF], [0.0, 1.0, 0.0, 0.0]),
]
