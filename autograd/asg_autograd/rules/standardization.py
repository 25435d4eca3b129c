"""What rules of normalisations share."""

from asg_schema.composites.reduction import Mean, Var
from asg_schema.editing import Value
from asg_schema.ops.elementwise_functions import Rsqrt

__all__ = ["standardization_cotangent"]


def standardization_cotangent(x: Value, normalized: Value, g: Value, axes: tuple[int, ...], eps: float) -> Value:
    """The cotangent of x, from that of (x - mean(x)) / sqrt(var(x) + eps) over `axes`.

    Args:
        x: the operand.
        normalized: the result, computed before.
        g: the result's cotangent.
        axes: over which mean and variance are taken.
        eps: what is added to the variance.
    """
    scale = Rsqrt.of(Var.of(x, axis=axes, keepdims=True) + eps)
    centred = g - Mean.of(g, axis=axes, keepdims=True)
    projection = Mean.of(g * normalized, axis=axes, keepdims=True)
    return scale * (centred - normalized * projection)
