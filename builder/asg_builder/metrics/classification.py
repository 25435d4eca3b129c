"""How often, and how, a classifier is right.

Classes are indices of an integer dtype, or bool; `asg.argmax(scores, -1)` makes them of scores. Every element of the
predictions counts, whatever their shape. A class index that is out of range is an error when the document runs.
"""

from typing import NamedTuple

from asg_builder.functions.comparison import less_equal, logical_not
from asg_builder.functions.creation import constant, dim_size, ones_like, zeros
from asg_builder.functions.elementwise import exp, where
from asg_builder.functions.indexing import index_add, take_along_axis
from asg_builder.functions.layout import expand_dims
from asg_builder.functions.reduction import argmax, mean, sum
from asg_builder.functions.reduction_losses import cross_entropy
from asg_builder.tensor import Tensor
from asg_schema.dims import format_shape
from asg_schema.errors import AsgError

__all__ = [
    "accuracy",
    "accuracy_from_scores",
    "confusion_matrix",
    "f1_score",
    "macro_f1_score",
    "macro_precision",
    "macro_recall",
    "perplexity",
    "precision",
    "recall",
    "top_k_accuracy",
]


def accuracy(predictions: Tensor, target: Tensor) -> Tensor:
    """The share of predictions that are the target; `sklearn.metrics.accuracy_score`.

    Args:
        predictions: classes, of any shape.
        target: classes, of the shape of `predictions`.

    Returns:
        Rank 0, float32; NaN where there is no element.

    Raises:
        AsgError: the shapes differ, or a dtype is a floating-point one.
    """
    found, wanted = _classes("accuracy", predictions, target)
    return _share(found == wanted)


def accuracy_from_scores(scores: Tensor, target: Tensor, *, axis: int = -1) -> Tensor:
    """The share of examples whose class has the highest score; of equal scores the first counts.

    Args:
        scores: of any number dtype.
        target: classes, of the shape of `scores` without `axis`.
        axis: the axis of the classes.

    Returns:
        Rank 0, float32; NaN where there is no example.

    Raises:
        AsgError: the shapes do not go together, or the target is of a floating-point dtype.
    """
    return accuracy(argmax(scores, axis), target)


def top_k_accuracy(scores: Tensor, target: Tensor, *, k: int, axis: int = -1) -> Tensor:
    """The share of examples whose class is among the k highest scores; `sklearn.metrics.top_k_accuracy_score`.

    The class counts as found where fewer than k scores are higher, so that among equal scores it comes first. A NaN
    is higher than every number, and the class whose own score is NaN is not found.

    Args:
        scores: of any number dtype.
        target: classes, of the shape of `scores` without `axis`.
        k: how many of the highest scores count, at least 1.
        axis: the axis of the classes.

    Returns:
        Rank 0, float32; NaN where there is no example.

    Raises:
        AsgError: k is below 1, the shapes do not go together, or the target is of a floating-point dtype.
    """
    if k < 1:
        raise AsgError(f"top_k_accuracy: k is {k}; at least 1 is needed")
    if not -scores.ndim <= axis < scores.ndim:
        raise AsgError(f"top_k_accuracy: {scores} has no axis {axis}")
    place = axis % scores.ndim
    batch = scores.shape[:place] + scores.shape[place + 1 :]
    if target.shape != batch:
        raise AsgError(
            f"top_k_accuracy: {target} is the target; the shape of {scores} without axis {axis}, "
            f"{format_shape(batch)}, is needed"
        )
    wanted = _as_indices("top_k_accuracy", target)
    # To a gather -1 would be the last class.
    wanted = where(wanted < 0, dim_size(scores, axis), wanted)
    own = take_along_axis(scores, expand_dims(wanted, axis=place), axis=place)
    # Not "scores > own": beside a NaN that is false, and the class would be found.
    higher = sum(logical_not(less_equal(scores, own)).astype("int64"), axis=place)
    valid = own == own
    return _share((higher < k) & sum(valid.astype("int64"), axis=place).astype("bool"))


