"""Second and third derivatives by every order of forward and reverse mode: they agree, and are what they should be."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import asg_builder as asg
import asg_executor
from asg_autograd import grad, hessian_vector_product, jvp, vmap
from asg_builder import losses, nn
from asg_schema.document import Document, Input, Output
from asg_schema.editing import Editor, Value
from asg_schema.ops.reduction import Sum
from op_samples.finite_differences import directional_derivative

Array = npt.NDArray[Any]
Values = Callable[..., dict[str, Array]]


def in_double(graph: asg.Graph) -> Document:
    """The graph's document with float64 in place of float32."""
    return Document.from_json(graph.document().to_json().replace('"float32"', '"float64"'))


def run(document: Document, values: Mapping[str, Array], output: str) -> Array:
    inputs = {item.id: values[item.id] for item in document.inputs}
    parameters = {item.id: values[item.id] for item in document.parameters}
    return asg_executor.run(document, inputs, parameters, engine="numpy", outputs=[output])[output]


@dataclass
class Derivative:
    """A document that computes a derivative of `loss` along directions.

    Attributes:
        document: the document.
        of: the output that bears the derivative.
        directions: for each input that brings a direction, the order of the derivative and the name that it moves.
    """

    document: Document
    of: str = "loss"
    directions: dict[str, tuple[int, str]] = field(default_factory=dict[str, tuple[int, str]])

    def at(self, point: Mapping[str, Array]) -> Array:
        brought = {id: point[f"d{order}.{name}"] for id, (order, name) in self.directions.items()}
        return run(self.document, {**point, **brought}, self.of)


def forward_derivative(lower: Derivative, wrt: list[str], order: int) -> Derivative:
    """One order more, by forward mode."""
    result = jvp(lower.document, wrt, lower.of)
    added = [item.id for item in result.inputs[len(lower.document.inputs) :]]
    directions = {id: (order, name) for id, name in zip(added, wrt, strict=True)}
    return Derivative(result, result.outputs[-1].name, {**lower.directions, **directions})


def reverse_derivative(lower: Derivative, wrt: list[str], order: int) -> Derivative:
    """One order more, by reverse mode: the inner product of the gradient and the direction."""
    result = grad(lower.document, lower.of, wrt)
    editor = Editor()
    editor.load(result)
    gradients = [editor.value(item.value) for item in result.outputs[len(lower.document.outputs) :]]
    ids = [f"direction{order}.{name}" for name in wrt]
    total: Value | None = None
    for id, gradient in zip(ids, gradients, strict=True):
        product = Sum.of(gradient * editor.add_input(Input(id=id, dtype=gradient.dtype, shape=gradient.shape)))
        total = product if total is None else total + product
    assert total is not None
    editor.add_output(Output(name=f"derivative{order}", value=total.id))
    directions = {id: (order, name) for id, name in zip(ids, wrt, strict=True)}
    return Derivative(editor.document(), f"derivative{order}", {**lower.directions, **directions})


MODES = {"forward": forward_derivative, "reverse": reverse_derivative}


def derivative(document: Document, wrt: list[str], modes: tuple[str, ...]) -> Derivative:
    """The derivative of `loss` along one direction after the other."""
    found = Derivative(document)
    for order, mode in enumerate(modes, 1):
        found = MODES[mode](found, wrt, order)
    return found


def sine() -> Document:
    with asg.graph("sine") as g:
        x, weights = asg.input("x", (4,)), asg.input("weights", (4,))
        g.output(loss=asg.sum(asg.sin(x) * weights))
    return in_double(g)


def hyperbolic() -> Document:
    with asg.graph("tanh") as g:
        x, weights = asg.input("x", (4,)), asg.input("weights", (4,))
        g.output(loss=asg.sum(asg.tanh(x) * weights))
    return in_double(g)


def softmax() -> Document:
    with asg.graph("softmax") as g:
        x, weights = asg.input("x", (3, 4)), asg.input("weights", (3, 4))
        g.output(loss=asg.sum(asg.softmax(x) * weights))
    return in_double(g)


def layer_norm() -> Document:
    with asg.graph("layer_norm") as g:
        x, weights = asg.input("x", (3, 4)), asg.input("weights", (3, 4))
        scale, shift = asg.input("scale", (4,)), asg.input("shift", (4,))
        y = asg.layer_norm(x, scale, shift, normalized_shape=(4,))
        g.output(loss=asg.sum(y * y * weights))
    return in_double(g)


