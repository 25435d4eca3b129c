"""Convolutions beside PyTorch's, under the same names of parameters."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_builder import nn as asg_nn
from asg_schema.errors import AsgError
from parity.derivatives import assert_same, fixed_arrays
from parity.layer_comparison import compare_layers, compare_names, randomize

SHAPES = {1: (2, 4, 9), 2: (2, 4, 7, 6), 3: (2, 4, 5, 6, 4)}


def pair(name: str, *sizes: Any, **options: Any) -> tuple[asg_nn.Module, nn.Module]:
    """Our layer and PyTorch's of one name and one set of arguments, which have the same defaults."""
    module = randomize(getattr(nn, name)(*sizes, **options, dtype=torch.float64))
    return getattr(asg_nn, name)(*sizes, **options, dtype="float64", name=""), module


OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1},
    {"dilation": 2},
    {"groups": 2},
    {"groups": 2, "stride": 3, "padding": 2, "dilation": 2},
    {"padding": "same"},
    {"padding": "same", "dilation": 2},
    {"padding": "valid"},
]
MODES = ["reflect", "replicate", "circular"]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution(axes: int, options: dict[str, Any]) -> None:
    layer, module = pair(f"Conv{axes}d", 4, 6, 2 if "dilation" in options else 3, **options)
    compare_layers(layer, module, fixed_arrays([SHAPES[axes]], 1))


@pytest.mark.parametrize("options", [{"padding": 1}, {"padding": 2, "stride": 2}, {"padding": "same"}], ids=str)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_padding_modes(axes: int, mode: str, options: dict[str, Any]) -> None:
    # A kernel of even size pads unevenly with "same".
    layer, module = pair(f"Conv{axes}d", 4, 2, 4, **options, padding_mode=mode)
    compare_layers(layer, module, fixed_arrays([SHAPES[axes]], 1))


def test_one_size_for_each_axis() -> None:
    options = {"stride": (2, 1), "padding": (1, 2), "dilation": (1, 2)}
    compare_layers(*pair("Conv2d", 4, 6, (3, 2), **options), fixed_arrays([SHAPES[2]], 1))
    uneven = {"padding": (0, 2), "padding_mode": "circular"}
    compare_layers(*pair("Conv2d", 4, 6, (3, 2), **uneven), fixed_arrays([SHAPES[2]], 1))


@pytest.mark.parametrize("mode", ["zeros", *MODES])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_without_a_batch(axes: int, mode: str) -> None:
    layer, module = pair(f"Conv{axes}d", 4, 6, 3, padding=1, padding_mode=mode)
    shape = SHAPES[axes][1:]
    compare_layers(layer, module, fixed_arrays([shape], 1), shapes=[shape])


@pytest.mark.parametrize("mode", ["zeros", *MODES])
def test_images_of_any_size(mode: str) -> None:
    layer, module = pair("Conv2d", 4, 6, 3, padding=1, padding_mode=mode)
    compare_layers(layer, module, fixed_arrays([SHAPES[2]], 1), shapes=[("batch", 4, "height", "width")])


TRANSPOSED_OPTIONS: list[dict[str, Any]] = [
    {},
    {"bias": False},
    {"stride": 2, "padding": 1, "output_padding": 1},
    {"dilation": 2},
    {"groups": 2},
    {"groups": 2, "stride": 3, "padding": 2, "output_padding": 2, "dilation": 2},
]


@pytest.mark.parametrize("options", TRANSPOSED_OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_transposed_convolution(axes: int, options: dict[str, Any]) -> None:
    layer, module = pair(f"ConvTranspose{axes}d", 4, 6, 3, **options)
    compare_layers(layer, module, fixed_arrays([SHAPES[axes]], 1))
    shape = SHAPES[axes][1:]
    compare_layers(layer, module, fixed_arrays([shape], 2), shapes=[shape])


def test_transposed_convolution_with_one_size_for_each_axis() -> None:
    options = {"stride": (2, 1), "padding": (1, 0), "output_padding": (1, 0), "dilation": (1, 2)}
    layer, module = pair("ConvTranspose2d", 4, 6, (3, 2), **options)
    compare_layers(layer, module, fixed_arrays([SHAPES[2]], 1), shapes=[("batch", 4, "height", "width")])


@pytest.mark.parametrize("size", [(14, 13), (15, 14), (16, 13), (2, 6, 15, 14)])
def test_transposed_convolution_to_a_given_size(size: tuple[int, ...]) -> None:
    layer, module = pair("ConvTranspose2d", 4, 6, 3, stride=(3, 2), padding=2, dilation=(1, 2))
    (x,) = fixed_arrays([(2, 4, 6, 7)], 1)
    with asg.graph() as g:
        g.output(y=layer(asg.input("x", ("batch", 4, 6, 7), "float64"), size))
    state = {name: value.detach().numpy() for name, value in module.state_dict().items()}
    found = asg_executor.run(g.document(), {"x": x}, state)["y"]
    assert_same(found, module(torch.tensor(x), size).detach().numpy(), "y", 1e-11)
    refused = (*size[:-2], 17, size[-1])
    with pytest.raises(ValueError, match="requested an output size"):
        module(torch.tensor(x), refused)
    with asg.graph(), pytest.raises(AsgError, match=r"has the size 6, one from 14 to 16 is needed"):
        layer(asg.input("x", x.shape, "float64"), refused)


@pytest.mark.parametrize(
    "name", ["Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d"]
)
def test_first_values_have_pytorchs_distribution(name: str) -> None:
    torch.manual_seed(0)
    ours = getattr(asg_nn, name)(8, 640, 3, groups=2, name="")
    theirs = getattr(nn, name)(8, 640, 3, groups=2)
    compare_names(ours, theirs)
    with asg.graph() as g:
        for _, item in ours.named_parameters():
            _ = item.value
        g.output(x=asg.zeros((1,)))
    found = asg_executor.Session({"predict": g.document()}).parameters()
    for key, value in theirs.state_dict().items():
        expected = value.numpy()
        assert np.abs(found[key]).max() == pytest.approx(np.abs(expected).max(), rel=2e-2)
        assert found[key].std() == pytest.approx(expected.std(), rel=0.1)
