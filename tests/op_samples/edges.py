"""Derivatives where a function has a kink, a tie or a pole, as the ops' definitions pin them down, written out."""

import math
from itertools import permutations
from typing import Any

import numpy as np

from asg_schema.composites.contraction import Attention
from asg_schema.composites.contraction_products import CosineSimilarity, PairwiseDistance
from asg_schema.composites.elementwise import Clip, LeakyRelu, Relu, Softplus
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Softmax, Var
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Astype,
    Ceil,
    Floor,
    Maximum,
    Minimum,
    Pow,
    Remainder,
    Round,
    Sign,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Atan2,
    Lgamma,
    Log,
    Sigmoid,
    Sqrt,
    Tanh,
)
from asg_schema.ops.reduction import Max, Min, Prod
from op_samples.edge import Edge, edge_at
from op_samples.edges_of_activations import ACTIVATION_EDGES
from op_samples.sample import Array, floats

__all__ = ["EDGES", "Edge"]

_INF, _NAN = math.inf, math.nan


_OF_ONE_OPERAND = [
    edge_at("kink", Abs, [0.0, -0.0, -2.0, 2.0], [0.0, 0.0, -1.0, 1.0]),
    edge_at("steps", Sign, [0.0, -2.0, 2.0], [0.0, 0.0, 0.0]),
    edge_at("steps", Floor, [0.0, -2.0, 2.5], [0.0, 0.0, 0.0]),
    edge_at("steps", Ceil, [0.0, -2.0, 2.5], [0.0, 0.0, 0.0]),
    edge_at("steps", Round, [0.0, -2.5, 2.5], [0.0, 0.0, 0.0]),
    edge_at("kink", Relu, [0.0, -0.0, -2.0, 2.0, _INF], [0.0, 0.0, 0.0, 1.0, 1.0]),
    edge_at("kink", LeakyRelu, [0.0, -2.0, 2.0], [0.2, 0.2, 1.0], negative_slope=0.2),
    edge_at("bounds", Clip, [-1.0, 2.0, -1.5, 2.5, 0.0, _NAN], [1.0, 1.0, 0.0, 0.0, 1.0, 0.0], min=-1.0, max=2.0),
    edge_at("equal_bounds", Clip, [1.0, 0.0, 2.0], [1.0, 0.0, 0.0], min=1.0, max=1.0),
    edge_at("far_out", Softplus, [0.0, 800.0, -800.0, _INF, -_INF], [0.5, 1.0, 0.0, 1.0, 0.0]),
    edge_at("far_out", Sigmoid, [800.0, -800.0], [0.0, 0.0]),
    edge_at("far_out", Tanh, [800.0, -800.0], [0.0, 0.0]),
    edge_at("pole", Sqrt, [0.0, 4.0], [_INF, 0.25]),
    edge_at("pole", Log, [0.0, 4.0], [_INF, 0.25]),
    edge_at("ties", Max, [1.0, 3.0, 3.0, 2.0, 3.0], [0.0, 1 / 3, 1 / 3, 0.0, 1 / 3]),
    edge_at("ties", Min, [1.0, 3.0, 1.0, 2.0], [0.5, 0.0, 0.5, 0.0]),
    edge_at("tied_infinities", Max, [_INF, 1.0, _INF], [0.5, 0.0, 0.5]),
    edge_at("all_lowest", Max, [-_INF, -_INF], [0.5, 0.5]),
    edge_at("nan", Max, [_NAN, 1.0], [0.0, 0.0]),
    edge_at("masked", Logsumexp, [2.0, -_INF, 2.0], [0.5, 0.0, 0.5]),
    edge_at("all_masked", Logsumexp, [-_INF, -_INF], [0.0, 0.0]),
    edge_at("infinity", Logsumexp, [_INF, 2.0], [_NAN, 0.0]),
    edge_at("nan", Logsumexp, [_NAN, 2.0], [_NAN, _NAN]),
    edge_at("equal_elements", Var, [3.0, 3.0], [0.0, 0.0]),
    edge_at("not_finite", Barrier, [0.0, _INF], [1.0, 1.0]),
    edge_at("to_float32", Astype, [0.1, 3.0], [1.0, 1.0], dtype="float32"),
    edge_at("to_bfloat16", Astype, [0.1, 3.0], [1.0, 1.0], dtype="bfloat16"),
]


