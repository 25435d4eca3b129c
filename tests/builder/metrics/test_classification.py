"""Metrics of classifiers against scikit-learn's, computed by a graph whose batch is a symbol."""

import math
from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
import sklearn.metrics as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

import asg_builder as asg
from asg_builder import metrics
from asg_builder.arrays import Array
from asg_executor.errors import IndexOutOfRangeError
from asg_schema.errors import AsgError
from builder_harness.figures import figure

sklearn: Any = reference
RNG = np.random.default_rng(0)
CLASSES = 5


def labels(*values: int) -> Array:
    return np.array(values, np.int64)


# Predictions and targets of classes.
CASES: dict[str, tuple[Array, Array]] = {
    "random": (RNG.integers(0, CLASSES, 200), RNG.integers(0, CLASSES, 200)),
    "all_right": (labels(0, 1, 2, 3, 4, 0), labels(0, 1, 2, 3, 4, 0)),
    "all_wrong": (labels(1, 2, 0), labels(0, 0, 1)),
    "never_predicted": (labels(0, 0, 0, 1), labels(0, 2, 1, 1)),
    "not_in_the_target": (labels(3, 2, 1, 1), labels(1, 1, 1, 1)),
    "one_class": (labels(2, 2), labels(2, 2)),
    "one_example": (labels(4), labels(3)),
}
every_case = pytest.mark.parametrize("case", CASES)
Macro = Callable[..., asg.Tensor]
Metric = Callable[[asg.Tensor, asg.Tensor], asg.Tensor]


@every_case
def test_accuracy(case: str) -> None:
    predictions, target = CASES[case]
    result = figure(metrics.accuracy, predictions, target)
    np.testing.assert_allclose(result, sklearn.accuracy_score(target, predictions), rtol=1e-7)
    assert result.dtype == np.float32


@every_case
def test_confusion_matrix(case: str) -> None:
    predictions, target = CASES[case]
    result = figure(lambda p, t: metrics.confusion_matrix(p, t, num_classes=CLASSES), predictions, target)
    np.testing.assert_array_equal(result, sklearn.confusion_matrix(target, predictions, labels=range(CLASSES)))
    assert result.dtype == np.int64


MACRO = {
    metrics.macro_precision: sklearn.precision_score,
    metrics.macro_recall: sklearn.recall_score,
    metrics.macro_f1_score: sklearn.f1_score,
}


@every_case
@pytest.mark.parametrize("metric", MACRO)
def test_macro_averages(metric: Macro, case: str) -> None:
    predictions, target = CASES[case]
    result = figure(lambda p, t: metric(p, t, num_classes=CLASSES), predictions, target)
    expected = MACRO[metric](target, predictions, average="macro", zero_division=0)
    np.testing.assert_allclose(result, expected, rtol=1e-6)


BINARY: dict[Metric, Any] = {
    metrics.precision: sklearn.precision_score,
    metrics.recall: sklearn.recall_score,
    metrics.f1_score: sklearn.f1_score,
}
BINARY_CASES = {
    "random": (RNG.integers(0, 2, 100), RNG.integers(0, 2, 100)),
    "none_predicted": (labels(0, 0, 0), labels(0, 1, 1)),
    "none_there": (labels(0, 1, 0), labels(0, 0, 0)),
    "neither": (labels(0, 0), labels(0, 0)),
    "all_right": (labels(1, 0, 1), labels(1, 0, 1)),
}


@pytest.mark.parametrize("case", BINARY_CASES)
@pytest.mark.parametrize("dtype", [np.int64, np.int32, np.uint8, np.bool_])
@pytest.mark.parametrize("metric", BINARY)
def test_binary(metric: Metric, dtype: Any, case: str) -> None:
    predictions, target = (values.astype(dtype) for values in BINARY_CASES[case])
    result = figure(metric, predictions, target)
    expected = BINARY[metric](target, predictions, zero_division=0)
    np.testing.assert_allclose(result, expected, rtol=1e-7)
    assert result.dtype == np.float32


