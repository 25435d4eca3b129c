"""Figures of a confusion matrix against scikit-learn's of the examples."""

from typing import Any

import numpy as np
import pytest
import sklearn.metrics as reference  # pyright: ignore[reportMissingTypeStubs] - scikit-learn ships none

from asg_builder.metrics import classification_report
from asg_schema.errors import AsgError

sklearn: Any = reference


@pytest.mark.parametrize("highest", [2, 4, 6])
def test_it_is_scikit_learns(highest: int) -> None:
    # Of six classes, so that some occur in neither.
    rng = np.random.default_rng(highest)
    predictions, target = rng.integers(0, highest, (2, 80))
    target[target == 1] = 0
    report = classification_report(sklearn.confusion_matrix(target, predictions, labels=range(6)))
    each = sklearn.precision_recall_fscore_support(target, predictions, labels=range(6), zero_division=0)
    for ours, theirs in zip((report.precision, report.recall, report.f1_score, report.support), each, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)
    macro = sklearn.precision_recall_fscore_support(target, predictions, average="macro", zero_division=0)[:3]
    ours = (report.macro_precision, report.macro_recall, report.macro_f1_score)
    np.testing.assert_allclose(ours, macro, rtol=1e-12)
    assert report.accuracy == sklearn.accuracy_score(target, predictions)


def test_two_classes() -> None:
    target, predictions = np.array([1, 1, 0, 0, 1]), np.array([1, 0, 0, 1, 1])
    report = classification_report(sklearn.confusion_matrix(target, predictions))
    assert report.precision[1] == sklearn.precision_score(target, predictions)
    assert report.f1_score[1] == sklearn.f1_score(target, predictions)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.ones((2, 3), int), "a confusion matrix has the shape [2, 3]; [classes, classes] is needed"),
        (np.ones((2, 2)), "a confusion matrix of float64 is not of counts; integers of at least 0 are needed"),
        (
            np.array([[1, -1], [0, 0]]),
            "a confusion matrix of int64 is not of counts; integers of at least 0 are needed",
        ),
        (np.zeros((2, 2), int), "the confusion matrix counts no example"),
    ],
)
def test_refusals(matrix: Any, message: str) -> None:
    with pytest.raises(AsgError) as caught:
        classification_report(matrix)
    assert str(caught.value) == message
