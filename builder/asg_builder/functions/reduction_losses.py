"""Losses that are ops of their own. `asg_builder.losses` has all losses.

`reduction` says what becomes of the single losses: their mean, their sum, or each by itself.
"""

from collections.abc import Sequence
from typing import Any, Literal

from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.reduction_losses import BinaryCrossEntropy, CrossEntropy, Nll

__all__ = ["binary_cross_entropy", "cross_entropy", "nll"]


def cross_entropy(
    input: Tensor,
    target: TensorLike | Sequence[Any],
    weight: TensorLike | Sequence[Any] | None = None,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """The cross-entropy between the softmax of `input` along `axis` and the target.

    Args:
        input: scores, not probabilities; of a floating-point dtype.
        target: class indices, int32 or int64, of the shape of `input` without `axis`; or probabilities of the shape and
            dtype of `input`.
        weight: the factor of each class, [classes]; without a derivative. The mean over class indices divides by the
            sum of the targets' weights.
        axis: the axis of the classes: the last one if nothing is said, where PyTorch has 1.
        ignore_index: a class index that marks places that do not count; it may lie outside the axis. PyTorch has -100
            by default, and ignores it in silence; here any index outside the axis is an error unless it is named.
        label_smoothing: the share of the target, from 0 to 1, that is spread evenly over all classes.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input` without `axis`. The mean is NaN where nothing counts.
    """
    return apply(
        CrossEntropy,
        input,
        target,
        weight,
        axis=axis,
        ignore_index=ignore_index,
        label_smoothing=label_smoothing,
        reduction=reduction,
    )


def nll(
    input: Tensor,
    target: TensorLike | Sequence[Any],
    weight: TensorLike | Sequence[Any] | None = None,
    *,
    axis: int = -1,
    ignore_index: int | None = None,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """The negative log-likelihood -weight[target] · input[target] of each line along `axis`.

    Args:
        input: logarithms of probabilities, such as `log_softmax` yields; of a floating-point dtype.
        target: class indices, int32 or int64, of the shape of `input` without `axis`.
        weight: the factor of each class, [classes]; without a derivative. The mean divides by the sum of the targets'.
        axis: the axis of the classes: the last one if nothing is said, where PyTorch has 1.
        ignore_index: as `cross_entropy` takes it.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input` without `axis`. The mean is NaN where nothing counts.
    """
    return apply(Nll, input, target, weight, axis=axis, ignore_index=ignore_index, reduction=reduction)


def binary_cross_entropy(
    input: Tensor,
    target: TensorLike | Sequence[Any],
    weight: TensorLike | Sequence[Any] | None = None,
    *,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """The cross-entropy of two classes, from probabilities; from scores `losses.bce_with_logits` is more accurate.

    Args:
        input: probabilities, from 0 to 1; of a floating-point dtype. Logarithms are held at -100, so that 0 and 1 are
            fine.
        target: the probabilities that they should be, of the shape and dtype of `input`.
        weight: the factor of each element, of a shape that broadcasts to that of `input`; without a derivative.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`.
    """
    return apply(BinaryCrossEntropy, input, target, weight, reduction=reduction)
