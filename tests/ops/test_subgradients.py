"""Derivatives where a function has a kink, a tie or a pole: what the ops' definitions pin down."""

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import vjp
from asg_schema.composites.contraction import Attention
from asg_schema.composites.elementwise import Clip, LeakyRelu, Relu, Softplus
from asg_schema.composites.reduction import CrossEntropy, LayerNorm, LogSoftmax, Logsumexp, Softmax, Var
from asg_schema.document import Input, Output
from asg_schema.editing import Editor
from asg_schema.op import Op
from asg_schema.ops.control import Barrier
from asg_schema.ops.elementwise import (
    Abs,
    Astype,
    Atan2,
    Ceil,
    Floor,
    Lgamma,
    Log,
    Maximum,
    Minimum,
    Pow,
    Remainder,
    Round,
    Sigmoid,
    Sign,
    Sqrt,
    StopGradient,
    Tanh,
    Where,
)
from asg_schema.ops.reduction import Max, Min, Prod
from op_samples.sample import Array, Sample, array_dtype, dtype_of, floats, sample_document, sample_inputs

INF, NAN = math.inf, math.nan


def gradients(op: type[Op], *operands: Array, order: int = 1, **attributes: Any) -> list[Array]:
    """The derivatives of the sum of an op's result by each float operand; at `order` 2 those of their sum."""
    sample = Sample("edge", op, operands, attributes, lambda: np.zeros(()))
    document = sample_document(sample)
    wrt = [f"x{index}" for index, operand in enumerate(operands) if dtype_of(operand).is_floating]
    inputs = dict(sample_inputs(sample))
    outputs = ["y0"]
    for _ in range(order):
        result = vjp(document, outputs, wrt)
        for item in result.inputs[len(document.inputs) :]:
            inputs[item.id] = np.ones([int(str(dim)) for dim in item.shape], array_dtype(item.dtype))
        outputs = [item.name for item in result.outputs[len(document.outputs) :]]
        document = result
    results = asg_executor.run(document, inputs, engine="numpy", outputs=outputs)
    return [results[name] for name in outputs]


