"""What rules of reductions share."""

from collections.abc import Collection, Sequence
from string import ascii_letters

from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.composites.contraction_einsum import Einsum
from asg_schema.composites.creation import Size
from asg_schema.composites.elementwise_products import Addcmul
from asg_schema.dtype import DType
from asg_schema.editing import Value
from asg_schema.expansion import count_elements
from asg_schema.ops.creation import Full
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Reduction, Sum, reduced_shape

__all__ = ["count", "is_constant", "restore_axes", "softmax_cotangent", "sum_of_products"]


def count(x: Value, axes: Sequence[int], dtype: DType) -> Value:
    """The number of elements along some axes, rank 0: a constant where no symbol is among their sizes."""
    sizes = [x.shape[axis] for axis in axes]
    if all(isinstance(size, int) for size in sizes):
        return count_elements(x, axes, dtype)
    return Size.of(x, axis=None if len(sizes) == x.rank else tuple(axes), dtype=dtype)


def is_constant(x: Value) -> bool:
    """Whether each element of a value is one known number."""
    return isinstance(x.editor, SimplifyingEditor) and isinstance(x.editor.definition(x), Full)


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


def softmax_cotangent(y: Value, g: Value, axis: int) -> Value:
    """Y · (ḡ - Σ ḡ · y): the cotangent of what y is the softmax of along an axis."""
    product = g * y
    return Addcmul.of(product, y, Sum.of(product, axis=(axis,), keepdims=True), value=-1.0)