def attention() -> Document:
    with asg.graph("attention") as g:
        query, key, value = (asg.input(name, (2, 3, 4)) for name in ("query", "key", "value"))
        weights = asg.input("weights", (2, 3, 4))
        g.output(loss=asg.sum(asg.attention(query, key, value, causal=True) * weights))
    return in_double(g)


FUNCTIONS: list[tuple[Callable[[], Document], list[str]]] = [
    (sine, ["x"]),
    (hyperbolic, ["x"]),
    (softmax, ["x"]),
    (layer_norm, ["x", "scale", "shift"]),
    (attention, ["query", "key", "value"]),
]
every_function = pytest.mark.parametrize(
    ("function", "wrt"), FUNCTIONS, ids=lambda value: getattr(value, "__name__", "")
)


def point_of(document: Document, wrt: list[str], orders: int) -> dict[str, Array]:
    generator = np.random.default_rng(0)
    shapes = {item.id: [int(str(dim)) for dim in item.shape] for item in document.inputs}
    values = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    directions = {
        f"d{order}.{name}": generator.normal(size=shapes[name]) for order in range(1, orders + 1) for name in wrt
    }
    return {**values, **directions}


@every_function
@pytest.mark.parametrize("order", [2, 3])
def test_all_orders_of_modes_agree_with_central_differences(
    function: Callable[[], Document], wrt: list[str], order: int
) -> None:
    document = function()
    point = point_of(document, wrt, order)
    found = {
        modes: float(derivative(document, wrt, modes).at(point)) for modes in itertools.product(MODES, repeat=order)
    }
    lower = derivative(document, wrt, ("reverse",) * (order - 1))
    step = 1e-3
    directions = {name: point[f"d{order}.{name}"] * step for name in wrt}
    numeric = float(directional_derivative(lower.at, point, directions)) / step
    np.testing.assert_allclose(list(found.values()), numeric, rtol=1e-7, atol=1e-8)
    exact = found[("reverse",) * order]
    np.testing.assert_allclose(list(found.values()), exact, rtol=1e-11, atol=1e-12)


def third_of_sine(x: Array) -> Array:
    return -np.cos(x)


def third_of_tanh(x: Array) -> Array:
    return (6 * np.tanh(x) ** 2 - 2) * (1 - np.tanh(x) ** 2)


@pytest.mark.parametrize("modes", list(itertools.product(MODES, repeat=3)), ids="-".join)
def test_third_derivatives_of_sine_and_tanh_in_closed_form(modes: tuple[str, ...]) -> None:
    for function, third in ((sine, third_of_sine), (hyperbolic, third_of_tanh)):
        document = function()
        point = point_of(document, ["x"], 3)
        directions = point["d1.x"] * point["d2.x"] * point["d3.x"]
        expected = np.sum(point["weights"] * third(point["x"]) * directions)
        np.testing.assert_allclose(derivative(document, ["x"], modes).at(point), expected, rtol=1e-12)


def test_three_gradients_of_one_variable() -> None:
    with asg.graph("curve") as g:
        x = asg.input("x", ())
        g.output(loss=asg.exp(asg.sin(x)))
    document = in_double(g)
    third = grad(grad(grad(document, "loss", ["x"]), "grad.x", ["x"]), "grad2.x", ["x"])
    x = np.asarray(0.7)
    sin, cos = np.sin(x), np.cos(x)
    expected = np.exp(sin) * (cos**3 - 3 * sin * cos - cos)
    np.testing.assert_allclose(run(third, {"x": x}, "grad3.x"), expected, rtol=1e-13)


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 2))
        y = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), name="mlp")(x)
        g.output(loss=losses.mse(y, target))
    return in_double(g)


def block() -> Document:
    with asg.graph("block") as g:
        x, target = asg.input("x", ("batch", 3, 4)), asg.input("target", ("batch", 3, 4))
        g.output(loss=losses.mse(nn.TransformerBlock(4, 2, 6, causal=True, name="block")(x), target))
    return in_double(g)


def convolution() -> Document:
    with asg.graph("convolution") as g:
        x, target = asg.input("x", ("batch", 1, 6, 6)), asg.input("target", ("batch",), "int64")
        layers = nn.Conv2d(1, 2, 3), nn.GELU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 3)
        g.output(loss=losses.cross_entropy(nn.Sequential(*layers, name="cnn")(x), target))
    return in_double(g)


