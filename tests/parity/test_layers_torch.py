"""Layers and models of the builder, with the weights of PyTorch's: results and the gradients of every parameter."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import asg_builder as asg
import asg_executor
from asg_autograd import grad, vjp
from asg_builder import losses
from asg_builder import nn as asg_nn
from asg_schema.document import Document
from op_samples.sample import Array
from parity.derivatives import assert_same, fixed_arrays

torch.set_num_threads(1)


def loss_document(build: Callable[[asg.Tensor], asg.Tensor], *shape: int | str) -> Document:
    """A document over "x" with the output "y", and the scalar "loss" = Σ weights · y, whose gradients are asked for."""
    with asg.graph("model") as graph:
        x = asg.input("x", shape, "float64")
        y = build(x)
        weights = asg.input("weights", y.shape, "float64")
        graph.output(y=y, loss=asg.sum(y * weights))
    return graph.document()


def compare(
    document: Document,
    module: nn.Module,
    names: Mapping[str, list[str]],
    x: Array,
) -> None:
    """Compare y, its gradient by x, and those of all parameters.

    Args:
        document: what `loss_document` returns.
        module: PyTorch's model, in float64.
        names: for each parameter of the document those of the module that it holds, one below the other.
        x: the input.
    """
    theirs = dict(module.named_parameters())
    assert {item.id for item in document.parameters} == set(names)
    parameters = {
        name: np.concatenate([theirs[part].detach().numpy() for part in parts]) for name, parts in names.items()
    }
    tensor = torch.tensor(x, requires_grad=True)
    y = module(tensor)
    (weights,) = fixed_arrays([tuple(y.shape)], seed=5)
    torch.sum(y * torch.tensor(weights)).backward()

    document = grad(document, of="loss", wrt=["x", *names])
    results = asg_executor.run(document, {"x": x, "weights": weights}, parameters)
    assert_same(results["y"], y.detach().numpy(), "y")
    assert tensor.grad is not None
    assert_same(results["grad.x"], tensor.grad.numpy(), "x", 1e-11)
    for name, parts in names.items():
        expected = np.concatenate([gradient_of(theirs[part]) for part in parts])
        assert_same(results[f"grad.{name}"], expected, name, 1e-11)


def gradient_of(parameter: nn.Parameter) -> Array:
    assert parameter.grad is not None
    return parameter.grad.numpy()


def randomize(module: nn.Module) -> nn.Module:
    """Weights that are no initialiser's, so that a unit weight or a zero bias hides nothing."""
    parameters = list(module.parameters())
    with torch.no_grad():
        for parameter, values in zip(parameters, fixed_arrays([tuple(p.shape) for p in parameters], 3), strict=True):
            parameter.copy_(torch.tensor(values) * 0.5)
    return module


@pytest.mark.parametrize("shape", [(6,), (4, 6), (2, 3, 6)])
def test_layer_norm(shape: tuple[int, ...]) -> None:
    module = randomize(nn.LayerNorm(6, eps=1e-3, dtype=torch.float64))
    layer = asg_nn.LayerNorm(6, eps=1e-3, dtype="float64", name="norm")
    (x,) = fixed_arrays([shape], seed=1)
    compare(loss_document(layer, *shape), module, {"norm.weight": ["weight"], "norm.bias": ["bias"]}, x)


def test_layer_norm_over_two_axes() -> None:
    module = randomize(nn.LayerNorm((3, 4), dtype=torch.float64))
    layer = asg_nn.LayerNorm((3, 4), dtype="float64", name="norm")
    (x,) = fixed_arrays([(5, 3, 4)], seed=1)
    compare(loss_document(layer, "batch", 3, 4), module, {"norm.weight": ["weight"], "norm.bias": ["bias"]}, x)


@pytest.mark.parametrize("axis", [-1, 0, 1])
def test_softmax_of_many_rows(axis: int) -> None:
    (x,) = fixed_arrays([(32, 5, 9)], seed=1)
    compare(loss_document(lambda x: asg.softmax(x * 3.0, axis), "batch", 5, 9), Softmax(axis), {}, x)


class Softmax(nn.Module):
    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x * 3.0, self.axis)


def test_second_order_gradients_of_a_perceptron() -> None:
    # The gradient, by every weight, of the squared length of all first gradients: PyTorch's double backward.
    module = randomize(nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 2)).double())
    layers = asg_nn.Sequential(
        asg_nn.Linear(3, 8, dtype="float64"),
        asg_nn.Tanh(),
        asg_nn.Linear(8, 8, dtype="float64"),
        asg_nn.GELU(),
        asg_nn.Linear(8, 2, dtype="float64"),
        name="model",
    )
    with asg.graph("perceptron") as graph:
        x, target = asg.input("x", ("batch", 3), "float64"), asg.input("target", ("batch", 2), "float64")
        graph.output(loss=losses.mse(layers(x), target))
    document = graph.document()
    names = {f"model.{name}": parameter for name, parameter in module.named_parameters()}
    assert set(names) == {item.id for item in document.parameters}
    x_values, target_values = fixed_arrays([(5, 3), (5, 2)], seed=1)

    loss = nn.functional.mse_loss(module(torch.tensor(x_values)), torch.tensor(target_values))
    first = torch.autograd.grad(loss, list(names.values()), create_graph=True)
    squares = torch.stack([(gradient**2).sum() for gradient in first]).sum()
    second = torch.autograd.grad(squares, list(names.values()))

    gradient_document = grad(document)
    gradient_names = [f"grad.{name}" for name in names]
    twice = vjp(gradient_document, gradient_names, list(names))
    parameters = {name: parameter.detach().numpy() for name, parameter in names.items()}
    inputs = {"x": x_values, "target": target_values}
    gradients = asg_executor.run(gradient_document, inputs, parameters)
    cotangents = {f"cotangent.{name}": 2.0 * gradients[name] for name in gradient_names}
    results = asg_executor.run(twice, {**inputs, **cotangents}, parameters)
    assert_same(results["loss"], loss.detach().numpy(), "loss")
    for name, one, two in zip(names, first, second, strict=True):
        assert_same(results[f"grad.{name}"], one.detach().numpy(), name, 1e-11)
        assert_same(results[f"grad2.{name}"], two.numpy(), f"{name}, second order", 1e-10)


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_as_many_and_scales_as_pytorch(p: float) -> None:
    n = 200_000
    with asg.graph("dropout") as graph:
        x, key = asg.input("x", (n,), "float64"), asg.input("key", (2,), "uint32")
        graph.output(y=asg.dropout(x, key, p=p))
    ours = asg_executor.run(graph.document(), {"x": np.ones(n), "key": np.array([1, 2], np.uint32)})["y"]
    theirs = nn.functional.dropout(torch.ones(n, dtype=torch.float64), p).numpy()
    assert set(np.unique(ours)) == set(np.unique(theirs))
    deviation = np.sqrt(p * (1.0 - p) / n)
    assert abs(np.mean(ours == 0.0) - p) <= 5.0 * deviation
    assert abs(np.mean(theirs == 0.0) - p) <= 5.0 * deviation
