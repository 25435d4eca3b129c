"""Metrics of regressions against scikit-learn's, computed by a graph whose batch is a symbol."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none
from sklearn.exceptions import UndefinedMetricWarning  # pyright: ignore[reportMissingTypeStubs, reportUnknownVariableType] - as above

import asg_builder as asg
from asg_builder import metrics
from asg_builder.arrays import Array
from asg_schema.errors import AsgError
from builder_harness.figures import figure

sklearn: Any = reference
Metric = Callable[[asg.Tensor, asg.Tensor], asg.Tensor]
RNG = np.random.default_rng(0)

METRICS: dict[Metric, Any] = {
    metrics.mean_squared_error: sklearn.mean_squared_error,
    metrics.root_mean_squared_error: sklearn.root_mean_squared_error,
    metrics.mean_absolute_error: sklearn.mean_absolute_error,
    metrics.mean_absolute_percentage_error: sklearn.mean_absolute_percentage_error,
    metrics.r2_score: sklearn.r2_score,
    metrics.explained_variance: sklearn.explained_variance_score,
    metrics.max_error: sklearn.max_error,
}
TARGET = RNG.standard_normal((60, 3)) * [1.0, 50.0, 0.01] + [0.0, 1000.0, 5.0]
NOISE = RNG.standard_normal((60, 3)) * [0.5, 20.0, 0.02]
# Predictions and targets.
CASES: dict[str, tuple[Array, Array]] = {
    "vector": ((TARGET + NOISE)[:, 0], TARGET[:, 0]),
    "matrix": (TARGET + NOISE, TARGET),
    "all_right": (TARGET[:, 1], TARGET[:, 1]),
    "shifted": (TARGET + 7.0, TARGET),
    "constant_target": (NOISE[:, 0], np.full(60, 2.0)),
    "constant_target_all_right": (np.full(60, 2.0), np.full(60, 2.0)),
    "constant_target_shifted": (np.full(60, 3.0), np.full(60, 2.0)),
    "one_constant_output": (NOISE, np.stack([NOISE[:, 1], np.full(60, 2.0), NOISE[:, 0]], 1)),
    "zeros_in_the_target": (np.array([0.5, 1.0, 0.0]), np.array([0.0, 2.0, 0.0])),
    "one_example": (np.array([1.0]), np.array([2.0])),
    "integers": (np.array([1, 5, -3]), np.array([2, 5, 9])),
}


def comparable(metric: Metric, case: str) -> bool:
    # There it is of one output only.
    return metric is not metrics.max_error or CASES[case][0].ndim == 1


@pytest.mark.parametrize(
    ("metric", "case"), [(metric, case) for metric in METRICS for case in CASES if comparable(metric, case)]
)
def test_it_is_scikit_learns(metric: Metric, case: str) -> None:
    predictions, target = CASES[case]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        expected = METRICS[metric](target, predictions)
    result = figure(metric, predictions, target)
    np.testing.assert_allclose(result, expected, rtol=1e-12, atol=1e-12)
    assert result.shape == ()
    assert result.dtype == np.float64


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-5), (np.float16, 1e-5)])
def test_narrow_dtypes_are_computed_in_single_precision(metric: Metric, dtype: Any, tolerance: float) -> None:
    predictions, target = (array[:, 0].astype(dtype) for array in (TARGET + NOISE, TARGET))
    result = figure(metric, predictions, target)
    assert result.dtype == np.float32
    expected = METRICS[metric](target.astype(np.float64), predictions.astype(np.float64))
    np.testing.assert_allclose(result, expected, rtol=tolerance)


def test_a_constant_target_whose_mean_is_rounded() -> None:
    target = np.full(3, 0.1)
    assert np.any(target != target.mean())
    predictions = np.array([0.1, 0.2, 0.3])
    for metric in (metrics.r2_score, metrics.explained_variance):
        assert figure(metric, predictions, target) == 0
        assert figure(metric, target, target) == 1


def test_the_largest_error_of_all_outputs() -> None:
    result = figure(metrics.max_error, TARGET + NOISE, TARGET)
    np.testing.assert_allclose(result, np.abs(NOISE).max(), rtol=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_nan_shows(metric: Metric) -> None:
    result = figure(metric, np.array([1.0, np.nan, 2.0]), np.array([1.0, 2.0, 3.0]))
    assert np.isnan(result)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("types", "message"),
    [
        (
            ("float32", (3, 1), "float32", (3,)),
            "Tensor('p', float32[3, 1]) and Tensor('t', float32[3]) differ in shape",
        ),
        (("float32", (3,), "float64", (3,)), "Tensor('p', float32[3]) and Tensor('t', float64[3]) differ in dtype"),
        (("bool", (3,), "bool", (3,)), "Tensor('p', bool[3]) is not of numbers"),
    ],
)
def test_refusals(metric: Any, types: Any, message: str) -> None:
    with asg.graph("bad"), pytest.raises(AsgError) as caught:
        metric(asg.input("p", types[1], types[0]), asg.input("t", types[3], types[2]))
    assert str(caught.value).startswith(f"{metric.__name__}: {message}")


@pytest.mark.parametrize("metric", [metrics.r2_score, metrics.explained_variance, metrics.root_mean_squared_error])
def test_one_number_has_no_examples(metric: Any) -> None:
    with asg.graph("bad"), pytest.raises(AsgError, match="is one number; a first axis of examples is needed"):
        metric(asg.input("p"), asg.input("t"))