def confusion_matrix(predictions: Tensor, target: Tensor, *, num_classes: int) -> Tensor:
    """How often each class was predicted for each; `sklearn.metrics.confusion_matrix`.

    The matrices of batches can be added; `classification_report` computes precision, recall and F1 of their sum.

    Args:
        predictions: classes, of any shape.
        target: classes, of the shape of `predictions`.
        num_classes: the number of classes.

    Returns:
        [num_classes, num_classes], int64: in row i and column j the number of elements of class i that were predicted
        to be of class j.

    Raises:
        AsgError: the shapes differ, a dtype is a floating-point one, or there is no class.
    """
    found, wanted = _classes("confusion_matrix", predictions, target)
    _check_number_of_classes("confusion_matrix", num_classes)
    inside = (found >= 0) & (found < num_classes) & (wanted >= 0) & (wanted < num_classes)
    # What is outside would be counted in another row; it is sent to a cell that does not exist.
    cells = where(inside, wanted * num_classes + found, num_classes * num_classes).reshape(-1)
    counts = index_add(zeros((num_classes * num_classes,), "int64"), cells, ones_like(cells))
    return counts.reshape(num_classes, num_classes)


def precision(predictions: Tensor, target: Tensor) -> Tensor:
    """The share of elements predicted to be positive that are; `sklearn.metrics.precision_score`.

    Args:
        predictions: bool, or integers of which 1 is positive; of any shape.
        target: the same of the shape of `predictions`.

    Returns:
        Rank 0, float32; 0 where none is predicted to be positive.

    Raises:
        AsgError: the shapes differ, or a dtype is a floating-point one.
    """
    counts = _binary_counts("precision", predictions, target)
    return _ratio(counts.hits, counts.predicted).astype("float32")


def recall(predictions: Tensor, target: Tensor) -> Tensor:
    """The share of positive elements that are predicted to be; `sklearn.metrics.recall_score`.

    Args:
        predictions: bool, or integers of which 1 is positive; of any shape.
        target: the same of the shape of `predictions`.

    Returns:
        Rank 0, float32; 0 where none is positive.

    Raises:
        AsgError: the shapes differ, or a dtype is a floating-point one.
    """
    counts = _binary_counts("recall", predictions, target)
    return _ratio(counts.hits, counts.actual).astype("float32")


def f1_score(predictions: Tensor, target: Tensor) -> Tensor:
    """The harmonic mean of precision and recall; `sklearn.metrics.f1_score`.

    Args:
        predictions: bool, or integers of which 1 is positive; of any shape.
        target: the same of the shape of `predictions`.

    Returns:
        Rank 0, float32; 0 where none is positive or predicted to be.

    Raises:
        AsgError: the shapes differ, or a dtype is a floating-point one.
    """
    counts = _binary_counts("f1_score", predictions, target)
    return _f1(counts).astype("float32")


def macro_precision(predictions: Tensor, target: Tensor, *, num_classes: int) -> Tensor:
    """The mean of the precision of each class; `sklearn.metrics.precision_score` with average="macro".

    Args:
        predictions: classes, of any shape.
        target: classes, of the shape of `predictions`.
        num_classes: the number of classes.

    Returns:
        Rank 0, float32. A class that is never predicted has 0; one that does not occur at all is left out.

    Raises:
        AsgError: the shapes differ, a dtype is a floating-point one, or there is no class.
    """
    counts = _counts_by_class("macro_precision", predictions, target, num_classes)
    return _macro(_ratio(counts.hits, counts.predicted), counts)


def macro_recall(predictions: Tensor, target: Tensor, *, num_classes: int) -> Tensor:
    """The mean of the recall of each class; `sklearn.metrics.recall_score` with average="macro".

    Args:
        predictions: classes, of any shape.
        target: classes, of the shape of `predictions`.
        num_classes: the number of classes.

    Returns:
        Rank 0, float32. A class that is not in the target has 0; one that does not occur at all is left out.

    Raises:
        AsgError: the shapes differ, a dtype is a floating-point one, or there is no class.
    """
    counts = _counts_by_class("macro_recall", predictions, target, num_classes)
    return _macro(_ratio(counts.hits, counts.actual), counts)


