"""Losses of classification and of distributions."""

from collections.abc import Sequence
from math import inf
from typing import Any, Literal

from asg_builder.functions.creation import dim_size
from asg_builder.functions.elementwise import exp, log, sigmoid, where
from asg_builder.functions.elementwise_composites import clip, softplus
from asg_builder.functions.reduction_losses import binary_cross_entropy as _binary_cross_entropy
from asg_builder.functions.reduction_losses import cross_entropy, nll
from asg_builder.losses.arguments import Reduction, as_factor, as_target, check_number, loss_scope, reduced, wide
from asg_builder.tensor import Tensor, TensorLike
from asg_schema.errors import AsgError

__all__ = [
    "bce_with_logits",
    "binary_cross_entropy",
    "cross_entropy",
    "focal",
    "hinge",
    "kl_divergence",
    "nll",
    "squared_hinge",
]

_SMALLEST = 2.0**-100
"""What `focal` raises to a power is at least this, a float32 with a finite logarithm and reciprocal."""


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: TensorLike | Sequence[Any] | None = None, *, reduction: Reduction = "mean"
) -> Tensor:
    """The cross-entropy of two classes, -(target · log(input) + (1 - target) · log(1 - input)).

    Both logarithms are held at -100 from below, and the derivative by `input` divides by at least 1e-12, as in PyTorch:
    value and derivatives are finite at 0 and 1. From scores, `bce_with_logits` is more accurate.

    Args:
        input: probabilities, from 0 to 1; outside, the loss is NaN.
        target: of the shape of `input`; probabilities, or 0 and 1 of any dtype.
        weight: the factor of each element, of a shape that broadcasts to that of `input`; without a derivative.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("binary_cross_entropy", input, reduction):
        wanted = as_target("binary_cross_entropy", target, wide(input)).astype(input.dtype)
        return _binary_cross_entropy(input, wanted, weight, reduction=reduction)


def bce_with_logits(
    input: Tensor,
    target: Tensor,
    weight: TensorLike | Sequence[Any] | None = None,
    *,
    reduction: Reduction = "mean",
    pos_weight: TensorLike | Sequence[Any] | None = None,
) -> Tensor:
    """The cross-entropy of two classes from scores: `binary_cross_entropy` of sigmoid(input), without its rounding.

    It neither overflows nor cancels for scores of any size; PyTorch calls it `binary_cross_entropy_with_logits`.

    Args:
        input: scores of the first class.
        target: of the shape of `input`; probabilities, or 0 and 1 of any dtype.
        weight: the factor of each element, of a shape that broadcasts to that of `input`.
        reduction: what becomes of the losses.
        pos_weight: the factor of the term of the first class, of a shape that broadcasts to that of `input`.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("bce_with_logits", input, reduction):
        x = wide(input)
        wanted = as_target("bce_with_logits", target, x)
        losses = _with_logits(x, wanted, as_factor("bce_with_logits", "pos_weight", pos_weight, x))
        factor = as_factor("bce_with_logits", "weight", weight, x)
        return reduced(losses if factor is None else losses * factor, reduction, input)


def _with_logits(x: Tensor, target: Tensor, pos_weight: Tensor | None = None) -> Tensor:
    """(1 - t) · softplus(x) + w · t · softplus(-x), from softplus(±x) = max(±x, 0) + log(1 + exp(-|x|)).

    The maximum and |x| are one choice, so that both sides have the same derivatives of every order at 0.
    """
    positive = x > 0
    tail = softplus(where(positive, -x, x))
    weighted = target if pos_weight is None else target * pos_weight
    rest = 1.0 - target
    if pos_weight is not None:
        tail = tail * (rest + weighted)
    return where(positive, rest * x, -(weighted * x)) + tail


