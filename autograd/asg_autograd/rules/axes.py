"""What rules of reductions share."""

from asg_schema.editing import Value
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Reduction, reduced_shape

__all__ = ["restore_axes"]


def restore_axes(reduced: Value, op: Reduction, x: Value) -> Value:
    """A value of the shape of `op`'s result with the reduced axes at size 1, so that it broadcasts with `x`."""
    return Reshape.of(reduced, shape=reduced_shape(x.shape, op.axes_of(op.axis, x.rank), keepdims=True))