@pytest.mark.parametrize(
    ("op", "attributes", "x", "expected"),
    [
        (Abs, {}, [0.0, -0.0, -2.0, 2.0], [0.0, 0.0, -1.0, 1.0]),
        (Sign, {}, [0.0, -2.0, 2.0], [0.0, 0.0, 0.0]),
        (Floor, {}, [0.0, -2.0, 2.5], [0.0, 0.0, 0.0]),
        (Ceil, {}, [0.0, -2.0, 2.5], [0.0, 0.0, 0.0]),
        (Round, {}, [0.0, -2.5, 2.5], [0.0, 0.0, 0.0]),
        (Relu, {}, [0.0, -0.0, -2.0, 2.0, INF], [0.0, 0.0, 0.0, 1.0, 1.0]),
        (LeakyRelu, {"negative_slope": 0.2}, [0.0, -2.0, 2.0], [0.2, 0.2, 1.0]),
        (Clip, {"min": -1.0, "max": 2.0}, [-1.0, 2.0, -1.5, 2.5, 0.0, NAN], [1.0, 1.0, 0.0, 0.0, 1.0, 0.0]),
        (Clip, {"min": 1.0, "max": 1.0}, [1.0, 0.0, 2.0], [1.0, 0.0, 0.0]),
        (Softplus, {}, [0.0, 800.0, -800.0, INF, -INF], [0.5, 1.0, 0.0, 1.0, 0.0]),
        (Sigmoid, {}, [800.0, -800.0], [0.0, 0.0]),
        (Tanh, {}, [800.0, -800.0], [0.0, 0.0]),
        (Sqrt, {}, [0.0, 4.0], [INF, 0.25]),
        (Log, {}, [0.0, 4.0], [INF, 0.25]),
        (Max, {}, [1.0, 3.0, 3.0, 2.0, 3.0], [0.0, 1 / 3, 1 / 3, 0.0, 1 / 3]),
        (Min, {}, [1.0, 3.0, 1.0, 2.0], [0.5, 0.0, 0.5, 0.0]),
        (Max, {}, [INF, 1.0, INF], [0.5, 0.0, 0.5]),
        (Max, {}, [-INF, -INF], [0.5, 0.5]),
        (Logsumexp, {}, [2.0, -INF, 2.0], [0.5, 0.0, 0.5]),
        (Logsumexp, {}, [-INF, -INF], [0.0, 0.0]),
        (Logsumexp, {}, [INF, 2.0], [NAN, 0.0]),
        (Logsumexp, {}, [NAN, 2.0], [NAN, NAN]),
        (Var, {}, [3.0, 3.0], [0.0, 0.0]),
        (Barrier, {}, [0.0, INF], [1.0, 1.0]),
        (Astype, {"dtype": "float32"}, [0.1, 3.0], [1.0, 1.0]),
        (Astype, {"dtype": "bfloat16"}, [0.1, 3.0], [1.0, 1.0]),
    ],
)
def test_first_order(op: type[Op], attributes: dict[str, Any], x: list[float], expected: list[float]) -> None:
    (actual,) = gradients(op, floats(*x), **attributes)
    np.testing.assert_allclose(actual, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("op", "attributes", "x"),
    [
        (Abs, {}, [0.0, -2.0, 2.0]),
        (Relu, {}, [0.0, -2.0, 2.0]),
        (LeakyRelu, {}, [0.0, -2.0, 2.0]),
        (Clip, {"min": -1.0, "max": 2.0}, [-1.0, 2.0, 0.0]),
        (Max, {}, [1.0, 3.0, 3.0]),
        (Min, {}, [1.0, 3.0, 1.0]),
    ],
)
def test_second_order_is_zero_at_kinks(op: type[Op], attributes: dict[str, Any], x: list[float]) -> None:
    np.testing.assert_array_equal(gradients(op, floats(*x), order=2, **attributes)[0], np.zeros(len(x)))


@pytest.mark.parametrize(
    ("op", "a", "b", "by_a", "by_b"),
    [
        (Maximum, [1.0, 2.0, 3.0, INF], [1.0, 3.0, 2.0, INF], [0.5, 0.0, 1.0, 0.5], [0.5, 1.0, 0.0, 0.5]),
        (Minimum, [1.0, 2.0, 3.0, 0.0], [1.0, 3.0, 2.0, -0.0], [0.5, 1.0, 0.0, 0.5], [0.5, 0.0, 1.0, 0.5]),
        (Atan2, [0.0], [0.0], [0.0], [0.0]),
        (Atan2, [0.0, 0.0], [1.0, -2.0], [1.0, -0.5], [0.0, 0.0]),
        (Remainder, [5.5, -5.5, 6.0], [2.0, 2.0, 3.0], [1.0, 1.0, 1.0], [-2.0, 3.0, -2.0]),
        # pow(0, b) is flat in b, pow(a, 0) in a, and at a negative base there is no derivative by the exponent.
        (
            Pow,
            [0.0, 0.0, 0.0, 0.0, 2.0, -2.0],
            [0.0, 1.0, 2.0, 0.5, 0.0, 3.0],
            [0.0, 1.0, 0.0, INF, 0.0, 12.0],
            [0.0, 0.0, 0.0, 0.0, math.log(2.0), NAN],
        ),
    ],
)
def test_two_operands(op: type[Op], a: list[float], b: list[float], by_a: list[float], by_b: list[float]) -> None:
    actual = gradients(op, floats(*a), floats(*b))
    np.testing.assert_allclose(actual[0], by_a, rtol=1e-15)
    np.testing.assert_allclose(actual[1], by_b, rtol=1e-15)


