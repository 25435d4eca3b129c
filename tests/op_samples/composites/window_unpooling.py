"""Samples of unpooling: element by element, each added at its place."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from asg_schema.composites.window_unpooling import MaxUnpool
from op_samples.sample import Array, Reference, Sample, indices_of, spread

__all__ = ["SAMPLES"]


def _max_unpool(output_size: Sequence[int]) -> Reference:
    def reference(x: Array, indices: Array) -> Array:
        leading = x.shape[: x.ndim - len(output_size)]
        result = np.zeros((*leading, math.prod(output_size)), x.dtype)
        for place in indices_of(x.shape):
            spot = (*place[: len(leading)], indices[place], None)
            result[spot] += x[(*place, None)]  # arrays, because numbers that wrap around warn
        return result.reshape(*leading, *output_size)

    return reference


def _case(name: str, x: Array, indices: Array, **attributes: Any) -> Sample:
    return Sample(f"max_unpool.{name}", MaxUnpool, (x, indices), attributes, _max_unpool(**attributes))


_PLACES = np.array([[[0, 3], [9, 14]], [[5, 2], [8, 15]]])

SAMPLES: list[Sample] = [
    _case("lines", spread(2, 3), np.array([[0, 2, 5], [1, 3, 4]]), output_size=[6]),
    _case("images", spread(2, 2, 2), _PLACES, output_size=[4, 4]),
    _case("overlapping", spread(3), np.array([1, 1, 3], np.int32), output_size=[4]),
    _case("counted_from_the_end", spread(3), np.array([-1, 0, -4]), output_size=[5]),
    _case("volumes", spread(1, 2, 1, 1, 2), np.array([1, 4, 7, 0]).reshape(1, 2, 1, 1, 2), output_size=[2, 2, 2]),
    _case("all_axes", spread(2, 2), np.array([[0, 4], [5, 3]]), output_size=[3, 2]),
    _case("no_images", np.zeros((0, 2, 2)), np.zeros((0, 2, 2), np.int64), output_size=[4, 4]),
    _case("nothing_placed", np.zeros((2, 0)), np.zeros((2, 0), np.int64), output_size=[3]),
    _case("int8", np.array([100, 50, 3], np.int8), np.array([1, 1, 0]), output_size=[2]),
]