def test_every_element_of_a_batch_of_sequences_counts() -> None:
    predictions, target = RNG.integers(0, CLASSES, (2, 6, 4))
    pairs: list[tuple[Metric, float]] = [
        (metrics.accuracy, sklearn.accuracy_score(target.ravel(), predictions.ravel())),
        (
            lambda p, t: metrics.macro_f1_score(p, t, num_classes=CLASSES),
            sklearn.f1_score(target.ravel(), predictions.ravel(), average="macro"),
        ),
    ]
    for metric, expected in pairs:
        np.testing.assert_allclose(figure(metric, predictions, target), expected, rtol=1e-6)


@pytest.mark.parametrize("k", [1, 2, 4, 5, 9])
def test_top_k(k: int) -> None:
    scores, target = RNG.standard_normal((300, CLASSES)).astype(np.float32), RNG.integers(0, CLASSES, 300)
    result = figure(lambda s, t: metrics.top_k_accuracy(s, t, k=k), scores, target)
    expected = sklearn.top_k_accuracy_score(target, scores, k=k, labels=range(CLASSES)) if k < CLASSES else 1.0
    np.testing.assert_allclose(result, expected, rtol=1e-7)
    first_axis = figure(lambda s, t: metrics.top_k_accuracy(s.T, t, k=k, axis=0), scores, target)
    np.testing.assert_array_equal(first_axis, result)


def test_top_k_with_ties_and_nan() -> None:
    scores = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0], [np.nan, 1.0, 2.0], [np.nan, 1.0, 2.0], [5.0, np.nan, 1.0]])
    target = labels(1, 0, 0, 2, 0)
    # Tied with the highest: found. Third: not found. NaN itself: not found. Behind a NaN: not found.
    one = figure(lambda s, t: metrics.top_k_accuracy(s, t, k=1), scores, target)
    two = figure(lambda s, t: metrics.top_k_accuracy(s, t, k=2), scores, target)
    three = figure(lambda s, t: metrics.top_k_accuracy(s, t, k=3), scores, target)
    np.testing.assert_allclose([one, two, three], [1 / 5, 3 / 5, 4 / 5], rtol=1e-6)


def test_accuracy_from_scores() -> None:
    scores, target = RNG.standard_normal((50, CLASSES)), RNG.integers(0, CLASSES, 50)
    expected = sklearn.accuracy_score(target, scores.argmax(1))
    result = figure(metrics.accuracy_from_scores, scores, target)
    np.testing.assert_allclose(result, expected, rtol=1e-7)
    result = figure(lambda s, t: metrics.accuracy_from_scores(s.T, t, axis=0), scores, target)
    np.testing.assert_allclose(result, expected, rtol=1e-7)


def test_perplexity() -> None:
    scores, target = RNG.standard_normal((40, CLASSES)), RNG.integers(0, CLASSES, 40)
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    expected = math.exp(sklearn.log_loss(target, probabilities, labels=range(CLASSES)))
    result = figure(metrics.perplexity, scores, target)
    np.testing.assert_allclose(result, expected, rtol=1e-12)
    half = figure(metrics.perplexity, scores.astype(ml_dtypes.bfloat16), target)
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, expected, rtol=2e-2)
    padded = np.where(np.arange(40) < 30, target, -1)
    some = figure(lambda s, t: metrics.perplexity(s, t, ignore_index=-1), scores, padded)
    expected = math.exp(sklearn.log_loss(target[:30], probabilities[:30], labels=range(CLASSES)))
    np.testing.assert_allclose(some, expected, rtol=1e-12)


def test_uniform_scores_have_as_much_perplexity_as_classes() -> None:
    result = figure(metrics.perplexity, np.zeros((3, 7)), labels(0, 3, 6))
    np.testing.assert_allclose(result, 7.0, rtol=1e-12)


def test_no_example_at_all() -> None:
    nothing = np.zeros((0,), np.int64)
    share = figure(metrics.accuracy, nothing, nothing)
    assert np.isnan(share)
    matrix = figure(lambda p, t: metrics.confusion_matrix(p, t, num_classes=2), nothing, nothing)
    np.testing.assert_array_equal(matrix, np.zeros((2, 2)))
    score = figure(lambda p, t: metrics.macro_f1_score(p, t, num_classes=2), nothing, nothing)
    assert score == 0