def _flat(op: type[Op], x: list[float], **attributes: Any) -> Edge:
    return Edge(f"{op.name}.second_order", op, (floats(*x),), (np.zeros(len(x)),), attributes, order=2)


_FLAT_AT_SECOND_ORDER = [
    _flat(Abs, [0.0, -2.0, 2.0]),
    _flat(Relu, [0.0, -2.0, 2.0]),
    _flat(LeakyRelu, [0.0, -2.0, 2.0]),
    _flat(Clip, [-1.0, 2.0, 0.0], min=-1.0, max=2.0),
    _flat(Max, [1.0, 3.0, 3.0]),
    _flat(Min, [1.0, 3.0, 1.0]),
]


def _two(name: str, op: type[Op], a: list[float], b: list[float], by_a: list[float], by_b: list[float]) -> Edge:
    return Edge(f"{op.name}.{name}", op, (floats(*a), floats(*b)), (floats(*by_a), floats(*by_b)))


_OF_TWO_OPERANDS = [
    _two("ties", Maximum, [1.0, 2.0, 3.0, _INF], [1.0, 3.0, 2.0, _INF], [0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.5]),
    _two("ties", Minimum, [1.0, 2.0, 3.0, 0.0], [1.0, 3.0, 2.0, -0.0], [0.5, 1.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.5]),
    _two("nan", Maximum, [_NAN, 1.0], [1.0, _NAN], [0.0, 0.0], [0.0, 0.0]),
    _two("origin", Atan2, [0.0], [0.0], [0.0], [0.0]),
    _two("axis", Atan2, [0.0, 0.0], [1.0, -2.0], [1.0, -0.5], [0.0, 0.0]),
    _two("steps", Remainder, [5.5, -5.5, 6.0], [2.0, 2.0, 3.0], [1.0, 1.0, 1.0], [-2.0, 3.0, -2.0]),
    # pow(0, b) is flat in b, pow(a, 0) in a, and at a negative base there is no derivative by the exponent.
    _two(
        "zeros",
        Pow,
        [0.0, 0.0, 0.0, 0.0, 2.0, -2.0],
        [0.0, 1.0, 2.0, 0.5, 0.0, 3.0],
        [0.0, 1.0, 0.0, _INF, 0.0, 12.0],
        [0.0, 0.0, 0.0, 0.0, math.log(2.0), _NAN],
    ),
]


def _product_without(x: Array, left_out: tuple[int, ...]) -> float:
    return math.prod(value for index, value in enumerate(x.tolist()) if index not in left_out)


def _derivative_sums(x: Array, order: int) -> Array:
    """The derivatives by each element of the sum of all derivatives of the product of one order less."""
    result = np.zeros(len(x))
    for places in permutations(range(len(x)), order):
        result[places[0]] += _product_without(x, places)
    return result


def _product(x: Array, order: int) -> Edge:
    zeros = int(np.sum(x == 0))
    return Edge(
        f"prod.{zeros}_zeros_order_{order}", Prod, (x,), (_derivative_sums(x, order),), order=order, relative=1e-14
    )


_LINES = np.array([[2.0, 0.0, 5.0], [0.0, 0.0, 3.0]])


def _product_of_lines(name: str, gradient: list[Array], **attributes: Any) -> Edge:
    return Edge(f"prod.{name}", Prod, (_LINES,), (np.array(gradient),), attributes, order=2)


_BY_ROW = [_derivative_sums(line, 2) for line in _LINES]
_BY_COLUMN = [_derivative_sums(line, 2) for line in _LINES.T]

_PRODUCTS = [
    *(
        _product(floats(*x), order)
        for order in (1, 2, 3)
        for x in ([2.0, -3.0, 5.0, 7.0], [2.0, 0.0, 5.0, 7.0], [0.0, 3.0, 0.0, 7.0], [0.0, 3.0, 0.0, 0.0])
    ),
    _product_of_lines("zeros_in_rows", _BY_ROW, axis=[1]),
    _product_of_lines("zeros_in_rows_kept", _BY_ROW, axis=[1], keepdims=True),
    _product_of_lines("zeros_in_columns", [*np.array(_BY_COLUMN).T], axis=[-2]),
]

_ZETA_3 = 1.2020569031595942
_MASKED = np.exp([1.0, -_INF, 2.0]) / np.exp([1.0, -_INF, 2.0]).sum()
_SHUT_OUT = (
    np.ones((2, 3)),
    np.arange(6.0).reshape(2, 3),
    np.arange(4.0).reshape(2, 2),
    np.array([[False, False], [True, False]]),
)

