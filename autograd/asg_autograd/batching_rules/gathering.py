"""Gathers where each example has indices of its own, by index tuples with the mapped axis as their batch."""

from asg_autograd.batching_rules.axes import move_axes
from asg_schema.editing import Value
from asg_schema.ops.indexing_nd import GatherNd
from asg_schema.ops.layout import Reshape

__all__ = ["as_tuples", "taken_by_example"]


def taken_by_example(x: Value, indices: Value, axis: int) -> Value:
    """`take` of each example by its own indices.

    Args:
        x: [B, …].
        indices: [B, …].
        axis: the axis of an example to take from.
    """
    taken = GatherNd.of(move_axes(x, [axis + 1], 1), as_tuples(indices), batch_dims=1)
    # The axes that came with the indices stand before those of x that the taken one stood behind.
    added = range(1, indices.rank)
    return move_axes(taken, list(added), axis + 1)


def as_tuples(indices: Value) -> Value:
    """Indices as index tuples of one index each."""
    return Reshape.of(indices, shape=(*indices.shape, 1))
