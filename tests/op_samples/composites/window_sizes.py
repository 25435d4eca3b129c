"""Samples of what changes sizes: adaptive and global pooling, transposed convolution, resampling; in plain loops."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from asg_schema.composites.window_adaptive import AdaptiveAvgPool, AdaptiveMaxPool, GlobalAvgPool, GlobalMaxPool
from asg_schema.composites.window_convolution import ConvTranspose
from asg_schema.composites.window_interpolation import Interpolate
from op_samples.sample import Array, Reference, Sample, indices_of, spread
from op_samples.window import Met, Spot, over_windows, padded_sum

__all__ = ["SAMPLES", "adaptive_bounds", "transposed_convolution"]


def adaptive_bounds(size: int, places: int) -> list[range]:
    """The elements of the window at each place."""
    return [range(i * size // places, math.ceil((i + 1) * size / places)) for i in range(places)]


def _adaptive(output_size: Sequence[int], function: Callable[[list[Any]], Any]) -> Reference:
    def reference(x: Array) -> Array:
        count = len(output_size)
        bounds = [adaptive_bounds(n, m) for n, m in zip(x.shape[x.ndim - count :], output_size, strict=True)]
        met: list[Met] = []
        for place in indices_of(output_size):
            spots: list[Spot] = [()]
            for axis, i in enumerate(place):
                spots = [(*spot, j) for spot in spots for j in bounds[axis][i]]
            met.append((place, spots))

        def of_window(image: Array, spots: list[Spot]) -> Any:
            return function([image[spot].item() for spot in spots])

        return over_windows(x, count, met, of_window, x.dtype)

    return reference


def _mean(elements: list[float]) -> float:
    return float(padded_sum(elements, np.dtype(np.float64))) / len(elements)


def _largest(elements: list[Any]) -> Any:
    missing = [element for element in elements if element != element]
    return missing[0] if missing else max(elements)


def _global(function: Callable[[list[Any]], Any]) -> Reference:
    def reference(x: Array) -> Array:
        result = np.empty((*x.shape[:2], *(1,) * (x.ndim - 2)), x.dtype)
        for image in indices_of(x.shape[:2]):
            result[image] = function(x[image].reshape(-1).tolist())
        return result

    return reference


def transposed_convolution(
    strides: Sequence[int] | None = None,
    padding: Sequence[Sequence[int]] | None = None,
    output_padding: Sequence[int] | None = None,
    groups: int = 1,
    dilation: Sequence[int] | None = None,
) -> Reference:
    """Every element of x adds its multiple of the kernel."""

    def reference(x: Array, weight: Array, bias: Array | None = None) -> Array:
        spatial = x.ndim - 2
        ones = [1] * spatial
        stride, step, beyond = strides or ones, dilation or ones, output_padding or [0] * spatial
        around = padding or [[0, 0]] * spatial
        sizes = [
            (n - 1) * s - low - high + (k - 1) * d + more + 1
            for n, k, s, d, more, (low, high) in zip(
                x.shape[2:], weight.shape[2:], stride, step, beyond, around, strict=True
            )
        ]
        taken, made = weight.shape[0] // groups, weight.shape[1]
        result = np.zeros((x.shape[0], made * groups, *sizes))
        for place in indices_of(x.shape[2:]):
            for position in indices_of(weight.shape[2:]):
                spot = tuple(
                    p * s + k * d - low
                    for p, s, k, d, (low, _) in zip(place, stride, position, step, around, strict=True)
                )
                if not all(0 <= i < size for i, size in zip(spot, sizes, strict=True)):
                    continue
                for n, c, o in indices_of((*x.shape[:2], made)):
                    output = c // taken * made + o
                    result[(n, output, *spot)] += x[(n, c, *place)] * weight[(c, o, *position)]
        return result if bias is None else result + bias.reshape(-1, *ones)

    return reference


def _interpolate(
    size: Sequence[int] | None = None,
    scale_factor: Sequence[float] | None = None,
    mode: str = "nearest",
    align_corners: bool = False,
) -> Reference:
    def along(x: Array, axis: int, count: int, factor: float | None) -> Array:
        n = x.shape[axis]
        parts: list[Array] = []
        for i in range(count):
            step = n / count if factor is None else 1.0 / factor
            if mode == "nearest":
                parts.append(x.take(min(i * n // count if factor is None else math.floor(i * step), n - 1), axis))
                continue
            position = max((i + 0.5) * step - 0.5, 0.0)
            if align_corners:
                position = i * ((n - 1) / (count - 1)) if count > 1 else 0.0
            first = min(math.floor(position), n - 1)
            part = position - math.floor(position)
            parts.append(x.take(first, axis) * (1.0 - part) + x.take(min(first + 1, n - 1), axis) * part)
        return np.stack(parts, axis)

    def reference(x: Array) -> Array:
        axes = len(size or scale_factor or ())
        for index in range(axes):
            axis = x.ndim - axes + index
            factor = scale_factor[index] if scale_factor else None
            count = math.floor(x.shape[axis] * factor) if factor is not None else (size or ())[index]
            x = along(x, axis, count, factor)
        return x

    return reference


def _avg_case(name: str, x: Array, **attributes: Any) -> Sample:
    return Sample(
        f"adaptive_avg_pool.{name}", AdaptiveAvgPool, (x,), attributes, _adaptive(function=_mean, **attributes)
    )


def _max_case(name: str, x: Array, differentiable: bool = True, **attributes: Any) -> Sample:
    reference = _adaptive(function=_largest, **attributes)
    return Sample(f"adaptive_max_pool.{name}", AdaptiveMaxPool, (x,), attributes, reference, differentiable)


def _transposed_case(name: str, *operands: Array, **attributes: Any) -> Sample:
    reference = transposed_convolution(**attributes)
    return Sample(f"conv_transpose.{name}", ConvTranspose, operands, attributes, reference)


def _resampled_case(name: str, x: Array, **attributes: Any) -> Sample:
    return Sample(f"interpolate.{name}", Interpolate, (x,), attributes, _interpolate(**attributes))


_LINES = spread(2, 3, 7)
_IMAGES = spread(2, 2, 5, 4)
_VOLUMES = spread(1, 2, 3, 2, 4)
_MISSING = np.array([[1.0, np.nan, 2.0, np.inf, 2.0], [-np.inf, -np.inf, -np.inf, -np.inf, 0.0]])
_INTEGERS = np.array([[7, -3, 100, 4, 5], [1, 120, -6, 7, 8]], np.int8)

SAMPLES: list[Sample] = [
    _avg_case("that_does_not_divide", _LINES, output_size=[3]),
    _avg_case("images", _IMAGES, output_size=[3, 2]),
    _avg_case("that_divides", spread(2, 6), output_size=[3]),
    _avg_case("volumes", _VOLUMES, output_size=[2, 2, 3]),
    _avg_case("larger_than_the_axis", spread(2, 3), output_size=[5]),
    _avg_case("to_one", _IMAGES, output_size=[1, 1]),
    _avg_case("no_images", np.zeros((0, 5)), output_size=[2]),
    _max_case("that_does_not_divide", _LINES, output_size=[3]),
    _max_case("images", _IMAGES, output_size=[3, 2]),
    _max_case("that_divides", spread(2, 6), output_size=[3]),
    _max_case("volumes", _VOLUMES, output_size=[2, 2, 3]),
    _max_case("larger_than_the_axis", spread(2, 3), output_size=[5]),
    _max_case("no_images", np.zeros((0, 5)), output_size=[2]),
    _max_case("not_finite", _MISSING, differentiable=False, output_size=[3]),
    _max_case("int8", _INTEGERS, output_size=[2]),
    Sample("global_avg_pool.lines", GlobalAvgPool, (_LINES,), {}, _global(_mean)),
    Sample("global_avg_pool.images", GlobalAvgPool, (_IMAGES,), {}, _global(_mean)),
    Sample("global_avg_pool.no_images", GlobalAvgPool, (np.zeros((0, 2, 3)),), {}, _global(_mean)),
    Sample("global_max_pool.lines", GlobalMaxPool, (_LINES,), {}, _global(_largest)),
    Sample("global_max_pool.images", GlobalMaxPool, (_IMAGES,), {}, _global(_largest)),
    Sample("global_max_pool.not_finite", GlobalMaxPool, (_MISSING[None],), {}, _global(_largest), differentiable=False),
    Sample("global_max_pool.int8", GlobalMaxPool, (_INTEGERS[None],), {}, _global(_largest)),
    _transposed_case("plain", _LINES, spread(3, 2, 3) * 0.7),
    _transposed_case("bias", _LINES, spread(3, 2, 3) * 0.7, spread(2) + 0.3, strides=[2], padding=[[1, 1]]),
    _transposed_case("images", _IMAGES, spread(2, 3, 3, 2) * 0.7, strides=[2, 3], padding=[[1, 1], [0, 0]]),
    _transposed_case(
        "output_padding",
        _IMAGES,
        spread(2, 3, 3, 3) * 0.7,
        strides=[2, 3],
        padding=[[1, 1], [1, 1]],
        output_padding=[1, 2],
    ),
    _transposed_case(
        "output_padding_beyond", _LINES, spread(3, 2, 2) * 0.7, spread(2) + 0.3, strides=[3], output_padding=[2]
    ),
    _transposed_case("dilation", _IMAGES, spread(2, 3, 2, 2) * 0.7, strides=[2, 1], dilation=[2, 3]),
    _transposed_case("groups", spread(2, 4, 5), spread(4, 3, 3) * 0.7, spread(6) + 0.3, groups=2, strides=[2]),
    _transposed_case("uneven_padding", _LINES, spread(3, 2, 3) * 0.7, strides=[2], padding=[[2, 1]]),
    _transposed_case("more_padding_than_kernel", _LINES, spread(3, 2, 2) * 0.7, padding=[[2, 2]]),
    _transposed_case("volumes", _VOLUMES, spread(2, 2, 2, 1, 2) * 0.7, strides=[1, 2, 2]),
    _transposed_case("no_batch", np.zeros((0, 3, 4)), spread(3, 2, 2)),
    _resampled_case("nearest", _LINES, size=[10]),
    _resampled_case("nearest_smaller", _IMAGES, size=[3, 2]),
    _resampled_case("nearest_by_factor", _IMAGES, scale_factor=[2.0, 1.5]),
    _resampled_case("nearest_by_small_factor", _LINES, scale_factor=[0.5], mode="nearest"),
    _resampled_case("linear", _LINES, size=[10], mode="linear"),
    _resampled_case("linear_smaller", _LINES, size=[3], mode="linear", align_corners=False),
    _resampled_case("bilinear", _IMAGES, size=[3, 7], mode="linear"),
    _resampled_case("bilinear_by_factor", _IMAGES, scale_factor=[1.5, 0.75], mode="linear"),
    _resampled_case("bilinear_corners", _IMAGES, size=[3, 7], mode="linear", align_corners=True),
    _resampled_case("corners_by_factor", _LINES, scale_factor=[2.5], mode="linear", align_corners=True),
    _resampled_case("corners_of_one", _LINES, size=[1], mode="linear", align_corners=True),
    _resampled_case("trilinear", _VOLUMES, size=[2, 5, 3], mode="linear"),
    _resampled_case("same_size", _LINES, size=[7], mode="linear"),
    _resampled_case("no_images", np.zeros((0, 5)), size=[2]),
]
