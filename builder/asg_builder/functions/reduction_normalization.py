"""Normalisations of groups of elements and of channels. Each returns the shape and dtype of `x`."""

from asg_builder.arguments import ShapeLike, as_shape
from asg_builder.tensor import Tensor, apply
from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm

__all__ = ["batch_norm", "group_norm", "instance_norm", "rms_norm"]


def rms_norm(
    x: Tensor, weight: Tensor | None = None, *, normalized_shape: ShapeLike, eps: float | None = None
) -> Tensor:
    """Elements over their root mean square: x / sqrt(mean(x²) + eps) · weight (Zhang and Sennrich, 2019).

    Args:
        x: […, *normalized_shape], of a floating-point dtype.
        weight: normalized_shape; absent: 1.
        normalized_shape: the last axes of x.
        eps: added to the mean of the squares; None is 2⁻⁵² for float64 and 2⁻²³ for the others.
    """
    return apply(RmsNorm, x, weight, normalized_shape=as_shape(normalized_shape), eps=eps)


def batch_norm(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    *,
    axis: int = 1,
    eps: float = 1e-5,
) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, for each channel with statistics that are given.

    Args:
        x: of a floating-point dtype, with C elements along `axis`.
        mean: [C]; in training the mean of x over all other axes, in evaluation a running one.
        var: [C]; in training the variance of x over all other axes, with correction 0, in evaluation a running one.
        weight: [C]; absent: 1.
        bias: [C]; absent: 0. It needs a weight.
        axis: the axis of the channels.
        eps: added to the variance.
    """
    return apply(BatchNorm, x, mean, var, weight, bias, axis=axis, eps=eps)


def group_norm(
    x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, num_groups: int, eps: float = 1e-5
) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, mean and variance those of groups of channels (Wu and He, 2018).

    Args:
        x: [N, C, …], of a floating-point dtype.
        weight: [C]; absent: 1.
        bias: [C]; absent: 0. It needs a weight.
        num_groups: into how many groups the channels are divided; it divides C.
        eps: added to the variance.
    """
    return apply(GroupNorm, x, weight, bias, num_groups=num_groups, eps=eps)


def instance_norm(x: Tensor, weight: Tensor | None = None, bias: Tensor | None = None, *, eps: float = 1e-5) -> Tensor:
    """(x - mean) / sqrt(var + eps) · weight + bias, mean and variance those of each channel of each instance.

    Args:
        x: [N, C, …] with at least one axis behind the channels, of a floating-point dtype.
        weight: [C]; absent: 1.
        bias: [C]; absent: 0. It needs a weight.
        eps: added to the variance.
    """
    return apply(InstanceNorm, x, weight, bias, eps=eps)
