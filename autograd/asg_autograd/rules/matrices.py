"""What rules of matrix products share."""

from asg_schema.editing import Value
from asg_schema.ops.layout import PermuteDims

__all__ = ["transpose"]


def transpose(x: Value) -> Value:
    """Exchange the last two axes."""
    return PermuteDims.of(x, axes=(*range(x.rank - 2), x.rank - 1, x.rank - 2))
