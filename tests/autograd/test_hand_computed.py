"""Gradients that can be worked out on paper."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from asg_autograd import grad, vjp
from asg_schema.document import Document
from executor_harness.regression import REGRESSION

Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, npt.NDArray[Any]]]

MODEL = Document.from_json(REGRESSION.replace("float32", "float64"))


def scalar_document(*nodes: Mapping[str, Any], output: str = "y") -> Document:
    """A document with the inputs `a` and `b`, both float64 scalars, and the output `loss`."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": name, "dtype": "float64", "shape": []} for name in ("a", "b")],
            "nodes": list(nodes),
            "outputs": [{"name": "loss", "value": output}],
        }
    )


def test_linear_regression(run: Run) -> None:
    generator = np.random.default_rng(0)
    x, target = generator.normal(size=(5, 3)), generator.normal(size=(5, 1))
    weight, bias = generator.normal(size=(3, 1)), generator.normal(size=1)
    point = {"x": x, "target": target, "weight": weight, "bias": bias}
    results = run(grad(MODEL), point, ["loss", "prediction", "grad.weight", "grad.bias"])
    error = x @ weight + bias - target
    np.testing.assert_allclose(results["prediction"], x @ weight + bias)
    np.testing.assert_allclose(results["loss"], np.mean(error**2))
    np.testing.assert_allclose(results["grad.weight"], 2 / 5 * x.T @ error)
    np.testing.assert_allclose(results["grad.bias"], 2 / 5 * error.sum(axis=0))


def test_a_value_used_twice_collects_both_cotangents(run: Run) -> None:
    document = scalar_document(
        {"id": "square", "op": "multiply", "inputs": ["a", "a"]},
        {"id": "product", "op": "multiply", "inputs": ["square", "b"]},
        {"id": "y", "op": "add", "inputs": ["product", "square"]},
    )
    results = run(grad(document, wrt=["a", "b"]), {"a": 3.0, "b": 5.0}, ["grad.a", "grad.b"])
    assert results["grad.a"] == 2 * 3 * (5 + 1)
    assert results["grad.b"] == 9


def test_derivatives_of_rising_order(run: Run) -> None:
    # y = a⁵, as products
    document = scalar_document(
        {"id": "square", "op": "multiply", "inputs": ["a", "a"]},
        {"id": "fourth", "op": "multiply", "inputs": ["square", "square"]},
        {"id": "y", "op": "multiply", "inputs": ["fourth", "a"]},
    )
    first = grad(document, wrt=["a"])
    second = grad(first, of="grad.a", wrt=["a"])
    third = grad(second, of="grad2.a", wrt=["a"])
    names = ["grad.a", "grad2.a", "grad3.a"]
    results = run(third, {"a": 2.0, "b": 0.0}, names)
    assert [float(results[name]) for name in names] == [5 * 2**4, 20 * 2**3, 60 * 2**2]


def test_the_derivative_of_an_output_that_is_an_input_is_one(run: Run) -> None:
    document = scalar_document(output="a")
    results = run(grad(document, wrt=["a", "b"]), {"a": 3.0, "b": 5.0}, ["grad.a", "grad.b"])
    assert (results["grad.a"], results["grad.b"]) == (1, 0)


def test_vjp_of_two_outputs_adds_their_shares(run: Run) -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float64", "shape": ["n"]}],
            "nodes": [
                {"id": "sine", "op": "sin", "inputs": ["x"]},
                {"id": "square", "op": "multiply", "inputs": ["x", "x"]},
            ],
            "outputs": [{"name": "sine", "value": "sine"}, {"name": "square", "value": "square"}],
        }
    )
    x, u, v = np.array([0.5, 1.0, -2.0]), np.array([1.0, 2.0, 3.0]), np.array([4.0, 5.0, 6.0])
    point = {"x": x, "cotangent.sine": u, "cotangent.square": v}
    results = run(vjp(document, ["sine", "square"], ["x"]), point, ["grad.x"])
    np.testing.assert_allclose(results["grad.x"], u * np.cos(x) + v * 2 * x)


def test_two_outputs_with_one_value_add_their_cotangents(run: Run) -> None:
    document = MODEL.model_copy(
        update={
            "outputs": (
                *MODEL.outputs,
                MODEL.outputs[1].model_copy(update={"name": "again"}),
            )
        }
    )
    point = {"x": np.ones((1, 3)), "target": np.zeros((1, 1)), "weight": np.ones((3, 1)), "bias": np.zeros(1)}
    seeds = {"cotangent.loss": np.array(1.0), "cotangent.again": np.array(10.0)}
    results = run(vjp(document, ["loss", "again"], ["bias"]), {**point, **seeds}, ["grad.bias"])
    np.testing.assert_allclose(results["grad.bias"], [11 * 2 * 3.0])


def test_grad_of_vjp_and_vjp_of_grad_agree(run: Run) -> None:
    document = scalar_document(
        {"id": "sine", "op": "sin", "inputs": ["a"]},
        {"id": "y", "op": "multiply", "inputs": ["sine", "b"]},
    )
    point = {"a": 0.7, "b": 1.3}
    forward = grad(vjp(document, "loss", ["a"]), of="grad.a", wrt=["a", "b", "cotangent.loss"])
    backward = vjp(grad(document, wrt=["a"]), "grad.a", ["a", "b"])
    one = run(forward, {**point, "cotangent.loss": 1.0}, ["grad2.a", "grad.b", "grad.cotangent.loss"])
    two = run(backward, {**point, "cotangent.grad.a": 1.0}, ["grad2.a", "grad.b"])
    np.testing.assert_allclose(one["grad2.a"], -np.sin(0.7) * 1.3)
    np.testing.assert_allclose(one["grad.b"], np.cos(0.7))
    np.testing.assert_allclose(one["grad.cotangent.loss"], np.cos(0.7) * 1.3)
    assert all(one[name] == two[name] for name in two)


def test_integer_paths_carry_no_derivative(run: Run) -> None:
    document = scalar_document(
        {"id": "index", "op": "astype", "inputs": ["a"], "dtype": "int64"},
        {"id": "back", "op": "astype", "inputs": ["index"], "dtype": "float64"},
        {"id": "y", "op": "multiply", "inputs": ["back", "b"]},
    )
    results = run(grad(document, wrt=["a", "b"]), {"a": 3.7, "b": 5.0}, ["grad.a", "grad.b"])
    assert (results["grad.a"], results["grad.b"]) == (0, 3)


def test_stop_gradient_stops(run: Run) -> None:
    document = scalar_document(
        {"id": "fixed", "op": "stop_gradient", "inputs": ["a"]},
        {"id": "y", "op": "multiply", "inputs": ["fixed", "a"]},
    )
    assert run(grad(document, wrt=["a"]), {"a": 3.0, "b": 0.0}, ["grad.a"])["grad.a"] == 3
