"""What rules of normalisations share."""

from asg_autograd.rules.axes import restore_axes
from asg_schema.composites.elementwise_products import Addcmul
from asg_schema.composites.reduction import LayerNorm, Mean
from asg_schema.composites.reduction_norms import Rstd
from asg_schema.editing import Value

__all__ = ["standardization_cotangent", "standardized"]


def standardization_cotangent(x: Value, normalized: Value, g: Value, axes: tuple[int, ...], eps: float) -> Value:
    """The cotangent of x, from that of (x - mean(x)) / sqrt(var(x) + eps) over `axes`.

    Args:
        x: the operand.
        normalized: the result, computed before.
        g: the result's cotangent.
        axes: over which mean and variance are taken.
        eps: what is added to the variance.
    """
    scale = Rstd.of(x, axis=axes, keepdims=True, eps=eps)
    centred = g - Mean.of(g, axis=axes, keepdims=True)
    projection = Mean.of(g * normalized, axis=axes, keepdims=True)
    return scale * Addcmul.of(centred, normalized, projection, value=-1.0)


def standardized(op: Rstd, x: Value, y: Value) -> Value:
    """(x - mean(x)) · y, where y is the result of `op`; over the last axes it is the layer norm of x."""
    axes = op.axes_of(op.axis, x.rank)
    if axes and axes == tuple(range(x.rank - len(axes), x.rank)):
        return LayerNorm.of(x, normalized_shape=x.shape[axes[0] :], eps=op.eps)
    return (x - Mean.of(x, axis=op.axis, keepdims=True)) * restore_axes(y, op, x)
