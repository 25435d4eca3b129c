"""Linear maps, embeddings and dropout beside PyTorch's; second-order gradients of whole models."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_autograd import grad, vjp
from asg_builder import losses
from asg_builder import nn as asg_nn
from parity.derivatives import assert_same, fixed_arrays
from parity.layer_comparison import compare_layers, compare_names, randomize


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
def test_linear(shape: tuple[int, ...], bias: bool) -> None:
    module = randomize(nn.Linear(4, 5, bias, dtype=torch.float64))
    compare_layers(asg_nn.Linear(4, 5, bias, dtype="float64", name=""), module, fixed_arrays([shape], 1))


@pytest.mark.parametrize("padding_idx", [None, 0, 3, -1])
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_embedding(dtype: str, padding_idx: int | None) -> None:
    module = randomize(nn.Embedding(5, 3, padding_idx, dtype=torch.float64))
    layer = asg_nn.Embedding(5, 3, padding_idx, dtype="float64", name="")
    tokens = np.array([[0, 4, 3], [3, 3, 1]], dtype)
    compare_layers(layer, module, [tokens])


@pytest.mark.parametrize("padding_idx", [None, 2, -1])
def test_the_first_values_of_an_embedding(padding_idx: int | None) -> None:
    layer, module = asg_nn.Embedding(5, 400, padding_idx, name=""), nn.Embedding(5, 400, padding_idx)
    compare_names(layer, module)
    with asg.graph() as g:
        g.output(w=layer.weight.value)
    ours, theirs = asg_executor.Session({"w": g.document()}).parameters()["weight"], module.weight.detach().numpy()
    np.testing.assert_array_equal(np.any(ours, axis=1), np.any(theirs, axis=1))
    rows = np.any(ours, axis=1)
    assert ours[rows].std() == pytest.approx(theirs[rows].std(), rel=0.1)


@pytest.mark.parametrize(("start", "end"), [(1, -1), (0, -1), (1, 2), (-2, -1)])
def test_flatten(start: int, end: int) -> None:
    arrays = fixed_arrays([(2, 3, 4, 5)], 1)
    compare_layers(asg_nn.Flatten(start, end, name=""), nn.Flatten(start, end), arrays)


class FeedForward(nn.Module):
    """The two linear maps of PyTorch's transformer layers."""

    def __init__(self, bias: bool) -> None:
        super().__init__()
        self.linear1 = nn.Linear(4, 8, bias, dtype=torch.float64)
        self.linear2 = nn.Linear(8, 4, bias, dtype=torch.float64)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.linear2(nn.functional.silu(self.linear1(x)))


@pytest.mark.parametrize("bias", [True, False])
def test_feed_forward(bias: bool) -> None:
    layer = asg_nn.FeedForward(4, 8, activation="silu", bias=bias, dtype="float64", name="")
    compare_layers(layer, randomize(FeedForward(bias)), fixed_arrays([(2, 3, 4)], 1))


def perceptron() -> tuple[asg_nn.Module, nn.Module, tuple[int, ...]]:
    """Two times the same model, and the shape of its input."""
    module = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 8), nn.GELU(), nn.Linear(8, 2))
    layers = asg_nn.Sequential(
        asg_nn.Linear(3, 8, dtype="float64"),
        asg_nn.Tanh(),
        asg_nn.Linear(8, 8, dtype="float64"),
        asg_nn.GELU(),
        asg_nn.Linear(8, 2, dtype="float64"),
        name="model",
    )
    return layers, module, (5, 3)


def convolutional_network() -> tuple[asg_nn.Module, nn.Module, tuple[int, ...]]:
    """Two times the same model, and the shape of its input."""
    module = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.SiLU(),
        nn.AvgPool2d(2),
        nn.GroupNorm(2, 4),
        nn.Flatten(),
        nn.Linear(16, 2),
    )
    layers = asg_nn.Sequential(
        asg_nn.Conv2d(2, 4, 3, padding=1, dtype="float64"),
        asg_nn.BatchNorm2d(4, dtype="float64"),
        asg_nn.SiLU(),
        asg_nn.AvgPool2d(2),
        asg_nn.GroupNorm(2, 4, dtype="float64"),
        asg_nn.Flatten(),
        asg_nn.Linear(16, 2, dtype="float64"),
        name="model",
    )
    return layers, module, (5, 2, 4, 4)


@pytest.mark.parametrize("build", [perceptron, convolutional_network])
def test_second_order_gradients(build: Callable[[], tuple[asg_nn.Module, nn.Module, tuple[int, ...]]]) -> None:
    # The gradient, by every weight, of the squared length of all first gradients: PyTorch's double backward.
    layers, module, shape = build()
    module = randomize(module.double())
    compare_names(layers, module)
    with asg.graph("model") as graph:
        x, target = asg.input("x", ("batch", *shape[1:]), "float64"), asg.input("target", ("batch", 2), "float64")
        graph.output(loss=losses.mse(layers(x), target))
    document = graph.document()
    names = {f"model.{name}": parameter for name, parameter in module.named_parameters()}
    parameters = {f"model.{name}": value.detach().numpy().copy() for name, value in module.state_dict().items()}
    x_values, target_values = fixed_arrays([shape, (5, 2)], seed=1)

    loss = nn.functional.mse_loss(module(torch.tensor(x_values)), torch.tensor(target_values))
    first = torch.autograd.grad(loss, list(names.values()), create_graph=True)
    squares = torch.stack([(gradient**2).sum() for gradient in first]).sum()
    second = torch.autograd.grad(squares, list(names.values()))

    gradient_document = grad(document)
    gradient_names = [f"grad.{name}" for name in names]
    twice = vjp(gradient_document, gradient_names, list(names))
    inputs = {"x": x_values, "target": target_values}
    gradients = asg_executor.run(gradient_document, inputs, parameters)
    cotangents = {f"cotangent.{name}": 2.0 * gradients[name] for name in gradient_names}
    results = asg_executor.run(twice, {**inputs, **cotangents}, parameters)
    assert_same(results["loss"], loss.detach().numpy(), "loss")
    # A bias before a normalisation has a gradient of 0 but for rounding.
    largest = max(float(item.detach().abs().max()) for item in (*first, *second))
    for name, one, two in zip(names, first, second, strict=True):
        for actual, expected in ((f"grad.{name}", one), (f"grad2.{name}", two)):
            found = expected.detach().numpy()
            np.testing.assert_allclose(results[actual], found, rtol=1e-10, atol=1e-12 * largest, err_msg=actual)


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
