"""The functions with the names of `torch.nn.functional`, called with the same arguments here and there."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - the name by which it is known

import asg_builder as asg
import asg_executor
from asg_autograd import vjp
from op_samples.sample import Array

CONVOLUTIONS = [
    {},
    {"stride": 2},
    {"padding": 1, "bias": True},
    {"stride": 3, "padding": 2, "dilation": 2},
    {"groups": 2, "padding": 1, "bias": True},
    {"padding": "same"},
    {"padding": "same", "dilation": 3},
    {"padding": "valid"},
]
TRANSPOSED = [
    {},
    {"stride": 2, "bias": True},
    {"stride": 3, "padding": 1, "output_padding": 2},
    {"groups": 2, "stride": 2, "padding": 1, "bias": True},
    {"dilation": 2, "output_padding": 1},
]
POOLINGS = [
    {"kernel_size": 2},
    {"kernel_size": 3, "stride": 1},
    {"kernel_size": 3, "stride": 2, "padding": 1},
    {"kernel_size": 2, "ceil_mode": True},
    {"kernel_size": 3, "stride": 3, "padding": 1, "ceil_mode": True},
    {"kernel_size": 2, "stride": 3, "padding": 1, "ceil_mode": True},
]


def compare(name: str, arrays: list[Array], **arguments: Any) -> None:
    """Call the function of this name here and in PyTorch; compare results, and gradients by every array."""
    rng = np.random.default_rng(1)
    with asg.graph() as g:
        inputs = [asg.input(f"x{index}", array.shape, "float64") for index, array in enumerate(arrays)]
        g.output(y=getattr(asg, name)(*inputs, **arguments))
    tensors = [torch.tensor(array, requires_grad=True) for array in arrays]
    expected = getattr(F, name)(*tensors, **arguments)
    cotangent = rng.standard_normal(tuple(expected.shape))
    names = [f"x{index}" for index in range(len(arrays))]
    given = {**dict(zip(names, arrays, strict=True)), "cotangent.y": cotangent}
    found = asg_executor.run(vjp(g.document(), ["y"], names), given)
    wanted = torch.autograd.grad(expected, tensors, torch.tensor(cotangent))
    assert found["y"].shape == tuple(expected.shape)
    np.testing.assert_allclose(found["y"], expected.detach().numpy(), rtol=1e-11, atol=1e-12)
    for key, gradient in zip(names, wanted, strict=True):
        np.testing.assert_allclose(found[f"grad.{key}"], gradient.numpy(), rtol=1e-11, atol=1e-12, err_msg=key)


def image(axes: int, channels: int, batched: bool = True) -> Array:
    shape = (channels, *(7, 8, 6)[:axes])
    return np.random.default_rng(axes).standard_normal((2, *shape) if batched else shape)


every_axes = pytest.mark.parametrize("axes", [1, 2, 3])


@pytest.mark.parametrize(("axes", "arguments"), list(product([1, 2, 3], CONVOLUTIONS)))
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning")
def test_convolution(axes: int, arguments: dict[str, Any]) -> None:
    rest = {key: value for key, value in arguments.items() if key != "bias"}
    weight = np.random.default_rng(0).standard_normal((6, 4 // arguments.get("groups", 1), *(3, 2, 3)[:axes]))
    bias = [np.random.default_rng(2).standard_normal(6)] if "bias" in arguments else []
    for batched in (True, False):
        compare(f"conv{axes}d", [image(axes, 4, batched), weight, *bias], **rest)


@pytest.mark.parametrize(("axes", "arguments"), list(product([1, 2, 3], TRANSPOSED)))
def test_transposed_convolution(axes: int, arguments: dict[str, Any]) -> None:
    rest = {key: value for key, value in arguments.items() if key != "bias"}
    weight = np.random.default_rng(0).standard_normal((4, 3, *(3, 2, 3)[:axes]))
    outputs = 3 * arguments.get("groups", 1)
    bias = [np.random.default_rng(2).standard_normal(outputs)] if "bias" in arguments else []
    for batched in (True, False):
        compare(f"conv_transpose{axes}d", [image(axes, 4, batched), weight, *bias], **rest)


@pytest.mark.parametrize(("axes", "arguments"), list(product([1, 2, 3], POOLINGS)))
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool"])
def test_pooling(kind: str, axes: int, arguments: dict[str, Any]) -> None:
    for batched in (True, False):
        compare(f"{kind}{axes}d", [image(axes, 3, batched)], **arguments)
    if kind == "avg_pool":
        compare(f"{kind}{axes}d", [image(axes, 3)], **arguments, count_include_pad=False)
        if axes > 1:
            compare(f"{kind}{axes}d", [image(axes, 3)], **arguments, divisor_override=5)


@every_axes
def test_dilated_maxima(axes: int) -> None:
    compare(f"max_pool{axes}d", [image(axes, 3)], kernel_size=2, stride=1, dilation=3, padding=1)


@pytest.mark.parametrize(("axes", "arguments"), list(product([1, 2, 3], POOLINGS)))
def test_indices_of_maxima(axes: int, arguments: dict[str, Any]) -> None:
    # With ties, and integers that PyTorch has as floats.
    x = np.random.default_rng(axes).integers(0, 4, image(axes, 3).shape)
    with asg.graph() as g:
        function: Callable[..., Any] = getattr(asg, f"max_pool{axes}d")
        values, indices = function(asg.input("x", x.shape, "int64"), **arguments, return_indices=True)
        g.output(values=values, indices=indices)
    found = asg_executor.run(g.document(), {"x": x})
    expected = getattr(F, f"max_pool{axes}d")(torch.tensor(x, dtype=torch.float64), **arguments, return_indices=True)
    np.testing.assert_array_equal(found["values"], expected[0].numpy())
    np.testing.assert_array_equal(found["indices"], expected[1].numpy())


@pytest.mark.parametrize(("axes", "size"), list(product([1, 2, 3], [1, 2, 3, 5, 9])))
@pytest.mark.parametrize("kind", ["adaptive_avg_pool", "adaptive_max_pool"])
def test_adaptive_pooling(kind: str, axes: int, size: int) -> None:
    for batched in (True, False):
        compare(f"{kind}{axes}d", [image(axes, 3, batched)], output_size=size)


@pytest.mark.parametrize("arguments", [{"size": 9}, {"size": 3}, {"scale_factor": 2}, {"scale_factor": 1.7}])
@pytest.mark.parametrize(
    ("axes", "mode", "align_corners"),
    [
        *((axes, "nearest", None) for axes in (1, 2, 3)),
        *(
            (axes, mode, corners)
            for axes, mode in ((1, "linear"), (2, "bilinear"), (3, "trilinear"))
            for corners in (0, 1)
        ),
    ],
)
def test_interpolation(axes: int, mode: Any, align_corners: int | None, arguments: dict[str, Any]) -> None:
    corners = {} if align_corners is None else {"align_corners": bool(align_corners)}
    compare("interpolate", [image(axes, 3)], mode=mode, **corners, **arguments)
