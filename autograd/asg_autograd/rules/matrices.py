"""What rules of matrix products share."""

from asg_schema.dims import element_count
from asg_schema.editing import Value
from asg_schema.ops.layout import PermuteDims, Reshape

__all__ = ["rows", "transpose"]


def transpose(x: Value) -> Value:
    """Exchange the last two axes."""
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))


def rows(x: Value) -> Value:
    """Make one matrix [rows, n] of x […, n]."""
    return Reshape.of(x, shape=(element_count(x.shape[:-1]), x.shape[-1]))