def test_lgamma_left_of_zero_at_every_order() -> None:
    # ψ(x) = ψ(x + 1) - 1/x and its derivatives; at 1/2, ψ and its derivatives are -euler - 2 log 2, π²/2 and -14 ζ(3)
    # (https://dlmf.nist.gov/5.4, https://dlmf.nist.gov/5.15).
    x, zeta_3 = floats(-0.5), 1.2020569031595942
    (first,), (second,), (third,) = (gradients(Lgamma, x, order=order) for order in (1, 2, 3))
    np.testing.assert_allclose(first, [2.0 - np.euler_gamma - 2.0 * math.log(2.0)], rtol=1e-13)
    np.testing.assert_allclose(second, [math.pi**2 / 2 + 4.0], rtol=1e-13)
    np.testing.assert_allclose(third, [16.0 - 14.0 * zeta_3], rtol=1e-12)


def test_constant_exponents_at_zero_at_second_order() -> None:
    # x⁰, x¹, x² and x³ at 0: a NaN would come from 0 · log 0 or 0 · inf.
    editor = Editor()
    x = editor.add_input(Input.model_validate({"id": "x0", "dtype": "float64", "shape": [4]}))
    exponents = editor.add_input(Input.model_validate({"id": "x1", "dtype": "float64", "shape": [4]}))
    editor.add_output(Output(name="y0", value=Pow.of(x, exponents).id))
    first = vjp(editor.document(), ["y0"], ["x0"])
    second = vjp(first, ["grad.x0"], ["x0"])
    ones = {item.id: np.ones(4) for item in second.inputs}
    results = asg_executor.run(second, {**ones, "x0": np.zeros(4), "x1": floats(0.0, 1.0, 2.0, 3.0)}, engine="numpy")
    np.testing.assert_array_equal(results["grad.x0"], [0.0, 1.0, 0.0, 0.0])
    np.testing.assert_array_equal(results["grad2.x0"], [0.0, 0.0, 2.0, 0.0])


def product_without(x: Array, left_out: tuple[int, ...]) -> float:
    return math.prod(value for index, value in enumerate(x.tolist()) if index not in left_out)


def derivative_sums(x: Array, order: int) -> Array:
    """The derivatives by each element of the sum of all derivatives of the product of one order less."""
    result = np.zeros(len(x))
    for places in permutations(range(len(x)), order):
        result[places[0]] += product_without(x, places)
    return result


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("x", [[2.0, -3.0, 5.0, 7.0], [2.0, 0.0, 5.0, 7.0], [0.0, 3.0, 0.0, 7.0], [0.0, 3.0, 0.0, 0.0]])
def test_prod_with_zeros(x: list[float], order: int) -> None:
    (actual,) = gradients(Prod, floats(*x), order=order)
    np.testing.assert_allclose(actual, derivative_sums(floats(*x), order), rtol=1e-14)


@pytest.mark.parametrize("attributes", [{"axis": [1]}, {"axis": [1], "keepdims": True}, {"axis": [-2]}])
def test_prod_with_zeros_along_an_axis(attributes: dict[str, Any]) -> None:
    x = np.array([[2.0, 0.0, 5.0], [0.0, 0.0, 3.0]])
    (actual,) = gradients(Prod, x, order=2, **attributes)
    lines = x if attributes["axis"] == [1] else x.T
    expected = np.array([derivative_sums(line, 2) for line in lines])
    np.testing.assert_array_equal(actual, expected if attributes["axis"] == [1] else expected.T)


def test_where_gives_the_branch_not_taken_zero() -> None:
    mask = np.array([True, False])
    by_a, by_b = gradients(Where, mask, floats(1.0, NAN), floats(INF, 2.0))
    np.testing.assert_array_equal(by_a, [1.0, 0.0])
    np.testing.assert_array_equal(by_b, [0.0, 1.0])


