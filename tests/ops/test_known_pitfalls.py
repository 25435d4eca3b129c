"""What libraries of this kind are known to get wrong, on cases that were computed by hand.

The cases are small enough to be checked on paper, and such that the usual mistake gives another number.
"""

import math
from collections.abc import Callable, Mapping

import numpy as np
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad, vjp
from asg_builder import nn
from op_samples.sample import Array, floats

Unary = Callable[[asg.Tensor], asg.Tensor]
Ternary = Callable[[asg.Tensor, asg.Tensor, asg.Tensor], asg.Tensor]


def _run(graph: asg.Graph, arrays: Mapping[str, Array], cotangent: Array | float) -> tuple[Array, list[Array]]:
    """The output "y" of a graph, and the derivatives by each input of the output times a cotangent."""
    document = vjp(graph.document(), ["y"], list(arrays))
    dtype = next(iter(arrays.values())).dtype
    results = asg_executor.run(document, {**arrays, "cotangent.y": np.asarray(cotangent, dtype)})
    return results["y"], [results[f"grad.{name}"] for name in arrays]


def of_one(function: Unary, x: Array, cotangent: Array | float = 1.0) -> tuple[Array, Array]:
    """What a function of one array gives, and its derivative."""
    with asg.graph("pitfall") as graph:
        graph.output(y=function(asg.input("x", x.shape, x.dtype)))
    y, (by_x,) = _run(graph, {"x": x}, cotangent)
    return y, by_x


def of_three(
    function: Ternary, a: Array, b: Array, c: Array, cotangent: Array | float = 1.0
) -> tuple[Array, list[Array]]:
    """What a function of three arrays gives, and its derivatives."""
    arrays = {"a": a, "b": b, "c": c}
    with asg.graph("pitfall") as graph:
        tensors = [asg.input(name, array.shape, array.dtype) for name, array in arrays.items()]
        graph.output(y=function(tensors[0], tensors[1], tensors[2]))
    return _run(graph, arrays, cotangent)


def test_softmax_is_differentiated_row_by_row() -> None:
    # y · (ḡ - Σ ḡ y): the sums are 1/4 and 1. Over the whole array it would be 5/4, and no element right.
    x, g = np.array([[0.0, math.log(3.0)], [0.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    y, by_x = of_one(asg.softmax, x, g)
    np.testing.assert_allclose(y, [[1 / 4, 3 / 4], [1 / 2, 1 / 2]], rtol=1e-15)
    np.testing.assert_allclose(by_x, [[3 / 16, -3 / 16], [-1 / 2, 1 / 2]], rtol=1e-14)


def test_softmax_is_differentiated_column_by_column_along_axis_0() -> None:
    x, g = np.array([[0.0, 0.0], [math.log(3.0), 0.0]]), np.array([[1.0, 0.0], [0.0, 2.0]])
    _, by_x = of_one(lambda x: asg.softmax(x, axis=0), x, g)
    np.testing.assert_allclose(by_x, [[3 / 16, -1 / 2], [-3 / 16, 1 / 2]], rtol=1e-14)


def test_softmax_of_rows_that_do_not_influence_each_other() -> None:
    x = np.array([[1.0, 2.0, 4.0], [3.0, 3.0, 0.0]])
    _, by_x = of_one(asg.softmax, x, np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]]))
    np.testing.assert_array_equal(by_x[1], [0.0, 0.0, 0.0])
    np.testing.assert_allclose(by_x.sum(axis=1), [0.0, 0.0], atol=1e-15)


_CUMULATIVE, _DENSITY = 0.8413447460685429, 0.24197072451914337
"""Distribution function and density of the standard normal at 1 (any table of them)."""


def test_gelu_is_exact() -> None:
    x = floats(1.0, -1.0, 0.0)
    y, by_x = of_one(asg.gelu, x, np.ones(3))
    np.testing.assert_allclose(y, [_CUMULATIVE, _CUMULATIVE - 1.0, 0.0], rtol=1e-14)
    # Φ(x) + x · φ(x); without the second term it would be 0.84 at 1.
    right, left = _CUMULATIVE + _DENSITY, 1.0 - _CUMULATIVE - _DENSITY
    np.testing.assert_allclose(by_x, [right, left, 0.5], rtol=1e-13)