def kl_divergence(
    input: Tensor,
    target: Tensor,
    *,
    reduction: Literal["mean", "batchmean", "sum", "none"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """The terms target · (log(target) - input) of the Kullback-Leibler divergence of `input` from `target`.

    The divergence is their sum, or for a batch "batchmean", the sum divided by the size of the first axis; "mean",
    which divides by the number of elements, is PyTorch's default. Where the target is 0 the term is 0, and its
    derivative by the target -input.

    Args:
        input: logarithms of probabilities, such as `log_softmax` yields.
        target: probabilities of the shape and dtype of `input`.
        reduction: what becomes of the terms.
        log_target: whether `target` holds logarithms of probabilities too.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, `reduction` is not one of the four, or "batchmean" is asked of rank 0.
    """
    known = ("mean", "batchmean", "sum", "none")
    with loss_scope("kl_divergence", input, reduction, known):
        x = wide(input)
        wanted = as_target("kl_divergence", target, x)
        if log_target:
            # Of probability 0, the logarithm is -inf and the term 0.
            logarithm = where(wanted == -inf, 0.0, wanted)
            terms = exp(wanted) * (logarithm - x)
        else:
            terms = wanted * (log(where(wanted == 0.0, 1.0, wanted)) - x)
        if reduction != "batchmean":
            return reduced(terms, reduction, input)
        if input.ndim == 0:
            raise AsgError(f'kl_divergence: {input} has no axis to divide by; with "batchmean" at least one is needed')
        return (terms.sum() / dim_size(input, axis=0).astype(x.dtype)).astype(input.dtype)


def hinge(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """max(0, 1 - target · input). Where the two are equal the derivative is that of the line, -target.

    Cortes and Vapnik, "Support-vector networks", 1995.

    Args:
        input: scores.
        target: of the shape of `input`; -1 or 1, of any signed dtype.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("hinge", input, reduction):
        return reduced(_margin_left("hinge", input, target), reduction, input)


def squared_hinge(input: Tensor, target: Tensor, *, reduction: Reduction = "mean") -> Tensor:
    """max(0, 1 - target · input)².

    Args:
        input: scores.
        target: of the shape of `input`; -1 or 1, of any signed dtype.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, or `reduction` is not one of the three.
    """
    with loss_scope("squared_hinge", input, reduction):
        left = _margin_left("squared_hinge", input, target)
        return reduced(left * left, reduction, input)


def _margin_left(name: str, input: Tensor, target: Tensor) -> Tensor:
    x = wide(input)
    return clip(1.0 - as_target(name, target, x) * x, min=0.0)


def focal(
    input: Tensor, target: Tensor, *, alpha: float | None = 0.25, gamma: float = 2.0, reduction: Reduction = "mean"
) -> Tensor:
    """The cross-entropy of two classes, weighed down by how right the scores are already: weight · (1 - q)^gamma · bce.

    For a target t, q = p · t + (1 - p) · (1 - t) is the probability that p = sigmoid(input) gives to it, the weight is
    alpha · t + (1 - alpha) · (1 - t), and bce is `bce_with_logits` (Lin et al., "Focal loss for dense object
    detection", 2017; `torchvision.ops.sigmoid_focal_loss`, whose reduction is "none" where it is not given). Value and
    derivatives are finite for scores of any size.

    Args:
        input: scores of the first class.
        target: of the shape of `input`; probabilities, or 0 and 1 of any dtype.
        alpha: the weight of the first class, from 0 to 1, and 1 - alpha that of the second; None: both 1.
        gamma: how much less counts what is right; at least 0, with which this is the cross-entropy.
        reduction: what becomes of the losses.

    Returns:
        Rank 0, or with "none" the shape of `input`; its dtype.

    Raises:
        AsgError: the shapes differ, `alpha` or `gamma` is out of range, or `reduction` is not one of the three.
    """
    check_number("focal", "gamma", gamma, 0.0)
    if alpha is not None and not 0 <= alpha <= 1:
        raise AsgError(f"focal: alpha is {alpha}; a number from 0 to 1, or None, is needed")
    with loss_scope("focal", input, reduction):
        x = wide(input)
        wanted = as_target("focal", target, x)
        rest = 1.0 - wanted
        losses = _with_logits(x, wanted)
        if gamma:
            # 1 - q without a difference of what is nearly equal, and not so small that a power has no derivative.
            wrong = sigmoid(x) * rest + sigmoid(-x) * wanted
            losses = losses * clip(wrong, min=_SMALLEST) ** gamma
        if alpha is not None:
            losses = losses * (wanted * alpha + rest * (1.0 - alpha))
        return reduced(losses, reduction, input)
