"""Gradients of whole models against central differences in float64, first and second order."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pytest

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.document import Document, Input
from asg_schema.editing import Editor

Array = npt.NDArray[Any]
Run = Callable[[Document, Mapping[str, Any], Sequence[str]], dict[str, Array]]
Values = Callable[..., dict[str, Array]]
AssertGradients = Callable[..., None]
Penalize = Callable[[Document], Document]


def in_double(graph: asg.Graph) -> Document:
    """The graph's document with float64 in place of float32."""
    return Document.from_json(graph.document().to_json().replace('"float32"', '"float64"'))


def layer_norm_model() -> Document:
    with asg.graph("layer_norm") as g:
        x, weights = asg.input("x", ("batch", 5, 3)), asg.input("weights", ("batch", 5, 3))
        y = nn.LayerNorm((5, 3), name="norm")(x)
        g.output(loss=asg.sum(y * weights))
    return in_double(g)


def test_layer_norm_weight_and_bias(run: Run, values: Values) -> None:
    model = grad(layer_norm_model())
    point = values(model, batch=4)
    results = run(model, point, ["grad.norm.weight", "grad.norm.bias"])
    x, weights = point["x"], point["weights"]
    centred = x - x.mean(axis=(1, 2), keepdims=True)
    normalized = centred / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(results["grad.norm.weight"], np.sum(weights * normalized, axis=0))
    np.testing.assert_allclose(results["grad.norm.bias"], np.sum(weights, axis=0))


def test_layer_norm_twice(values: Values, assert_gradients: AssertGradients, penalize: Penalize) -> None:
    first = grad(layer_norm_model(), wrt=["x", "norm.weight", "norm.bias"])
    point = values(first, batch=2)
    assert_gradients(first, point, "loss")
    assert_gradients(grad(penalize(first), of="penalty", wrt=["x", "norm.weight"]), point, "penalty")


def test_softmax_of_many_rows_is_differentiated_row_by_row(run: Run) -> None:
    with asg.graph("rows") as g:
        x, weights = asg.input("x", ("rows", 5)), asg.input("weights", ("rows", 5))
        g.output(loss=asg.sum(asg.softmax(x) * weights))
    model = grad(in_double(g), wrt=["x"])
    generator = np.random.default_rng(0)
    x, weights = generator.normal(size=(40, 5)), generator.normal(size=(40, 5))
    found = run(model, {"x": x, "weights": weights}, ["grad.x"])["grad.x"]
    for row in range(40):
        p = np.exp(x[row]) / np.exp(x[row]).sum()
        jacobian = np.diag(p) - np.outer(p, p)
        np.testing.assert_allclose(found[row], jacobian @ weights[row], rtol=1e-12, atol=1e-15)
    alone = run(model, {"x": x[3:4], "weights": weights[3:4]}, ["grad.x"])["grad.x"]
    np.testing.assert_allclose(found[3:4], alone, rtol=1e-13)


@pytest.mark.parametrize("kind", ["plain", "causal", "mask"])
def test_attention_at_batch_4_and_sequence_7(
    kind: Literal["plain", "causal", "mask"], values: Values, assert_gradients: AssertGradients
) -> None:
    with asg.graph("attention") as g:
        query, key, value = (asg.input(name, ("batch", "length", 3)) for name in ("query", "key", "value"))
        weights = asg.input("weights", ("batch", "length", 3))
        mask = asg.input("mask", ("length", "length")) if kind == "mask" else None
        y = asg.attention(query, key, value, mask, causal=kind == "causal")
        g.output(loss=asg.sum(y * weights))
    targets = ["query", "key", "value"] + (["mask"] if kind == "mask" else [])
    model = grad(in_double(g), wrt=targets)
    assert_gradients(model, values(model, batch=4, length=7), "loss")


def mlp() -> Document:
    with asg.graph("mlp") as g:
        x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 2))
        y = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 4), nn.SiLU(), nn.Linear(4, 2), name="mlp")(x)
        g.output(loss=losses.mse(y, target))
    return in_double(g)


def test_mlp_twice(values: Values, assert_gradients: AssertGradients, penalize: Penalize) -> None:
    first = grad(mlp())
    point = values(first, batch=3)
    assert_gradients(first, point, "loss")
    assert_gradients(grad(penalize(first), of="penalty"), point, "penalty")


def block() -> Document:
    with asg.graph("block") as g:
        x, target = asg.input("x", ("batch", "length", 4)), asg.input("target", ("batch", "length", 4))
        y = nn.TransformerBlock(4, 2, 6, causal=True, name="block")(x)
        g.output(loss=losses.mse(y, target))
    return in_double(g)