def test_gelu_by_tanh_is_another_function() -> None:
    # At 1 the tanh is of √(2/π) · 1.044715 = 0.8335669, so 0.6823840; and t² = 0.4656479.
    y, by_x = of_one(lambda x: asg.gelu(x, "tanh"), floats(1.0), np.ones(1))
    np.testing.assert_allclose(y, [0.8411920], rtol=1e-7)
    np.testing.assert_allclose(by_x, [0.8411920 + 0.5 * 0.5343521 * 0.7978846 * 1.134145], rtol=1e-6)


def test_values_that_broadcast_in_the_middle() -> None:
    # Σ (a_i + b_j) · c_k over i < 2, j < 3, k < 2.
    a, b, c = np.array([[1.0], [2.0]]), np.array([[10.0, 20.0, 30.0]]), np.array([[[5.0]], [[7.0]]])
    y, (by_a, by_b, by_c) = of_three(lambda a, b, c: asg.sum((a + b) * c), a, b, c)
    assert y == (3 * (1 + 2) + 2 * (10 + 20 + 30)) * (5 + 7)
    np.testing.assert_array_equal(by_a, [[36.0], [36.0]])  # 3 · (5 + 7)
    np.testing.assert_array_equal(by_b, [[24.0, 24.0, 24.0]])  # 2 · (5 + 7)
    np.testing.assert_array_equal(by_c, [[[129.0]], [[129.0]]])  # 3 · 3 + 2 · 60


def test_a_computed_value_that_broadcasts_against_what_it_came_from() -> None:
    # x / Σ x row by row: of y[0, 0] = 1/4 the derivatives are 1/4 - 1/16 and -1/16.
    x, g = np.array([[1.0, 3.0], [5.0, 5.0]]), np.array([[1.0, 0.0], [0.0, 0.0]])
    y, by_x = of_one(lambda x: x / asg.sum(x, axis=1, keepdims=True), x, g)
    np.testing.assert_array_equal(y, [[0.25, 0.75], [0.5, 0.5]])
    np.testing.assert_allclose(by_x, [[3 / 16, -1 / 16], [0.0, 0.0]], rtol=1e-15)


def test_a_scalar_that_was_computed_and_broadcasts() -> None:
    # s = Σ x = 6; y = s · x; of Σ y the derivative is s + Σ x = 12 for each.
    _, by_x = of_one(lambda x: asg.sum(x) * x, floats(1.0, 2.0, 3.0), np.ones(3))
    np.testing.assert_array_equal(by_x, [12.0, 12.0, 12.0])


@pytest.mark.parametrize(("correction", "variance"), [(0.0, 1.25), (1.0, 5 / 3)])
def test_variance(correction: float, variance: float) -> None:
    y, by_x = of_one(lambda x: asg.var(x, correction=correction), floats(1.0, 2.0, 3.0, 4.0))
    np.testing.assert_allclose(y, variance, rtol=1e-15)
    np.testing.assert_allclose(by_x, floats(-3.0, -1.0, 1.0, 3.0) / (4.0 - correction), rtol=1e-15)


def test_variance_of_rows() -> None:
    x = np.array([[1.0, 3.0], [10.0, 20.0]])
    y, by_x = of_one(lambda x: asg.var(x, axis=1), x, np.array([1.0, 2.0]))
    np.testing.assert_array_equal(y, [1.0, 25.0])
    np.testing.assert_array_equal(by_x, [[-1.0, 1.0], [-10.0, 10.0]])


def test_variance_beside_a_large_mean() -> None:
    # The mean of squares minus the square of the mean would be off by 10 and more here.
    x = np.array([1e4 + 1.0, 1e4 + 2.0, 1e4 + 3.0, 1e4 + 4.0], np.float32)
    y, by_x = of_one(asg.var, x)
    assert y == 1.25
    np.testing.assert_array_equal(by_x, np.array([-0.75, -0.25, 0.25, 0.75], np.float32))


