"""Figures of an epoch from those of its batches."""

import math
from typing import Any

import numpy as np
import pytest

from asg_builder.arrays import Array
from asg_builder.training import RunningFigures, RunningMean, RunningSum
from asg_schema.errors import AsgError


def test_a_mean_weighted_by_batch_sizes_is_that_of_all_examples() -> None:
    values = np.random.default_rng(0).standard_normal(23)
    mean = RunningMean()
    for begin in range(0, 23, 5):
        batch = values[begin : begin + 5]
        mean.update(batch.mean(), len(batch))
    np.testing.assert_allclose(mean.result(), values.mean(), rtol=1e-14)
    assert isinstance(mean.result(), float)
    assert mean.weight == 23


def test_means_and_sums_of_arrays() -> None:
    mean, total = RunningMean(), RunningSum()
    for value, weight in (([1, 2], 1), ([4, 8], 3)):
        mean.update(value, weight)
        total.update(value)
    np.testing.assert_array_equal(mean.result(), [13 / 4, 26 / 4])
    np.testing.assert_array_equal(total.result(), [5, 10])


def test_single_precision_is_added_up_in_double_precision() -> None:
    mean = RunningMean()
    for _ in range(100_000):
        mean.update(np.float32(0.1))
    np.testing.assert_allclose(mean.result(), float(np.float32(0.1)), rtol=1e-11)


def test_nan_shows_but_where_it_has_no_weight() -> None:
    mean = RunningMean()
    mean.update(math.nan, 0)
    mean.update(2.0, 3)
    assert mean.result() == 2.0
    mean.update(math.nan, 1)
    mean.update(2.0, 3)
    assert math.isnan(mean.result())


def test_counts_are_exact() -> None:
    total = RunningSum()
    total.update(2**53)
    total.update(np.uint8(1))
    assert total.result() == 2**53 + 1


def test_figures_by_name() -> None:
    figures = RunningFigures()
    figures.update({"loss": np.float32(1.0), "hits": np.array(3), "matrix": np.eye(2, dtype=np.int64)}, weight=3)
    figures.update({"loss": np.float32(5.0), "hits": np.array(1), "matrix": np.ones((2, 2), np.int64)}, weight=1)
    result = figures.result()
    assert (result["loss"], result["hits"]) == (2.0, 4)
    np.testing.assert_array_equal(result["matrix"], [[2, 1], [1, 2]])
    assert isinstance(result["hits"], int)


def test_figures_of_empty_batches_alone_are_nan() -> None:
    figures = RunningFigures()
    figures.update({"accuracy": math.nan}, weight=0)
    assert math.isnan(figures.result()["accuracy"])
    figures.update({"accuracy": 0.5}, weight=2)
    assert figures.result() == {"accuracy": 0.5}


def test_results_are_the_callers() -> None:
    total = RunningSum()
    total.update([1, 2])
    first: Array = total.result()
    first += 100
    total.update([1, 1])
    np.testing.assert_array_equal(total.result(), [2, 3])


@pytest.mark.parametrize("weight", [-1, math.nan, math.inf])
def test_weights_that_are_none(weight: float) -> None:
    with pytest.raises(AsgError, match=r"weight is .*; a finite number of at least 0 is needed"):
        RunningMean().update(1.0, weight)


def test_refusals() -> None:
    with pytest.raises(AsgError, match="there is no mean of no value"):
        RunningMean().result()
    with pytest.raises(AsgError, match="there is no sum of no value"):
        RunningSum().result()
    with pytest.raises(AsgError, match="a value of float64 is no count; integers are needed"):
        RunningSum().update(0.5)
    second: list[tuple[Any, Any, str]] = [
        (1.0, [1.0], r'the figure "f": a value has the shape \[1\], and those before have \[\]'),
        ([1, 2], [1, 2, 3], r'the figure "f": a value has the shape \[3\], and those before have \[2\]'),
        (1, 1.5, 'the figure "f" is of float64, and was of another kind in batches before'),
    ]
    for first, other, message in second:
        figures = RunningFigures()
        figures.update({"f": first})
        with pytest.raises(AsgError, match=message):
            figures.update({"f": other})
