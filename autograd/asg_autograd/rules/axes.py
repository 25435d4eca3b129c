"""What rules of reductions share."""

from collections.abc import Collection
from string import ascii_letters

from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.editing import Value
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Reduction, reduced_shape

__all__ = ["restore_axes", "sum_of_products"]


def restore_axes(reduced: Value, op: Reduction, x: Value) -> Value:
    """A value of the shape of `op`'s result with the reduced axes at size 1, so that it broadcasts with `x`."""
    return Reshape.of(reduced, shape=reduced_shape(x.shape, op.axes_of(op.axis, x.rank), keepdims=True))


def sum_of_products(a: Value, b: Value, kept: Collection[int]) -> Value:
    """Σ a · b over all axes but `kept`, of two values of one shape."""
    if len(kept) == a.rank:
        return a * b
    letters = ascii_letters[: a.rank]
    result = "".join(letters[axis] for axis in sorted(kept))
    return Einsum.of(a, b, equation=f"{letters},{letters}->{result}")