NORMS: list[tuple[str, Unary]] = [
    ("layer_norm", lambda x: asg.layer_norm(asg.reshape(x, (4,)), normalized_shape=(4,), eps=0.0)),
    ("group_norm", lambda x: asg.group_norm(asg.reshape(x, (1, 4)), num_groups=1, eps=0.0)),
    ("instance_norm", lambda x: asg.instance_norm(asg.reshape(x, (1, 1, 4)), eps=0.0)),
    (
        "batch_norm",
        lambda x: asg.batch_norm(asg.reshape(x, (4, 1)), asg.mean(x, axis=0), asg.var(x, axis=0), eps=0.0),
    ),
]


@pytest.mark.parametrize("norm", [function for _, function in NORMS], ids=[name for name, _ in NORMS])
def test_norms_beside_a_large_mean(norm: Unary) -> None:
    x = np.array([[1e4 + 1.0], [1e4 + 2.0], [1e4 + 3.0], [1e4 + 4.0]], np.float32)
    y, _ = of_one(lambda x: asg.reshape(norm(x), (4,)), x, np.ones(4))
    np.testing.assert_allclose(y, np.array([-1.5, -0.5, 0.5, 1.5]) / math.sqrt(1.25), rtol=1e-6)


@pytest.mark.parametrize("shape", [(3, 1), (1, 3)])
def test_norms_are_differentiated_through_mean_and_variance(shape: tuple[int, int]) -> None:
    # Of 0, 1, 2 the mean is 1 and the variance 2/3, so 1/deviation is s = √1.5. Of the first normalised element the
    # derivatives are s · (1 - 1/3 - s²/3), -s/3 and s · (-1/3 + s²/3). As constants they would be s, 0 and 0.
    s = math.sqrt(1.5)
    x, g = np.array([0.0, 1.0, 2.0]).reshape(shape), np.array([1.0, 0.0, 0.0]).reshape(shape)

    def norm(x: asg.Tensor) -> asg.Tensor:
        if shape == (1, 3):
            return asg.layer_norm(x, normalized_shape=(3,), eps=0.0)
        return asg.batch_norm(x, asg.mean(x, axis=0), asg.var(x, axis=0), eps=0.0)

    y, by_x = of_one(norm, x, g)
    np.testing.assert_allclose(y.reshape(-1), [-s, 0.0, s], rtol=1e-15)
    np.testing.assert_allclose(by_x.reshape(-1), [s / 6, -s / 3, s / 6], rtol=1e-13)


def test_layer_norm_weight_and_bias_are_summed_over_rows() -> None:
    # Of [1, 3] and [5, 1] the normalised rows are [-1, 1] and [1, -1].
    x, g = np.array([[1.0, 3.0], [5.0, 1.0]]), np.array([[1.0, 2.0], [3.0, 4.0]])
    _, (_, by_weight, by_bias) = of_three(
        lambda x, w, b: asg.layer_norm(x, w, b, normalized_shape=(2,), eps=0.0), x, np.ones(2), np.zeros(2), g
    )
    np.testing.assert_array_equal(by_weight, [-1.0 + 3.0, 2.0 - 4.0])
    np.testing.assert_array_equal(by_bias, [4.0, 6.0])


def test_batch_norm_normalises_by_the_biased_variance_and_keeps_the_unbiased_one() -> None:
    # Of 1 and 3 the mean is 2 and the variance 1; with correction 1 it is 2.
    layer = nn.BatchNorm1d(1, eps=0.0, dtype="float64", name="norm")
    with asg.graph("train") as graph:
        y = layer(asg.input("x", (2, 1), "float64"))
        graph.output(y=y, loss=asg.sum(y))
    document = grad(graph.document(), of="loss")
    session = asg_executor.Session({"train": document}, optimizer={"kind": "sgd", "learning_rate": 0.0}, seed=0)
    outputs = session.step({"x": np.array([[1.0], [3.0]])})
    np.testing.assert_array_equal(outputs["y"], [[-1.0], [1.0]])
    parameters = session.parameters()
    np.testing.assert_allclose(parameters["norm.running_mean"], [0.1 * 2.0], rtol=1e-15)
    np.testing.assert_allclose(parameters["norm.running_var"], [0.9 * 1.0 + 0.1 * 2.0], rtol=1e-15)
