"""Samples of windows: every place and every position of the window in plain loops."""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from asg_schema.ops.window import Conv, MaxPool, WindowSum
from op_samples.sample import Array, Reference, Sample, indices_of, spread

__all__ = ["SAMPLES", "Met", "Spot", "convolution", "met_elements", "over_windows", "padded_sum"]

Sizes = Sequence[int]
Pairs = Sequence[Sequence[int]]
Spot = tuple[int, ...]
Met = tuple[Spot, list[Spot]]


def padded_sum(terms: list[Any], dtype: np.dtype[Any]) -> Array:
    """A sum, exactly rounded where it is one of finite floats, and in the integers' own arithmetic else."""
    if dtype.kind != "f":
        return np.array(sum(terms)).astype(dtype)
    return np.array(math.fsum(terms) if all(map(math.isfinite, terms)) else sum(terms))


def convolution(
    strides: Sizes | None = None,
    padding: Pairs | None = None,
    lhs_dilation: Sizes | None = None,
    rhs_dilation: Sizes | None = None,
    feature_groups: int = 1,
    batch_groups: int = 1,
) -> Reference:
    """Each element of the result from its definition, over x with zeros between and around its elements."""

    def reference(x: Array, weight: Array) -> Array:
        spatial = x.ndim - 2
        ones = [1] * spatial
        stride, apart, step = strides or ones, lhs_dilation or ones, rhs_dilation or ones
        around = padding or [[0, 0]] * spatial
        stretched = [max(n - 1, 0) * a + min(n, 1) for n, a in zip(x.shape[2:], apart, strict=True)]
        sizes = [low + n + high for n, (low, high) in zip(stretched, around, strict=True)]
        reach = [(k - 1) * d + 1 for k, d in zip(weight.shape[2:], step, strict=True)]
        places = [(n - r) // s + 1 for n, r, s in zip(sizes, reach, stride, strict=True)]
        outputs, taken = weight.shape[0], weight.shape[1]
        batch = x.shape[0] // batch_groups
        result = np.zeros((batch, outputs, *places), x.dtype)
        # What each position of the window meets is the same for every image and every channel.
        positions = indices_of(weight.shape[2:])
        for place in indices_of(places):
            met: list[tuple[Spot, Spot]] = []
            for position in positions:
                spot = [
                    p * s + k * d - low
                    for p, s, k, d, (low, _) in zip(place, stride, position, step, around, strict=True)
                ]
                if all(0 <= i < n and i % a == 0 for i, n, a in zip(spot, stretched, apart, strict=True)):
                    met.append((tuple(i // a for i, a in zip(spot, apart, strict=True)), position))
            for n, o in indices_of(result.shape[:2]):
                group = o * feature_groups * batch_groups // outputs
                image = n + group * batch if batch_groups > 1 else n
                first = group * taken if feature_groups > 1 else 0
                terms = [
                    x[(image, first + c, *spot)].item() * weight[(o, c, *position)].item()
                    for c in range(taken)
                    for spot, position in met
                ]
                result[(n, o, *place)] = padded_sum(terms, x.dtype)
        return result

    return reference


def met_elements(
    shape: Sizes, kernel_size: Sizes, strides: Sizes | None, padding: Pairs | None, dilation: Sizes | None = None
) -> Iterator[Met]:
    """Each place of a window over axes of these sizes, and the elements that it meets there, in row-major order."""
    ones = [1] * len(shape)
    stride, step, around = strides or ones, dilation or ones, padding or [[0, 0]] * len(shape)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel_size, step, strict=True)]
    places = [(low + n + high - r) // s + 1 for n, r, s, (low, high) in zip(shape, reach, stride, around, strict=True)]
    for place in indices_of(places):
        spots = [
            tuple(
                p * s + k * d - low for p, s, k, d, (low, _) in zip(place, stride, position, step, around, strict=True)
            )
            for position in indices_of(kernel_size)
        ]
        yield place, [spot for spot in spots if all(0 <= i < n for i, n in zip(spot, shape, strict=True))]


def over_windows(
    x: Array, count: int, met: list[Met], function: Callable[[Array, list[Spot]], Any], dtype: Any
) -> Array:
    """`function` of each image and of the elements that a window over its `count` axes meets at each place."""
    leading, last = x.shape[: x.ndim - count], met[-1][0]
    result = np.empty((*leading, *(place + 1 for place in last)), dtype)
    for image in indices_of(leading):
        for place, spots in met:
            result[(*image, *place)] = function(x[image], spots)
    return result


def _window_sum(kernel_size: Sizes, **window: Any) -> Reference:
    given = {"strides": None, "padding": None} | window

    def reference(x: Array) -> Array:
        met = list(met_elements(x.shape[x.ndim - len(kernel_size) :], kernel_size, **given))

        def total(image: Array, spots: list[Spot]) -> Array:
            return padded_sum([image[spot].item() for spot in spots], x.dtype)

        return over_windows(x, len(kernel_size), met, total, x.dtype)

    return reference


def _first_largest(image: Array, spots: list[Spot]) -> Spot:
    """The first spot that holds NaN, else the first that holds the largest element."""
    missing = [spot for spot in spots if image[spot] != image[spot]]
    return missing[0] if missing else max(spots, key=lambda spot: image[spot])


def _max_pool(kernel_size: Sizes, **window: Any) -> Reference:
    given = {"strides": None, "padding": None} | window

    def reference(x: Array) -> tuple[Array, Array]:
        count = len(kernel_size)
        met = list(met_elements(x.shape[x.ndim - count :], kernel_size, **given))

        def value(image: Array, spots: list[Spot]) -> Any:
            return image[_first_largest(image, spots)]

        def place(image: Array, spots: list[Spot]) -> int:
            return indices_of(image.shape).index(_first_largest(image, spots))

        return over_windows(x, count, met, value, x.dtype), over_windows(x, count, met, place, np.int64)

    return reference


def _conv_case(name: str, x: Array, weight: Array, **attributes: Any) -> Sample:
    return Sample(f"conv.{name}", Conv, (x, weight), attributes, convolution(**attributes))


def _sum_case(name: str, x: Array, **attributes: Any) -> Sample:
    return Sample(f"window_sum.{name}", WindowSum, (x,), attributes, _window_sum(**attributes))


def _max_case(name: str, x: Array, differentiable: bool = True, **attributes: Any) -> Sample:
    return Sample(f"max_pool.{name}", MaxPool, (x,), attributes, _max_pool(**attributes), differentiable)


_LINES = spread(2, 3, 6)
_IMAGES = spread(2, 2, 5, 4)
_INTEGERS = np.array([[[7, -3, 100, 4, 5], [1, 120, -6, 7, 8]]], np.int8)
_TIES = np.array([[2.0, 2.0, 1.0, 3.0], [2.0, 0.0, 3.0, 3.0], [-np.inf, -np.inf, 0.0, -0.0]])
_MISSING = np.array([[1.0, np.nan, 2.0, np.inf], [np.nan, 5.0, -np.inf, 4.0], [3.0, 1.0, 6.0, 0.0]])
_LOW = np.full((1, 3, 3), -np.inf)

SAMPLES: list[Sample] = [
    _conv_case("plain", _LINES, spread(2, 3, 3) * 0.7),
    _conv_case("images", _IMAGES, spread(3, 2, 3, 2) * 0.7),
    _conv_case("volumes", spread(1, 2, 3, 2, 4), spread(2, 2, 2, 1, 2) * 0.7, padding=[[1, 0], [0, 1], [1, 1]]),
    _conv_case("strides", _IMAGES, spread(2, 2, 2, 2) * 0.7, strides=[2, 3]),
    _conv_case("strides_that_leave_a_remainder", _LINES, spread(2, 3, 3) * 0.7, strides=[2], padding=[[1, 1]]),
    _conv_case("padding", _IMAGES, spread(2, 2, 3, 3) * 0.7, padding=[[1, 1], [2, 0]]),
    _conv_case("negative_padding", _IMAGES, spread(2, 2, 2, 2) * 0.7, padding=[[-1, 0], [1, -2]]),
    _conv_case("lhs_dilation", _LINES, spread(2, 3, 3) * 0.7, lhs_dilation=[2], padding=[[1, 2]]),
    _conv_case("lhs_dilation_and_strides", _LINES, spread(2, 3, 2) * 0.7, lhs_dilation=[3], strides=[2]),
    _conv_case("rhs_dilation", _IMAGES, spread(2, 2, 2, 2) * 0.7, rhs_dilation=[3, 2]),
    _conv_case(
        "everything",
        _IMAGES,
        spread(2, 2, 2, 3) * 0.7,
        strides=[2, 1],
        padding=[[2, 1], [-1, 3]],
        lhs_dilation=[1, 3],
        rhs_dilation=[2, 2],
    ),
    _conv_case("feature_groups", spread(2, 4, 5), spread(6, 2, 3) * 0.7, feature_groups=2, padding=[[1, 1]]),
    _conv_case("one_channel_a_group", spread(2, 3, 5, 4), spread(6, 1, 2, 2) * 0.7, feature_groups=3, strides=[1, 2]),
    _conv_case("batch_groups", spread(4, 2, 5), spread(6, 2, 2) * 0.7, batch_groups=2, strides=[2]),
    _conv_case("kernel_of_one", _IMAGES, spread(3, 2, 1, 1) * 0.7),
    _conv_case("kernel_of_one_with_strides", _IMAGES, spread(3, 2, 1, 1) * 0.7, strides=[2, 2]),
    _conv_case("kernel_of_the_whole", spread(3, 2, 2, 2), spread(2, 2, 2, 2) * 0.7),
    _conv_case("nothing_but_padding", np.zeros((2, 3, 0)), spread(2, 3, 2), padding=[[1, 1]]),
    _conv_case("no_batch", np.zeros((0, 3, 4)), spread(2, 3, 2)),
    _conv_case("no_channels", np.zeros((2, 0, 4)), np.zeros((2, 0, 2))),
    _conv_case("no_results", _LINES, np.zeros((0, 3, 2))),
    _conv_case("int8_wraps", np.array([[[100, 27, -5]]], np.int8), np.array([[[2, 3]]], np.int8)),
    _conv_case("int64", np.arange(24).reshape(2, 2, 6), np.arange(8).reshape(2, 2, 2) - 3, padding=[[1, 0]]),
    _sum_case("plain", _LINES, kernel_size=[3]),
    _sum_case("images", _IMAGES, kernel_size=[2, 3], strides=[2, 1], padding=[[1, 0], [1, 2]]),
    _sum_case("remainder", _IMAGES, kernel_size=[2, 2], strides=[2, 3]),
    _sum_case("dilation", _IMAGES, kernel_size=[2, 2], dilation=[3, 2], padding=[[2, 2], [0, 1]]),
    _sum_case("negative_padding", _LINES, kernel_size=[2], padding=[[-1, -2]]),
    _sum_case("whole", _LINES, kernel_size=[3, 6]),
    _sum_case("windows_of_padding", spread(3), kernel_size=[2], strides=[2], padding=[[4, 3]]),
    _sum_case("nothing_but_padding", np.zeros((2, 0)), kernel_size=[2], padding=[[1, 2]]),
    _sum_case("no_images", np.zeros((0, 4)), kernel_size=[2]),
    _sum_case("int8_wraps", _INTEGERS, kernel_size=[2, 2]),
    _max_case("plain", _LINES, kernel_size=[3]),
    _max_case("images", _IMAGES, kernel_size=[2, 2], strides=[2, 2]),
    _max_case("overlapping", _IMAGES, kernel_size=[3, 2], strides=[1, 1], padding=[[1, 1], [1, 0]]),
    _max_case("dilation", _IMAGES, kernel_size=[2, 2], dilation=[2, 3], padding=[[1, 2], [0, 2]]),
    _max_case("negative_padding", _LINES, kernel_size=[2], padding=[[-2, -1]], strides=[2]),
    _max_case("volumes", spread(1, 3, 4, 3), kernel_size=[2, 2, 2], strides=[1, 2, 1]),
    _max_case("whole", spread(4, 3), kernel_size=[4, 3]),
    _max_case("no_images", np.zeros((0, 2, 2)), kernel_size=[2, 2]),
    _max_case("ties", _TIES, differentiable=False, kernel_size=[2, 2]),
    _max_case("nan", _MISSING, differentiable=False, kernel_size=[2, 2]),
    _max_case("lowest", _LOW, differentiable=False, kernel_size=[2, 2], padding=[[1, 1], [1, 1]], strides=[1, 2]),
    _max_case("int8", _INTEGERS, kernel_size=[2, 2], padding=[[1, 0], [0, 1]]),
    _max_case("uint8", np.array([[0, 200, 3, 200]], np.uint8), kernel_size=[1, 2]),
]
