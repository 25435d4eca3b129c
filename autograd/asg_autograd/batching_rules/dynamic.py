"""Blocks that begin elsewhere in each example, as gathers and scatters."""

from collections.abc import Sequence

from asg_autograd.batching_rules.gathering import taken_by_example
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import narrow
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Maximum, Minimum
from asg_schema.ops.layout import BroadcastTo, Concat, Reshape, Slice
from asg_schema.window_expansion import measured

__all__ = ["block_places", "sliced_by_example"]


def sliced_by_example(x: Value, start: Value, shape: Sequence[Dim]) -> Value:
    """The block of each example that begins at its `start`.

    Args:
        x: [B, …].
        start: [B, rank], the indices of the block's first element in each example.
        shape: the block's shape.
    """
    for axis, size in enumerate(shape):
        if x.shape[axis + 1] != size:
            x = taken_by_example(x, _along(x, start, axis, size), axis)
    return x


def block_places(x: Value, start: Value, shape: Sequence[Dim]) -> Value:
    """The index tuples of a block of each example, for a scatter with batch_dims 1.

    They name slices: an axis along which the block has all elements, as have all behind it, has no index.

    Args:
        x: [B, …].
        start: [B, rank], the indices of the block's first element in each example.
        shape: the block's shape, with fewer elements than x along some axis.

    Returns:
        [B, *leading axes of the block, number of these].
    """
    leading = max(axis for axis, size in enumerate(shape) if x.shape[axis + 1] != size) + 1
    grid = (x.shape[0], *shape[:leading])
    indices: list[Value] = []
    for axis in range(leading):
        places = _along(x, start, axis, shape[axis])
        laid = (x.shape[0], *(1,) * axis, shape[axis], *(1,) * (leading - axis - 1))
        spread = BroadcastTo.of(Reshape.of(places, shape=laid), shape=grid)
        indices.append(Reshape.of(spread, shape=(*grid, 1)))
    return Concat.of(*indices, axis=-1)


def _along(x: Value, start: Value, axis: int, size: Dim) -> Value:
    """The indices [B, size] of a block along an axis of the examples, its start clamped so that it lies within x."""
    column = Slice.of(start, start=(0, axis), stop=(start.shape[0], axis + 1))
    room = narrow(measured(x.editor, x.shape[axis + 1] - size), start.dtype)
    begin = Maximum.of(Minimum.of(column, room), column.scalar(0))
    (offsets,) = x.editor.emit(Iota, (), {"dtype": start.dtype, "shape": (size,)})
    return begin + offsets
