"""A layer of the builder beside PyTorch's, under PyTorch's weights: names, results, gradients and state updates."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_autograd import grad
from asg_builder import nn as asg_nn
from asg_builder.arrays import dtype_of
from op_samples.sample import Array
from parity.derivatives import assert_same, fixed_arrays

__all__ = ["compare_layers", "compare_names", "gradient_of", "randomize"]

torch.set_num_threads(1)

Outcome = Callable[..., torch.Tensor]


def randomize(module: nn.Module) -> nn.Module:
    """Weights and statistics that are no initialiser's, so that a unit weight or a zero bias hides nothing."""
    held = [*module.parameters(), *(buffer for buffer in module.buffers() if buffer.is_floating_point())]
    positive = {id(buffer) for name, buffer in module.named_buffers() if name.endswith("running_var")}
    with torch.no_grad():
        for tensor, values in zip(held, fixed_arrays([tuple(item.shape) for item in held], 3), strict=True):
            halved = torch.tensor(values) * 0.5
            tensor.copy_(halved.abs() + 0.5 if id(tensor) in positive else halved)
    return module


def gradient_of(parameter: torch.Tensor) -> Array:
    """Its gradient; zeros where it has none."""
    return np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()


def compare_names(layer: asg_nn.Module, module: nn.Module) -> None:
    """The layer's parameters have the names and shapes, and are trained or not, as the module's state dict says."""
    trained = dict(module.named_parameters())
    theirs = {name: (tuple(value.shape), name in trained) for name, value in module.state_dict().items()}
    assert {name: (item.shape, item.trainable) for name, item in layer.named_parameters()} == theirs


def compare_layers(
    layer: asg_nn.Module,
    module: nn.Module,
    inputs: Sequence[Array],
    *,
    shapes: Sequence[Sequence[int | str]] | None = None,
    arguments: Mapping[str, Array] | None = None,
    their_arguments: Mapping[str, Any] | None = None,
    outcome: Outcome | None = None,
    tolerance: float = 1e-11,
) -> None:
    """Compare names, the result, its gradients by floating inputs and by all parameters, and all state updates.

    Args:
        layer: ours, in float64, with `name=""`.
        module: PyTorch's, in float64; its weights are used for both.
        inputs: the operands.
        shapes: the shapes with which the operands are declared; absent: a symbol for the first axis of
            each that has two; no symbol where there are `arguments`.
        arguments: further operands by name, that are not differentiated.
        their_arguments: what the module takes for these; absent: the same as tensors.
        outcome: from the module and its operands to its result; absent: calling it.
        tolerance: relative to the largest of each array.
    """
    compare_names(layer, module)
    module.zero_grad()
    state = {name: value.detach().numpy().copy() for name, value in module.state_dict().items()}
    tensors = [torch.tensor(x, requires_grad=x.dtype.kind == "f") for x in inputs]
    given = {name: torch.tensor(x) for name, x in (arguments or {}).items()}
    further = given if their_arguments is None else their_arguments
    y = module(*tensors, **further) if outcome is None else outcome(module, *tensors, **further)
    (weights,) = fixed_arrays([tuple(y.shape)], seed=5)
    torch.sum(y * torch.tensor(weights)).backward()

    shapes = shapes or [x.shape if arguments or x.ndim < 2 else ("batch", *x.shape[1:]) for x in inputs]
    with asg.graph("model") as graph:
        operands = [
            asg.input(f"x{index}", shape, dtype_of(x))
            for index, (x, shape) in enumerate(zip(inputs, shapes, strict=True))
        ]
        masks = {name: asg.input(name, x.shape, dtype_of(x)) for name, x in (arguments or {}).items()}
        found = layer(*operands, **masks)
        graph.output(y=found, loss=asg.sum(found * asg.input("weights", found.shape, "float64")))
    differentiated = [f"x{index}" for index, x in enumerate(inputs) if x.dtype.kind == "f"]
    trained = [name for name, _ in module.named_parameters()]
    document = grad(graph.document(), of="loss", wrt=[*differentiated, *trained])
    bound = {f"x{index}": x for index, x in enumerate(inputs)}
    results = asg_executor.run(document, {**bound, **(arguments or {}), "weights": weights}, state)

    assert_same(results["y"], y.detach().numpy(), "y", tolerance)
    for index, tensor in enumerate(tensors):
        if tensor.requires_grad:
            assert_same(results[f"grad.x{index}"], gradient_of(tensor), f"x{index}", tolerance)
    largest = max((float(np.abs(gradient_of(item)).max()) for _, item in module.named_parameters()), default=0.0)
    for name, parameter in module.named_parameters():
        # Some gradients are 0 but for rounding, such as that by the keys' bias, which a softmax does not see.
        actual, expected = results[f"grad.{name}"], gradient_of(parameter)
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=tolerance * largest, err_msg=name)
    for name, buffer in module.named_buffers():
        after = results.get(f"update.{name}", state[name])
        assert_same(after, buffer.numpy(), name, tolerance)