def test_where_does_not_hide_a_pole_in_the_branch_not_taken() -> None:
    # 0 · (1 / 0) is NaN, as in PyTorch and JAX: the operand has to be made safe before the op with the pole.
    editor = Editor()
    x = editor.add_input(Input.model_validate({"id": "x", "dtype": "float64", "shape": [2]}))
    mask = editor.add_input(Input.model_validate({"id": "mask", "dtype": "bool", "shape": [2]}))
    zero = x.scalar(0.0)
    safe = Where.of(mask, x, x.scalar(1.0))
    editor.add_output(Output(name="plain", value=Where.of(mask, Log.of(x), zero).id))
    editor.add_output(Output(name="safe", value=Where.of(mask, Log.of(safe), zero).id))
    inputs = {"x": floats(0.0, 2.0), "mask": np.array([False, True])}
    for name, expected in (("plain", [NAN, 0.5]), ("safe", [0.0, 0.5])):
        document = vjp(editor.document(), [name], ["x"])
        results = asg_executor.run(document, {**inputs, f"cotangent.{name}": np.ones(2)}, engine="numpy")
        np.testing.assert_array_equal(results["grad.x"], expected)


def test_max_shares_ties_within_each_group() -> None:
    (actual,) = gradients(Max, np.array([[1.0, 1.0, 0.0], [2.0, 3.0, 3.0]]), axis=[1])
    np.testing.assert_array_equal(actual, [[0.5, 0.5, 0.0], [0.0, 0.5, 0.5]])


def test_stop_gradient_is_a_constant() -> None:
    editor = Editor()
    x = editor.add_input(Input.model_validate({"id": "x", "dtype": "float64", "shape": [2]}))
    editor.add_output(Output(name="y", value=(x * StopGradient.of(x)).id))
    document = vjp(editor.document(), ["y"], ["x"])
    results = asg_executor.run(document, {"x": floats(3.0, 5.0), "cotangent.y": np.ones(2)}, engine="numpy")
    np.testing.assert_array_equal(results["grad.x"], [3.0, 5.0])


def test_astype_through_an_integer_has_derivative_zero() -> None:
    editor = Editor()
    x = editor.add_input(Input.model_validate({"id": "x", "dtype": "float64", "shape": [2]}))
    whole = Astype.of(Astype.of(x, dtype="int64"), dtype="float64")
    editor.add_output(Output(name="y", value=(x * whole).id))
    document = vjp(editor.document(), ["y"], ["x"])
    results = asg_executor.run(document, {"x": floats(3.5, -5.5), "cotangent.y": np.ones(2)}, engine="numpy")
    np.testing.assert_array_equal(results["grad.x"], [3.0, -5.0])


@pytest.mark.parametrize("op", [Softmax, LogSoftmax])
def test_softmax_of_masked_scores_has_finite_derivatives(op: type[Op]) -> None:
    first = gradients(op, floats(1.0, -INF, 2.0))[0]
    if op is Softmax:
        np.testing.assert_allclose(first, [0.0, 0.0, 0.0], atol=1e-16)
    else:
        weights = np.exp([1.0, -INF, 2.0]) / np.exp([1.0, -INF, 2.0]).sum()
        np.testing.assert_allclose(first, 1.0 - 3.0 * weights, rtol=1e-14)


def test_attention_of_a_query_shut_out_has_derivative_zero() -> None:
    query, key, value = np.ones((2, 3)), np.arange(6.0).reshape(2, 3), np.arange(4.0).reshape(2, 2)
    mask = np.array([[False, False], [True, False]])
    by_query, by_key, by_value = gradients(Attention, query, key, value, mask)
    np.testing.assert_array_equal(by_query, np.zeros((2, 3)))
    np.testing.assert_array_equal(by_key, np.zeros((2, 3)))
    np.testing.assert_array_equal(by_value, [[1.0, 1.0], [0.0, 0.0]])


def test_layer_norm_of_equal_elements_has_a_finite_derivative() -> None:
    (actual,) = gradients(LayerNorm, np.full((2, 3), 0.75), normalized_shape=[3])
    np.testing.assert_allclose(actual, np.zeros((2, 3)), atol=1e-13)


def test_cross_entropy_of_certain_scores() -> None:
    (by_scores,) = gradients(CrossEntropy, np.array([[1000.0, -1000.0]]), np.array([0]))
    np.testing.assert_array_equal(by_scores, [[0.0, 0.0]])
