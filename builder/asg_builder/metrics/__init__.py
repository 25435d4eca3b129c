"""Figures to be watched, as part of the graph: computed where the data is, and named with `g.metric(...)`.

Predictions, or scores, come first and the target second, as with losses. Names and values are scikit-learn's. Results
are rank 0 and float32, or float64 where the operands are, unless said otherwise; half precision is computed in float32.
None is meant to be differentiated.

A session's `fit` and `evaluate` average figures over batches, weighted by their sizes, and add counts. That is exact
for those that are means over the examples: accuracy, mean squared and absolute error, percentage error. Others are no
means: for precision, recall and F1 over an epoch take `confusion_matrix`, whose counts are added, and
`classification_report`; for perplexity and the root of the mean squared error take the exponential or the root of the
averaged loss.
"""

from asg_builder.metrics.classification import (
    accuracy,
    accuracy_from_scores,
    confusion_matrix,
    f1_score,
    macro_f1_score,
    macro_precision,
    macro_recall,
    perplexity,
    precision,
    recall,
    top_k_accuracy,
)
from asg_builder.metrics.regression import (
    explained_variance,
    max_error,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    r2_score,
    root_mean_squared_error,
)
from asg_builder.metrics.report import ClassificationReport, classification_report

__all__ = [
    "ClassificationReport",
    "accuracy",
    "accuracy_from_scores",
    "classification_report",
    "confusion_matrix",
    "explained_variance",
    "f1_score",
    "macro_f1_score",
    "macro_precision",
    "macro_recall",
    "max_error",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "perplexity",
    "precision",
    "r2_score",
    "recall",
    "root_mean_squared_error",
    "top_k_accuracy",
]
