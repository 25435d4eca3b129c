"""Models of several kinds through all transforms: what comes out is run, and compared with loops and differences."""

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

import asg_builder as asg
from asg_autograd import (
    checkpoint,
    footprint,
    grad,
    hessian_vector_product,
    jvp,
    lower,
    prune,
    simplify,
    specialize,
    split,
    vmap,
)
from asg_builder import losses, nn
from asg_schema.document import Document
from asg_schema.roles import GradientRole, StateUpdateRole
from op_samples.sample import Array
from transform_harness.properties import assert_is_a_document
from transform_harness.random_documents import run


class Model(NamedTuple):
    """A model with values for its inputs and parameters.

    Attributes:
        document: it has the output `loss`.
        values: for a batch of 3.
        sizes: what the symbols stand for there.
    """

    document: Document
    values: dict[str, Array]
    sizes: dict[str, int]


def multilayer_perceptron() -> asg.Tensor:
    x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 2))
    y = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Dropout(0.25), nn.Linear(4, 2), name="mlp")(x)
    return losses.mse(y, target)


def convolutional_network() -> asg.Tensor:
    x, target = asg.input("x", ("batch", 1, 6, 6)), asg.input("target", ("batch",), "int64")
    y = nn.Conv2d(1, 2, 3, name="convolution")(x)
    y = nn.BatchNorm2d(2, name="norm")(y)
    y = nn.Flatten()(asg.avg_pool(asg.silu(y), (2, 2)))
    return losses.cross_entropy(nn.Linear(18, 3, name="head")(y), target)


def transformer_block() -> asg.Tensor:
    x, target = asg.input("x", ("batch", "length", 4)), asg.input("target", ("batch", "length", 4))
    y = nn.TransformerBlock(4, 2, 6, causal=True, dropout=0.1, name="block")(x)
    return losses.mse(y, target)


def language_model() -> asg.Tensor:
    tokens, target = (asg.input(name, ("batch", "length"), "int64") for name in ("tokens", "target"))
    x = nn.Embedding(3, 4, name="embedding")(tokens)
    for layer in range(2):
        x = nn.TransformerBlock(4, 2, 6, causal=True, name=f"block{layer}")(x)
    return losses.cross_entropy(nn.Linear(4, 3, name="head")(nn.LayerNorm(4, name="norm")(x)), target)


MODELS: dict[str, Callable[[], asg.Tensor]] = {
    build.__name__: build for build in (multilayer_perceptron, convolutional_network, transformer_block, language_model)
}
every_model = pytest.mark.parametrize("name", MODELS)


@cache
def made(name: str) -> Model:
    with asg.graph(name) as graph:
        graph.output(loss=MODELS[name]())
    document = Document.from_json(graph.document().to_json().replace('"float32"', '"float64"'))
    generator = np.random.default_rng(0)
    names = {str(dim) for item in document.inputs for dim in item.shape if not isinstance(dim, int)}
    sizes = {"batch": 3, "length": 4}
    values: dict[str, Array] = {}
    for item in (*document.inputs, *document.parameters):
        shape = [sizes.get(str(dim), dim) for dim in item.shape]
        numbers = generator.normal(size=[int(str(dim)) for dim in shape])
        if item.dtype.is_floating:
            values[item.id] = np.abs(numbers) + 0.5 if "running" in item.id else 0.5 * numbers
        elif item.dtype.value == "uint32":
            values[item.id] = np.array([1, 2], np.uint32)
        else:
            values[item.id] = np.arange(numbers.size).reshape(numbers.shape) % 3  # other rows have other classes
    return Model(document, values, {name: sizes[name] for name in names})


def trainable(document: Document) -> list[str]:
    return [item.id for item in document.parameters if item.trainable]


def stateless(document: Document) -> Document:
    return prune(
        document,
        [item.name for item in document.outputs if not isinstance(item.role, StateUpdateRole)],
    )