def macro_f1_score(predictions: Tensor, target: Tensor, *, num_classes: int) -> Tensor:
    """The mean of the F1 score of each class; `sklearn.metrics.f1_score` with average="macro".

    Args:
        predictions: classes, of any shape.
        target: classes, of the shape of `predictions`.
        num_classes: the number of classes.

    Returns:
        Rank 0, float32. A class that does not occur at all is left out.

    Raises:
        AsgError: the shapes differ, a dtype is a floating-point one, or there is no class.
    """
    counts = _counts_by_class("macro_f1_score", predictions, target, num_classes)
    return _macro(_f1(counts), counts)


def perplexity(scores: Tensor, target: Tensor, *, axis: int = -1, ignore_index: int | None = None) -> Tensor:
    """The exponential of the mean cross-entropy between softmax(scores) and the target.

    Args:
        scores: of a floating-point dtype.
        target: classes, int32 or int64, of the shape of `scores` without `axis`.
        axis: the axis of the classes.
        ignore_index: a class index that marks places that do not count, such as padding.

    Returns:
        Rank 0; NaN where nothing counts.
    """
    wide = scores.astype("float32") if scores.dtype.is_floating and scores.dtype.bits < 32 else scores
    return exp(cross_entropy(wide, target, axis=axis, ignore_index=ignore_index))


class _Counts(NamedTuple):
    """Numbers of elements, int64: predicted rightly, predicted at all, and there; rank 0, or for each class."""

    hits: Tensor
    predicted: Tensor
    actual: Tensor


def _as_indices(name: str, classes: Tensor) -> Tensor:
    if classes.dtype.is_floating:
        raise AsgError(
            f"{name}: {classes} is not of classes; an integer dtype or bool is needed (asg.argmax makes classes of "
            "scores)"
        )
    return classes.astype("int64")


def _classes(name: str, predictions: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Predictions and target as int64."""
    if predictions.shape != target.shape:
        raise AsgError(f"{name}: {predictions} and {target} differ in shape; reshape one of them")
    return _as_indices(name, predictions), _as_indices(name, target)


def _check_number_of_classes(name: str, num_classes: int) -> None:
    if num_classes < 1:
        raise AsgError(f"{name}: num_classes is {num_classes}; at least 1 is needed")


def _share(condition: Tensor) -> Tensor:
    """How large a part of the elements is true; exact, because float64 counts every element."""
    return mean(condition.astype("float64")).astype("float32")


def _binary_counts(name: str, predictions: Tensor, target: Tensor) -> _Counts:
    found, wanted = (classes == 1 for classes in _classes(name, predictions, target))
    hits, predicted, actual = (sum(chosen.astype("int64")) for chosen in (found & wanted, found, wanted))
    return _Counts(hits, predicted, actual)


def _counts_by_class(name: str, predictions: Tensor, target: Tensor, num_classes: int) -> _Counts:
    found, wanted = (classes.reshape(-1) for classes in _classes(name, predictions, target))
    _check_number_of_classes(name, num_classes)
    one = ones_like(found)
    return _Counts(
        _count(wanted, (found == wanted).astype("int64"), num_classes),
        _count(found, one, num_classes),
        _count(wanted, one, num_classes),
    )


def _count(classes: Tensor, amounts: Tensor, num_classes: int) -> Tensor:
    """The sum of the amounts of each class, int64 [num_classes]."""
    # To an index -1 would be the last class.
    inside = where(classes < 0, num_classes, classes)
    return index_add(zeros((num_classes,), "int64"), inside, amounts)


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    """The quotient of two counts, float64; 0 where the second is 0."""
    # The numerator is 0 there too.
    return numerator.astype("float64") / where(denominator == 0, 1, denominator).astype("float64")


def _f1(counts: _Counts) -> Tensor:
    return _ratio(counts.hits * 2, counts.predicted + counts.actual)


def _macro(scores: Tensor, counts: _Counts) -> Tensor:
    """The mean over the classes that occur; the others have the score 0."""
    occurring = sum((counts.predicted + counts.actual > 0).astype("int64"))
    at_least_one = where(occurring == 0, constant(1), occurring)
    return (sum(scores) / at_least_one.astype("float64")).astype("float32")
