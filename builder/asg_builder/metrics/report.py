"""Figures of a confusion matrix on the client, such as the sum of those of an epoch's batches."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from asg_builder.arrays import Array
from asg_schema.errors import AsgError

__all__ = ["ClassificationReport", "classification_report"]


class ClassificationReport(NamedTuple):
    """What a confusion matrix tells. A quotient by 0 is 0, as scikit-learn's zero_division=0 has it.

    Of a matrix of two classes the figures of `f1_score` and so on are those of class 1: `report.f1_score[1]`.

    Attributes:
        accuracy: the share of examples that were predicted rightly.
        precision: for each class, the share of the examples predicted to be of it that are, float64.
        recall: for each class, the share of its examples that were predicted to be of it.
        f1_score: for each class, the harmonic mean of the two.
        support: for each class, the number of its examples, int64.
        macro_precision: the mean of `precision` over the classes that occur, among predictions or target.
        macro_recall: the mean of `recall` over them.
        macro_f1_score: the mean of `f1_score` over them.
    """

    accuracy: float
    precision: Array
    recall: Array
    f1_score: Array
    support: Array
    macro_precision: float
    macro_recall: float
    macro_f1_score: float


def classification_report(confusion_matrix: npt.ArrayLike) -> ClassificationReport:
    """Accuracy, precision, recall and F1 of a confusion matrix.

    Args:
        confusion_matrix: [classes, classes], counts: rows are the target's classes, columns those predicted.

    Raises:
        AsgError: it is no square matrix of counts, or holds none.
    """
    matrix = np.asarray(confusion_matrix)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise AsgError(f"a confusion matrix has the shape {list(matrix.shape)}; [classes, classes] is needed")
    if matrix.dtype.kind not in "iu" or np.any(matrix < 0):
        raise AsgError(f"a confusion matrix of {matrix.dtype} is not of counts; integers of at least 0 are needed")
    total = int(matrix.sum())
    if total == 0:
        raise AsgError("the confusion matrix counts no example")
    hits, actual, predicted = matrix.diagonal(), matrix.sum(axis=1), matrix.sum(axis=0)
    precision, recall = _ratio(hits, predicted), _ratio(hits, actual)
    f1_score = _ratio(2 * hits, predicted + actual)
    occurring = predicted + actual > 0
    return ClassificationReport(
        accuracy=int(hits.sum()) / total,
        precision=precision,
        recall=recall,
        f1_score=f1_score,
        support=actual,
        macro_precision=float(precision[occurring].mean()),
        macro_recall=float(recall[occurring].mean()),
        macro_f1_score=float(f1_score[occurring].mean()),
    )


def _ratio(numerator: Array, denominator: Array) -> Array:
    return numerator / np.where(denominator == 0, 1, denominator)
