"""Sums at every arrangement of axes, and how exact they are."""

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from asg_executor.kernels.kernel import Step
from asg_executor.kernels.reduction import extreme, sum_
from asg_executor.kernels.workspace import Workspace

EPS = 2.0**-23


def run_step(step: Step) -> None:
    with np.errstate(all="ignore"):
        step()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32, np.int8])
@pytest.mark.parametrize("axes", [axes for count in range(4) for axes in combinations(range(3), count)])
@pytest.mark.parametrize("order", ["C", "F"])
def test_any_axes_of_any_layout(dtype: type[Any], axes: tuple[int, ...], order: Any) -> None:
    x = np.asarray(np.random.default_rng(0).integers(-50, 50, (3, 4, 5)).astype(dtype), order=order)
    expected = x.sum(axis=axes, dtype=dtype)
    result = np.empty(expected.shape, dtype)
    run_step(sum_(x, axes, result))
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("shape", "axis"), [((64, 1024), 1), ((64, 5000), 1), ((1024, 64), 0), ((64, 128), 1), ((512, 100_000), 0)]
)
def test_sums_in_single_precision_lose_few_digits(shape: tuple[int, int], axis: int) -> None:
    x = np.random.default_rng(1).random(shape, np.float32)
    exact = x.sum(axis, dtype=np.float64)
    result = np.empty(exact.shape, np.float32)
    run_step(sum_(x, (axis,), result))
    assert np.max(np.abs(result / exact - 1)) < 20 * EPS


def test_numbers_that_are_not_finite_are_summed_like_others() -> None:
    x = np.array([[1, np.inf], [np.inf, -np.inf], [np.nan, 1]], np.float32)
    result = np.empty(3, np.float32)
    run_step(sum_(x, (1,), result))
    np.testing.assert_array_equal(result, [np.inf, np.nan, np.nan])


@pytest.mark.parametrize("dtype", [np.float32, np.int8, np.float64])
@pytest.mark.parametrize("shape", [(64, 2), (100, 5, 13), (40_000, 3), (63, 7), (200, 64), (200, 65), (70, 1)])
def test_the_maximum_of_rows_of_any_length(dtype: type[Any], shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(2).integers(-100, 100, shape).astype(dtype)
    if dtype is not np.int8:
        x[3, ..., 0] = np.nan
    for axes in ((len(shape) - 1,), tuple(range(1, len(shape)))):
        expected = x.max(axis=axes)
        result = np.empty_like(expected)
        run_step(extreme(np.maximum, x, axes, result, Workspace()))
        np.testing.assert_array_equal(result, expected)


def test_the_sum_of_nothing_is_zero() -> None:
    result = np.full(3, 7, np.float32)
    run_step(sum_(np.empty((3, 0), np.float32), (1,), result))
    np.testing.assert_array_equal(result, np.zeros(3))
