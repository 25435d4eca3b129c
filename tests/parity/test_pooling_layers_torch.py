"""Pooling layers beside PyTorch's of the same name and arguments."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import asg_builder as asg
import asg_executor
from asg_builder import nn as asg_nn
from parity.derivatives import fixed_arrays
from parity.layer_comparison import compare_layers

SHAPES = {1: (2, 4, 11), 2: (2, 4, 8, 7), 3: (2, 3, 7, 6, 5)}


def both(name: str, *sizes: Any, **options: Any) -> tuple[asg_nn.Module, nn.Module]:
    return getattr(asg_nn, name)(*sizes, **options, name=""), getattr(nn, name)(*sizes, **options)


def compare(name: str, axes: int, *sizes: Any, **options: Any) -> None:
    """With a batch of any size, and without one."""
    layer, module = both(name, *sizes, **options)
    compare_layers(layer, module, fixed_arrays([SHAPES[axes]], 1))
    alone = SHAPES[axes][1:]
    compare_layers(layer, module, fixed_arrays([alone], 2), shapes=[alone])


MAX_OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 1},
    {"stride": 2, "padding": 1},
    {"dilation": 2, "stride": 1},
    {"ceil_mode": True, "stride": 2},
    {"ceil_mode": True, "padding": 1},
]


@pytest.mark.parametrize("options", MAX_OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_max_pooling(axes: int, options: dict[str, Any]) -> None:
    compare(f"MaxPool{axes}d", axes, 3, **options)


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_indices_of_maxima(ceil_mode: bool) -> None:
    (x,) = fixed_arrays([SHAPES[2]], 1)
    layer, module = both("MaxPool2d", (3, 2), 2, 1, 1, return_indices=True, ceil_mode=ceil_mode)
    with asg.graph() as g:
        values, indices = layer(asg.input("x", x.shape, "float64"))
        g.output(values=values, indices=indices)
    found = asg_executor.run(g.document(), {"x": x})
    values, indices = module(torch.tensor(x))
    np.testing.assert_array_equal(found["values"], values.numpy())
    np.testing.assert_array_equal(found["indices"], indices.numpy())


AVERAGE_OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 1},
    {"stride": 2, "padding": 1},
    {"stride": 2, "padding": 1, "count_include_pad": False},
    {"ceil_mode": True, "stride": 2},
    {"ceil_mode": True, "padding": 1},
    {"ceil_mode": True, "padding": 1, "count_include_pad": False},
]


@pytest.mark.parametrize("options", AVERAGE_OPTIONS, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_average_pooling(axes: int, options: dict[str, Any]) -> None:
    compare(f"AvgPool{axes}d", axes, 3, **options)


@pytest.mark.parametrize("axes", [2, 3])
def test_average_pooling_with_another_divisor(axes: int) -> None:
    compare(f"AvgPool{axes}d", axes, 2, padding=1, divisor_override=3)


def test_pooling_of_images_of_any_size() -> None:
    for layer, module in (both("MaxPool2d", 2, 2), both("AvgPool2d", 3, 2, 1)):
        compare_layers(layer, module, fixed_arrays([SHAPES[2]], 1), shapes=[("batch", 4, "height", "width")])


@pytest.mark.parametrize("kind", ["Avg", "Max"])
@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_adaptive_pooling(axes: int, size: int, kind: str) -> None:
    compare(f"Adaptive{kind}Pool{axes}d", axes, size)


@pytest.mark.parametrize("kind", ["Avg", "Max"])
def test_adaptive_pooling_of_some_axes(kind: str) -> None:
    compare(f"Adaptive{kind}Pool2d", 2, (3, None))
    compare(f"Adaptive{kind}Pool3d", 3, (None, 4, 2))


@pytest.mark.parametrize("whole", [True, False], ids=["known sizes", "any size"])
@pytest.mark.parametrize(("axes", "sizes"), [(1, 4), (2, (3, 2)), (2, (8, 1)), (3, (2, 3, 4))])
def test_indices_of_adaptive_maxima(axes: int, sizes: Any, whole: bool) -> None:
    # Elements repeat, so that the first of equal ones has to be found.
    x = np.random.default_rng(axes).integers(0, 6, SHAPES[axes]).astype(np.float64)
    layer, module = both(f"AdaptiveMaxPool{axes}d", sizes, True)
    shape = x.shape if whole else ("batch", x.shape[1], *(f"d{axis}" for axis in range(axes)))
    with asg.graph() as g:
        values, indices = layer(asg.input("x", shape, "float64"))
        g.output(values=values, indices=indices)
    found = asg_executor.run(g.document(), {"x": x})
    values, indices = module(torch.tensor(x))
    np.testing.assert_array_equal(found["values"], values.numpy())
    np.testing.assert_array_equal(found["indices"], indices.numpy())