@every_model
def test_gradients_of_each_example_are_those_of_a_loop(name: str) -> None:
    """An example is a batch here, because a batch norm is one of the models. The key is shared, the weights are too."""
    model = made(name)
    gradients = stateless(grad(model.document))
    data = [item.id for item in gradients.inputs if item.role is None]
    keys = [item.id for item in gradients.inputs if item.role is not None]
    mapped = vmap(gradients, {**dict.fromkeys(data, 1), **dict.fromkeys(keys)})
    assert_is_a_document(mapped)
    orders = ([0, 1, 2], [1, 0, 2], [2, 0, 1])  # each row has other targets
    batches = [{**model.values, "target": model.values["target"][order]} for order in orders]
    expected = [run(gradients, batch) for batch in batches]
    found = run(mapped, {**model.values, **{id: np.stack([batch[id] for batch in batches], 1) for id in data}})
    assert len({float(result["loss"]) for result in expected}) == 3
    for output in gradients.outputs:
        wanted = np.stack([result[output.name] for result in expected])
        np.testing.assert_allclose(found[output.name], wanted, rtol=1e-9, atol=1e-12, err_msg=output.name)


@every_model
def test_hessian_vector_products_and_third_derivatives_are_differences(name: str) -> None:
    model = made(name)
    names = trainable(model.document)
    products = hessian_vector_product(model.document, wrt=names)
    third = jvp(products, names, [f"hvp.{id}" for id in names])
    assert_is_a_document(third)
    generator = np.random.default_rng(1)
    directions = {id: generator.normal(size=model.values[id].shape) for id in names}
    point = {**model.values, **{f"tangent.{id}": direction for id, direction in directions.items()}}
    added = [item.id for item in third.inputs[len(products.inputs) :]]
    point |= dict(zip(added, directions.values(), strict=True))
    step = 1e-4
    ahead, behind = (
        {**point, **{id: point[id] + sign * step * directions[id] for id in names}} for sign in (1.0, -1.0)
    )
    gradients = grad(model.document, wrt=names)
    found = run(third, point)
    for id in names:
        for document, lower_order, higher_order in (
            (gradients, f"grad.{id}", f"hvp.{id}"),
            (products, f"hvp.{id}", f"tangent.hvp.{id}"),
        ):
            difference = (run(document, ahead)[lower_order] - run(document, behind)[lower_order]) / (2 * step)
            scale = max(1.0, float(np.max(np.abs(difference))))
            np.testing.assert_allclose(found[higher_order], difference, rtol=1e-5, atol=1e-5 * scale)


@every_model
def test_the_hessian_is_the_product_with_all_unit_vectors(name: str) -> None:
    model = made(name)
    id = trainable(model.document)[-1]
    (size,) = model.values[id].shape
    products = stateless(hessian_vector_product(model.document, wrt=[id]))
    hessian = run(
        vmap(
            products,
            {f"tangent.{id}": 0}
            | dict.fromkeys(key.id for key in products.inputs if key.role is not None and key.role.kind == "rng_key"),
        ),
        {**model.values, f"tangent.{id}": np.eye(size)},
    )[f"hvp.{id}"]
    np.testing.assert_allclose(hessian, hessian.T, rtol=1e-9, atol=1e-12)
    gradients = grad(model.document, wrt=[id])
    for column, unit in enumerate(np.eye(size) * 1e-4):
        ahead, behind = (run(gradients, {**model.values, id: model.values[id] + sign * unit}) for sign in (1, -1))
        dense = (ahead[f"grad.{id}"] - behind[f"grad.{id}"]) / 2e-4
        np.testing.assert_allclose(hessian[column], dense, rtol=1e-6, atol=1e-7)


@every_model
def test_what_is_recomputed_split_and_simplified_has_the_same_values(name: str) -> None:
    model = made(name)
    trained = grad(model.document)
    expected = run(trained, model.values)
    small = checkpoint(trained, symbols=model.sizes)
    assert footprint(small, model.sizes).kept_bytes < footprint(trained, model.sizes).kept_bytes
    first = run((parts := split(trained)).forward, model.values)
    second = run(parts.backward, {**model.values, **first})
    fixed = specialize(small, **model.sizes)
    for found in (run(small, model.values), {**first, **second}, run(fixed, model.values)):
        for output, wanted in expected.items():
            np.testing.assert_array_equal(found[output], wanted, output)
    for document in (simplify(trained), simplify(small), lower(trained), simplify(lower(small)), simplify(fixed)):
        assert_is_a_document(document)
        found = run(document, model.values)
        for output, wanted in expected.items():
            np.testing.assert_allclose(found[output], wanted, rtol=1e-10, atol=1e-13, err_msg=output)
    roles = [item.role for item in simplify(fixed).outputs]
    assert sum(isinstance(role, GradientRole) for role in roles) == len(trainable(model.document))