MODELS: dict[str, tuple[Callable[[], Document], list[str]]] = {
    "mlp": (mlp, ["mlp.0.weight", "mlp.2.bias", "x"]),
    "block": (block, ["block.norm1.weight", "block.self_attn.out_proj.weight", "block.linear1.bias"]),
    "convolution": (convolution, ["cnn.0.weight", "cnn.4.bias"]),
}


def test_a_jacobian_and_a_hessian_are_products_with_all_unit_vectors() -> None:
    with asg.graph("softmax") as g:
        x = asg.input("x", (4,))
        y = asg.softmax(x)
        g.output(y=y, loss=asg.logsumexp(x))
    document = in_double(g)
    x = np.array([0.3, -1.0, 2.0, 0.5])
    p = np.exp(x) / np.exp(x).sum()
    expected = np.diag(p) - np.outer(p, p)
    units = {"x": x, "tangent.x": np.eye(4)}
    jacobian = vmap(jvp(document, "x", "y"), {"tangent.x": 0}, out_axes={"tangent.y": 1})
    np.testing.assert_allclose(run(jacobian, units, "tangent.y"), expected, rtol=1e-13, atol=1e-16)
    hessian = vmap(hessian_vector_product(document, "loss", "x"), {"tangent.x": 0})
    np.testing.assert_allclose(run(hessian, units, "hvp.x"), expected, rtol=1e-13, atol=1e-16)


def model_point(document: Document, values: Values) -> dict[str, Array]:
    point = values(document, batch=2)
    if any(item.id == "target" and not item.dtype.is_floating for item in document.inputs):
        point["target"] = np.array([2, 0])
    return point


def dense_hessian(document: Document, wrt: list[str], point: dict[str, Array]) -> Array:
    """The Hessian of `loss` by the elements of all names in a row, from central differences of gradients."""
    gradients = grad(document, wrt=wrt)
    rows: list[Array] = []
    for name in wrt:
        for index in np.ndindex(point[name].shape):
            direction = np.zeros(point[name].shape)
            direction[index] = 1e-3
            change = [
                directional_derivative(
                    lambda at, other=other: run(gradients, at, f"grad.{other}"), point, {name: direction}
                )
                for other in wrt
            ]
            rows.append(np.concatenate([part.ravel() for part in change]) / 1e-3)
    return np.array(rows)


@pytest.mark.parametrize("model", MODELS)
def test_hessian_vector_products_against_dense_hessians(model: str, values: Values) -> None:
    make, wrt = MODELS[model]
    document = make()
    point = model_point(document, values)
    hessian = dense_hessian(document, wrt, point)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-9)
    product = hessian_vector_product(document, wrt=wrt)
    generator = np.random.default_rng(1)
    for _ in range(2):
        directions = {f"tangent.{name}": generator.normal(size=point[name].shape) for name in wrt}
        found = np.concatenate([run(product, {**point, **directions}, f"hvp.{name}").ravel() for name in wrt])
        vector = np.concatenate([directions[f"tangent.{name}"].ravel() for name in wrt])
        np.testing.assert_allclose(found, hessian @ vector, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("model", MODELS)
def test_products_agree_with_the_gradient_of_a_derivative(model: str, values: Values) -> None:
    """Forward over reverse mode is reverse over forward mode."""
    make, _ = MODELS[model]
    document = make()
    names = [item.id for item in document.parameters]
    point = model_point(document, values)
    point |= {f"tangent.{name}": np.cos(point[name]) for name in names}
    over_forward = grad(jvp(document, outputs="loss"), of="tangent.loss")
    over_reverse = hessian_vector_product(document)
    for name in names:
        expected = run(over_forward, point, f"grad.{name}")
        np.testing.assert_allclose(run(over_reverse, point, f"hvp.{name}"), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_tangents_of_models_against_central_differences(model: str, values: Values) -> None:
    make, _ = MODELS[model]
    document = make()
    point = model_point(document, values)
    directions = {item.id: np.cos(point[item.id]) for item in document.parameters}
    moved = jvp(document, outputs="loss")
    found = run(moved, {**point, **{f"tangent.{name}": array for name, array in directions.items()}}, "tangent.loss")
    step = 1e-4
    numeric = directional_derivative(
        lambda at: run(document, at, "loss"), point, {name: array * step for name, array in directions.items()}
    )
    np.testing.assert_allclose(found, numeric / step, rtol=1e-7)
