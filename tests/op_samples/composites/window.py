"""Samples of pooling by means: window by window, from the elements that each meets."""

import math
from typing import Any

import numpy as np

from asg_schema.composites.window import AvgPool
from op_samples.sample import Array, Reference, Sample, spread
from op_samples.window import met_elements, over_windows, padded_sum

__all__ = ["SAMPLES"]


def _avg_pool(kernel_size: Any, count_include_pad: bool = True, **window: Any) -> Reference:
    given = {"strides": None, "padding": None} | window

    def mean(image: Array, spots: list[Any]) -> float:
        elements = [image[spot].item() for spot in spots]
        count = math.prod(kernel_size) if count_include_pad else len(elements)
        return float(padded_sum(elements, np.dtype(np.float64))) / count

    def reference(x: Array) -> Array:
        axes = len(kernel_size)
        met = list(met_elements(x.shape[x.ndim - axes :], kernel_size, **given))
        return over_windows(x, axes, met, mean, np.float64)

    return reference


def _avg_case(name: str, x: Array, /, differentiable: bool = True, **attributes: Any) -> Sample:
    return Sample(f"avg_pool.{name}", AvgPool, (x,), attributes, _avg_pool(**attributes), differentiable)


_IMAGES = spread(2, 2, 5, 4)
_PADDED: dict[str, Any] = {"kernel_size": [3, 2], "strides": [2, 1], "padding": [[1, 2], [1, 0]]}

SAMPLES: list[Sample] = [
    _avg_case("plain", spread(2, 6), kernel_size=[3]),
    _avg_case("images", _IMAGES, kernel_size=[2, 2], strides=[2, 2]),
    _avg_case("padding_counts", _IMAGES, **_PADDED),
    _avg_case("padding_does_not_count", _IMAGES, count_include_pad=False, **_PADDED),
    _avg_case("without_padding", _IMAGES, kernel_size=[2, 3], count_include_pad=False),
    _avg_case("negative_padding", spread(2, 6), kernel_size=[2], padding=[[-1, -2]], count_include_pad=False),
    _avg_case("volumes", spread(1, 2, 3, 3, 2), kernel_size=[2, 2, 2], padding=[[1, 0], [0, 1], [0, 0]]),
    _avg_case("no_images", np.zeros((0, 4)), kernel_size=[2]),
    _avg_case("infinite", np.array([[1.0, np.inf, 2.0, 3.0, -np.inf, np.nan, 4.0]]), False, kernel_size=[2]),
]
