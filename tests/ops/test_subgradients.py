"""Derivatives where a function has a kink, a tie or a pole: what the ops' definitions pin down."""

import math

import numpy as np
import pytest

import asg_executor
from asg_autograd import grad, vjp
from asg_schema.composites.reduction_losses import CrossEntropy
from asg_schema.document import Input, Output
from asg_schema.editing import Editor
from asg_schema.ops.elementwise import Astype, Pow, StopGradient, Where
from asg_schema.ops.elementwise_functions import Log
from op_samples.derivatives import gradients, tangents
from op_samples.edges import EDGES, Edge
from op_samples.sample import floats

NAN = math.nan


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: edge.id)
def test_edge(edge: Edge) -> None:
    actual_gradients = gradients(edge.op, edge.operands, edge.attributes, edge.order)
    for actual, expected in zip(actual_gradients, edge.gradients, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=edge.relative, atol=edge.absolute)


# An element that does not move adds 0 times its derivative to the tangent, which hides that of the others.
HIDDEN = {"logsumexp.infinity"}


@pytest.mark.parametrize("edge", [edge for edge in EDGES if edge.id not in HIDDEN], ids=lambda edge: edge.id)
def test_edge_by_forward_mode(edge: Edge) -> None:
    actual_tangents = tangents(edge.op, edge.operands, edge.attributes, edge.order)
    for actual, expected in zip(actual_tangents, edge.gradients, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=edge.relative, atol=edge.absolute)


def test_ids_are_unique_and_begin_with_their_op() -> None:
    ids = [edge.id for edge in EDGES]
    assert set(ids) >= HIDDEN
    assert len(set(ids)) == len(ids)
    assert [edge.id for edge in EDGES if not edge.id.startswith(f"{edge.op.name}.")] == []


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


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_an_ignored_line_of_cross_entropy_has_no_gradient_whatever_its_scores(label_smoothing: float) -> None:
    editor = Editor()
    scores = editor.add_input(Input.model_validate({"id": "scores", "dtype": "float64", "shape": [3, 2]}))
    target = editor.add_input(Input.model_validate({"id": "target", "dtype": "int64", "shape": [3]}))
    loss = CrossEntropy.of(scores, target, ignore_index=-1, label_smoothing=label_smoothing, reduction="sum")
    editor.add_output(Output(name="loss", value=loss.id))
    gradient = grad(editor.document(), wrt=["scores"])
    values = {"scores": np.array([[0.0, 0.0], [NAN, 1.0], [math.inf, 1.0]]), "target": np.array([1, -1, -1])}
    results = asg_executor.run(gradient, values, engine="numpy")
    at_target = 0.5 * (1 - label_smoothing)  # softmax - q, where softmax is 1/2
    np.testing.assert_allclose(results["grad.scores"], [[at_target, -at_target], [0, 0], [0, 0]], atol=1e-15)