_OTHERS = [
    # ψ(x) = ψ(x + 1) - 1/x and its derivatives; at 1/2, ψ and its derivatives are -euler - 2 log 2, π²/2 and -14 ζ(3)
    # (https://dlmf.nist.gov/5.4, https://dlmf.nist.gov/5.15).
    *(
        Edge(f"lgamma.left_of_zero_order_{order}", Lgamma, (floats(-0.5),), (floats(value),), {}, order, 1e-12)
        for order, value in (
            (1, 2.0 - np.euler_gamma - 2.0 * math.log(2.0)),
            (2, math.pi**2 / 2 + 4.0),
            (3, 16.0 - 14.0 * _ZETA_3),
        )
    ),
    Edge(
        "max.ties_in_each_group",
        Max,
        (np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]]),),
        (np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]]),),
        {"axis": [1]},
    ),
    Edge(
        "where.branch_not_taken",
        Where,
        (np.array([True, False]), floats(1.0, _NAN), floats(_INF, 2.0)),
        (floats(1.0, 0.0), floats(0.0, 1.0)),
    ),
    Edge("softmax.masked", Softmax, (floats(1.0, -_INF, 2.0),), (np.zeros(3),), absolute=1e-15),
    Edge("log_softmax.masked", LogSoftmax, (floats(1.0, -_INF, 2.0),), (1.0 - 3.0 * _MASKED,), relative=1e-14),
    Edge(
        "attention.query_shut_out",
        Attention,
        _SHUT_OUT,
        (np.zeros((2, 3)), np.zeros((2, 3)), np.array([[1.0, 1.0], [0.0, 0.0]])),
    ),
    Edge(
        "layer_norm.equal_elements",
        LayerNorm,
        (np.full((2, 3), 0.75),),
        (np.zeros((2, 3)),),
        {"normalized_shape": [3]},
        absolute=1e-13,
    ),
    Edge(
        "cosine_similarity.vector_of_zeros",  # u2 / eps, and 0
        CosineSimilarity,
        (np.zeros((1, 2)), np.array([[3.0, 4.0]])),
        (np.array([[0.6, 0.8]]) / 1e-8, np.zeros((1, 2))),
    ),
    Edge(
        "cosine_similarity.shorter_than_eps",
        CosineSimilarity,
        (np.array([[0.0, 0.25]]), np.array([[3.0, 4.0]])),
        (np.array([[1.2, 1.6]]), np.array([[-0.048, 0.036]])),
        {"eps": 0.5},
        relative=1e-14,
    ),
    Edge(
        "pairwise_distance.equal",
        PairwiseDistance,
        (floats(1.0, 2.0), floats(1.0, 2.0)),
        (np.zeros(2), np.zeros(2)),
        {"eps": 0.0},
    ),
    Edge(
        "cross_entropy.certain_scores",
        CrossEntropy,
        (np.array([[1000.0, -1000.0]]), np.array([0])),
        (np.array([[0.0, 0.0]]),),
    ),
    Edge(
        "cross_entropy.ignored",
        CrossEntropy,
        (np.array([[0.0, 0.0], [3.0, -3.0]]), np.array([1, -100])),
        (np.array([[0.5, -0.5], [0.0, 0.0]]),),
        {"ignore_index": -100},
    ),
    Edge(
        "cross_entropy.all_ignored",
        CrossEntropy,
        (np.array([[0.0, 0.0], [3.0, -3.0]]), np.array([-1, -1])),
        (np.zeros((2, 2)),),
        {"ignore_index": -1, "label_smoothing": 0.5},
    ),
    Edge("nll.all_ignored", Nll, (np.array([[-1.0, -2.0]]), np.array([-1])), (np.zeros((1, 2)),), {"ignore_index": -1}),
    Edge(
        "binary_cross_entropy.certain",
        BinaryCrossEntropy,
        (floats(0.0, 0.0, 1.0, 1.0), floats(0.0, 1.0, 0.0, 1.0)),
        (floats(0.0, -1e12, 1e12, 0.0), floats(100.0, 100.0, -100.0, -100.0)),
        {"reduction": "sum"},
    ),
]

EDGES: list[Edge] = [
    *_OF_ONE_OPERAND,
    *ACTIVATION_EDGES,
    *_FLAT_AT_SECOND_ORDER,
    *_OF_TWO_OPERANDS,
    *_PRODUCTS,
    *_OTHERS,
]
