"""Reductions over axes, running totals, and functions along an axis.

`axis` is one axis or several, negative ones counted from the end; None is all. With `keepdims` reduced axes stay with
size 1. Results have the operand's dtype unless said otherwise.
"""

from asg_builder.arguments import AxisLike, ShapeLike, as_axes, as_shape
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.reduction import LayerNorm, LogSoftmax, Logsumexp, Mean, Softmax, Var
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Sum

__all__ = [
    "argmax",
    "argmin",
    "cumulative_sum",
    "layer_norm",
    "log_softmax",
    "logsumexp",
    "max",
    "mean",
    "min",
    "prod",
    "softmax",
    "sum",
    "var",
]


def sum(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The sum over `axis`, of any number dtype; 0 over no elements."""
    return apply(Sum, x, axis=as_axes(axis), keepdims=keepdims)


def prod(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The product over `axis`, of any number dtype; 1 over no elements. Its derivative is exact with any zeros."""
    return apply(Prod, x, axis=as_axes(axis), keepdims=keepdims)


def max(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The largest element over `axis`, of any number dtype; NaN if one is. Ties share the derivative equally."""
    return apply(Max, x, axis=as_axes(axis), keepdims=keepdims)


def min(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The smallest element over `axis`, of any number dtype; NaN if one is. Ties share the derivative equally."""
    return apply(Min, x, axis=as_axes(axis), keepdims=keepdims)


def argmax(x: Tensor, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the first largest element, int64.

    Args:
        x: of any number dtype.
        axis: the axis to search; None is the flattened tensor.
        keepdims: whether the searched axis stays with size 1.
    """
    return apply(Argmax, x, axis=axis, keepdims=keepdims)


def argmin(x: Tensor, /, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
    """The index of the first smallest element, int64.

    Args:
        x: of any number dtype.
        axis: the axis to search; None is the flattened tensor.
        keepdims: whether the searched axis stays with size 1.
    """
    return apply(Argmin, x, axis=axis, keepdims=keepdims)


def cumulative_sum(x: Tensor, /, axis: int, *, reverse: bool = False, exclusive: bool = False) -> Tensor:
    """Running totals along `axis`; the shape of x.

    Args:
        x: of any number dtype.
        axis: the axis to sum along.
        reverse: sum from the end.
        exclusive: leave out the element itself, so that the first total is 0.
    """
    return apply(CumulativeSum, x, axis=axis, reverse=reverse, exclusive=exclusive)


def mean(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The arithmetic mean over `axis`, of a floating-point dtype; NaN over no elements."""
    return apply(Mean, x, axis=as_axes(axis), keepdims=keepdims)


def var(x: Tensor, /, axis: AxisLike = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
    """The variance over `axis`, with the divisor n - correction.

    Args:
        x: of a floating-point dtype.
        axis: the axes to reduce.
        correction: 0 for the variance of a population, 1 for the unbiased one of a sample.
        keepdims: whether reduced axes stay with size 1.
    """
    return apply(Var, x, axis=as_axes(axis), correction=correction, keepdims=keepdims)


def logsumexp(x: Tensor, /, axis: AxisLike = None, *, keepdims: bool = False) -> Tensor:
    """The logarithm of Σ exp(x) over `axis`, of a floating-point dtype, without overflow."""
    return apply(Logsumexp, x, axis=as_axes(axis), keepdims=keepdims)


def softmax(x: Tensor, /, axis: int = -1) -> Tensor:
    """exp(x) / Σ exp(x) along `axis`, of a floating-point dtype; the shape of x."""
    return apply(Softmax, x, axis=axis)


def log_softmax(x: Tensor, /, axis: int = -1) -> Tensor:
    """The logarithm of softmax along `axis`, of a floating-point dtype; the shape of x."""
    return apply(LogSoftmax, x, axis=axis)


def layer_norm(
    x: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    normalized_shape: ShapeLike,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, mean and variance taken over the last axes (Ba et al., 2016).

    Args:
        x: […, *normalized_shape], of a floating-point dtype.
        weight: normalized_shape; absent: 1.
        bias: normalized_shape; absent: 0. It needs a weight.
        normalized_shape: the last axes of x.
        eps: added to the variance.

    Returns:
        The shape and dtype of x.
    """
    return apply(LayerNorm, x, weight, bias, normalized_shape=as_shape(normalized_shape), eps=eps)
