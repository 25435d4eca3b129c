"""Convolution and pooling layers against loops, and what they refuse."""

from collections.abc import Callable
from itertools import product
from typing import Any, cast

import numpy as np
import pytest

import asg_builder as asg
from asg_builder import nn
from asg_schema import AsgError
from builder_harness.layers import run_layer

RNG = np.random.default_rng(9)


def convolved(x: Any, weight: Any, stride: int, groups: int) -> Any:
    """The cross-correlation of [N, C, H, W], in loops."""
    batch, channels, *sizes = x.shape
    outputs, _, *kernel = weight.shape
    places = [(size - k) // stride + 1 for size, k in zip(sizes, kernel, strict=True)]
    y = np.zeros((batch, outputs, *places))
    own, made = channels // groups, outputs // groups
    for o, i, j in product(range(outputs), range(places[0]), range(places[1])):
        first = o // made * own
        window = x[:, first : first + own, i * stride : i * stride + kernel[0], j * stride : j * stride + kernel[1]]
        y[:, o, i, j] = (window * weight[o]).sum((1, 2, 3))
    return y


@pytest.mark.parametrize(
    ("mode", "numpy_mode"), [("zeros", "constant"), ("reflect", "reflect"), ("replicate", "edge"), ("circular", "wrap")]
)
def test_convolution(mode: Any, numpy_mode: Any) -> None:
    x = RNG.standard_normal((2, 4, 7, 6))
    layer = nn.Conv2d(4, 6, (3, 2), 2, (1, 2), groups=2, padding_mode=mode, dtype="float64")
    y, p = run_layer(layer, x)
    padded = np.pad(x, [(0, 0), (0, 0), (1, 1), (2, 2)], mode=numpy_mode)
    np.testing.assert_allclose(y, convolved(padded, p["weight"], 2, 2) + p["bias"][:, None, None])


def test_global_pooling() -> None:
    for shape in ((2, 3, 5), (2, 3, 4, 5), (2, 3, 4, 2, 3)):
        x = RNG.standard_normal(shape)
        axes = tuple(range(2, x.ndim))
        np.testing.assert_allclose(run_layer(nn.GlobalAvgPool(), x)[0], x.mean(axes, keepdims=True))
        np.testing.assert_array_equal(run_layer(nn.GlobalMaxPool(), x)[0], x.max(axes, keepdims=True))


@pytest.mark.parametrize(
    ("make", "shape", "message"),
    [
        (lambda: nn.Conv2d(0, 3, 2), (), "at least 1 of each"),
        (lambda: nn.Conv2d(4, 6, 2, groups=3), (), "groups 3 does not divide in_channels 4 and out_channels 6"),
        (lambda: nn.Conv2d(4, 6, 0), (), r"kernel_size is \[0, 0\]; at least 1"),
        (lambda: nn.Conv2d(4, 6, 2, padding=-1), (), r"padding is \[-1, -1\]; at least 0"),
        (lambda: nn.Conv2d(4, 6, (1, 2, 3)), (), "kernel_size has 3 entries; 1 or 2 are needed"),
        (
            lambda: nn.Conv1d(4, 6, 2, padding=cast("Any", "full")),
            (),
            'padding is "full"; a number for each axis, "same" or "valid"',
        ),
        (lambda: nn.Conv1d(4, 6, 2, 2, "same"), (), r'padding "same" needs a stride of 1, not \[2\]'),
        (
            lambda: nn.Conv1d(4, 6, 2, padding_mode=cast("Any", "mirror")),
            (),
            'no padding_mode "mirror"; known are zeros, reflect',
        ),
        (lambda: nn.ConvTranspose2d(4, 6, 2, output_padding=-1), (), r"output_padding is \[-1, -1\]; at least 0"),
        (lambda: nn.ConvTranspose1d(4, 6, 2, groups=4), (), "groups 4 does not divide"),
        (lambda: nn.ConvTranspose2d(4, 6, 2), (2, 3, 9, 9), r"\[N, 4, H, W\] or \[4, H, W\] is needed"),
        (
            lambda: nn.Conv2d(4, 6, cast("Any", 2.5)),
            (),
            "kernel_size is 2.5; an integer, or one for each axis, is needed",
        ),
        (lambda: nn.Conv2d(4, 6, cast("Any", "3")), (), "kernel_size is '3'; an integer, or one for each axis"),
        (lambda: nn.MaxPool2d((2, 2, 2)), (), "kernel_size has 3 entries; 1 or 2 are needed"),
        (lambda: nn.MaxPool2d(2, padding=2), (2, 3, 9, 9), "padding 2 with a kernel of 2; 0 to 1 is needed"),
        (lambda: nn.AvgPool1d(2), (9,), "avg_pool1d: input .* has 1 axes"),
        (lambda: nn.AvgPool2d(2, divisor_override=0), (2, 3, 9, 9), "divisor_override is 0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3)), (), "output_size has 3 entries; 2 are needed"),
        (lambda: nn.AdaptiveAvgPool2d(cast("Any", 2.0)), (), "output_size is 2.0; an integer, or one for each axis"),
        (lambda: nn.AdaptiveMaxPool1d(0), (), r"output_size is 0; at least 1"),
        (lambda: nn.Conv1d(4, 6, 2), (2, 3, 9), r"Conv1d: x is .* \[N, 4, L\] or \[4, L\] is needed"),
        (lambda: nn.Conv2d(4, 6, 2), (4, 9), r"\[N, 4, H, W\] or \[4, H, W\] is needed"),
        (lambda: nn.Conv3d(4, 6, 2), (2, 4, 9, 9), r"\[N, 4, D, H, W\] or \[4, D, H, W\] is needed"),
    ],
)
def test_what_is_refused(make: Callable[[], Any], shape: tuple[int, ...], message: str) -> None:
    with asg.graph(), pytest.raises(AsgError, match=message):
        make()(asg.input("x", shape))


@pytest.mark.parametrize(
    ("size", "shape", "message"),
    [
        ([9], (2, 4, 9, 9), "output_size has 1 entries; 2 or 4 are needed"),
        ([9, 9], (2, 4, "height", 9), r"needs an input of known sizes; x is .*height"),
    ],
)
def test_sizes_that_a_transposed_convolution_cannot_have(size: Any, shape: tuple[Any, ...], message: str) -> None:
    with asg.graph(), pytest.raises(AsgError, match=message):
        nn.ConvTranspose2d(4, 6, 2)(asg.input("x", shape), size)


def test_sizes_may_be_numpys() -> None:
    layer = nn.Conv2d(4, 6, cast("Any", np.int64(3)), cast("Any", np.array([2, 1])), cast("Any", np.int32(1)))
    assert (layer.kernel_size, layer.stride, layer.padding) == ((3, 3), (2, 1), (1, 1))
    y, _ = run_layer(nn.AdaptiveAvgPool2d(cast("Any", np.int64(2))), RNG.standard_normal((1, 2, 4, 4)))
    assert y.shape == (1, 2, 2, 2)