def test_transformer_block_twice(values: Values, assert_gradients: AssertGradients, penalize: Penalize) -> None:
    first = grad(block())
    point = values(first, batch=2, length=3)
    assert_gradients(first, point, "loss", tolerance=1e-6)
    second = grad(penalize(first), of="penalty", wrt=["block.self_attn.in_proj_weight", "block.norm1.weight", "x"])
    assert_gradients(second, point, "penalty", tolerance=1e-6)


def test_a_transformer_block_needs_no_batch_of_one(run: Run, values: Values) -> None:
    model = grad(block())
    name = "grad.block.self_attn.in_proj_weight"
    point = values(model, batch=4, length=7)
    whole = run(model, point, [name])[name]
    samples = [
        run(model, {**point, "x": point["x"][index : index + 1], "target": point["target"][index : index + 1]}, [name])
        for index in range(4)
    ]
    np.testing.assert_allclose(whole, np.mean([sample[name] for sample in samples], axis=0), rtol=1e-10)


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_with_class_indices(reduction: Literal["mean", "sum", "none"], run: Run, values: Values) -> None:
    with asg.graph("classes") as g:
        scores, target = asg.input("scores", ("batch", 6, 5)), asg.input("target", ("batch", 6), "int64")
        g.output(loss=asg.sum(asg.cross_entropy(scores, target, reduction=reduction)))
    model = grad(in_double(g), wrt=["scores"])
    point = values(model, batch=3)
    target = np.random.default_rng(1).integers(0, 5, (3, 6))
    found = run(model, {**point, "target": target}, ["grad.scores"])["grad.scores"]
    x = point["scores"]
    expected = np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True) - np.eye(5)[target]
    np.testing.assert_allclose(found, expected / (18 if reduction == "mean" else 1), rtol=1e-10, atol=1e-14)


def test_dropout_drops_the_cotangent_where_it_dropped_the_operand(run: Run) -> None:
    with asg.graph("dropout") as g:
        x, key = asg.input("x", ("n",)), asg.input("key", (2,), "uint32")
        y = asg.dropout(x, key, p=0.25)
        g.output(y=y, loss=asg.sum(y * y))
    model = grad(in_double(g), wrt=["x"])
    x = np.arange(1.0, 101.0)
    results = run(model, {"x": x, "key": np.array([1, 2], np.uint32)}, ["y", "grad.x"])
    dropped = results["y"] == 0
    assert 10 < dropped.sum() < 40
    np.testing.assert_allclose(results["grad.x"], np.where(dropped, 0, 2 * x / 0.75**2))


@pytest.mark.parametrize("ranks", [(1, 1), (1, 2), (2, 1), (1, 3), (3, 1), (2, 2), (3, 2), (2, 3), (3, 3), (4, 3)])
def test_matrix_products_of_all_ranks_twice(
    ranks: tuple[int, int], values: Values, assert_gradients: AssertGradients, penalize: Penalize
) -> None:
    left: dict[int, tuple[Any, ...]] = {1: (3,), 2: (2, 3), 3: ("batch", 2, 3), 4: (2, 1, 2, 3)}
    right: dict[int, tuple[Any, ...]] = {1: (3,), 2: (3, 4), 3: ("batch", 3, 4)}
    with asg.graph("product") as g:
        a, b = asg.input("a", left[ranks[0]]), asg.input("b", right[ranks[1]])
        y = asg.matmul(a, b)
        g.output(loss=asg.sum(y * y))
    first = grad(in_double(g), wrt=["a", "b"])
    point = values(first, batch=2)
    assert_gradients(first, point, "loss")
    assert_gradients(grad(penalize(first), of="penalty", wrt=["a", "b"]), point, "penalty")


def test_the_gradient_of_a_weight_is_one_product_of_two_matrices() -> None:
    with asg.graph("product") as g:
        x, weight = asg.input("x", ("batch", "length", 3)), asg.parameter("weight", (3, 4))
        g.output(loss=asg.sum(asg.matmul(x, weight)))
    result = grad(g.document())
    nodes = {node.id: node for node in result.nodes}
    gradient = nodes[result.outputs[-1].value]
    assert isinstance(gradient, Einsum)
    editor = Editor()
    types = [result.types[operand] for operand in gradient.inputs]
    operands = [Input(id=f"x{index}", dtype=type.dtype, shape=type.shape) for index, type in enumerate(types)]
    gradient.expand(list(map(editor.add_input, operands)))
    (product,) = (node for node in editor.nodes if node.name == "matmul")
    assert [editor.types[operand].rank for operand in product.inputs] == [2, 2]