COUNTING: list[Macro] = [metrics.confusion_matrix, *MACRO]


@pytest.mark.parametrize("metric", COUNTING)
@pytest.mark.parametrize("wrong", [-1, CLASSES, CLASSES + 1])
@pytest.mark.parametrize("place", [0, 1])
def test_a_class_that_is_out_of_range(metric: Macro, wrong: int, place: int) -> None:
    operands = [labels(0, 1), labels(0, 1)]
    operands[place][1] = wrong
    with pytest.raises(IndexOutOfRangeError, match="out of range"):
        figure(lambda p, t: metric(p, t, num_classes=CLASSES), *operands)


@pytest.mark.parametrize("wrong", [-1, CLASSES])
def test_a_target_out_of_range_of_the_scores(wrong: int) -> None:
    with pytest.raises(IndexOutOfRangeError, match="out of range"):
        figure(lambda s, t: metrics.top_k_accuracy(s, t, k=1), np.zeros((1, CLASSES)), labels(wrong))


def test_a_metric_is_an_output_with_that_role() -> None:
    with asg.graph("watched") as g:
        scores, target = asg.input("scores", ("batch", 3)), asg.input("target", ("batch",), "int64")
        g.metric(accuracy=metrics.accuracy_from_scores(scores, target))
    (output,) = g.document().outputs
    assert output.role is not None
    assert output.role.kind == "metric"
    assert str(g.document().types[output.value]) == "float32[]"


REFUSED: list[tuple[Callable[[asg.Tensor, asg.Tensor], object], str, str]] = [
    (
        metrics.accuracy,
        "int64[3] int64[4]",
        "accuracy: Tensor('p', int64[3]) and Tensor('t', int64[4]) differ in shape",
    ),
    (
        metrics.precision,
        "float32[3] int64[3]",
        "precision: Tensor('p', float32[3]) is not of classes; an integer dtype",
    ),
    (metrics.f1_score, "int64[3] float32[3]", "f1_score: Tensor('t', float32[3]) is not of classes; an integer dtype"),
    (
        lambda p, t: metrics.confusion_matrix(p, t, num_classes=0),
        "int64[3] int64[3]",
        "confusion_matrix: num_classes is 0; at least 1 is needed",
    ),
    (
        lambda p, t: metrics.macro_recall(p, t, num_classes=-1),
        "int64[3] int64[3]",
        "macro_recall: num_classes is -1; at least 1 is needed",
    ),
    (
        lambda p, t: metrics.top_k_accuracy(p, t, k=0),
        "float32[3, 2] int64[3]",
        "top_k_accuracy: k is 0; at least 1 is needed",
    ),
    (
        lambda p, t: metrics.top_k_accuracy(p, t, k=1),
        "float32[3, 2] int64[2]",
        "top_k_accuracy: Tensor('t', int64[2]) is the target; the shape of Tensor('p', float32[3, 2]) without axis -1, "
        "[3], is needed",
    ),
    (
        lambda p, t: metrics.top_k_accuracy(p, t, k=1, axis=2),
        "float32[3, 2] int64[3]",
        "top_k_accuracy: Tensor('p', float32[3, 2]) has no axis 2",
    ),
    (
        lambda p, t: metrics.top_k_accuracy(p, t, k=1),
        "float32[3, 2] float32[3]",
        "top_k_accuracy: Tensor('t', float32[3]) is not of classes",
    ),
]


@pytest.mark.parametrize(("metric", "types", "message"), REFUSED)
def test_refusals(metric: Callable[[asg.Tensor, asg.Tensor], object], types: str, message: str) -> None:
    with asg.graph("bad"):
        operands: list[asg.Tensor] = []
        for name, type in zip("pt", types.replace(", ", ",").split(), strict=True):
            dtype, _, shape = type.rstrip("]").partition("[")
            operands.append(asg.input(name, [int(size) for size in shape.split(",")], dtype))
        with pytest.raises(AsgError) as caught:
            metric(*operands)
    assert str(caught.value).startswith(message)
