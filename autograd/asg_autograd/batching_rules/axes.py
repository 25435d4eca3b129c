"""Axes of mapped values: counted from the front, behind the mapped one."""

from collections.abc import Sequence

from asg_schema.editing import Value
from asg_schema.op import Op
from asg_schema.ops.layout import PermuteDims

__all__ = ["move_axes", "shifted", "shifted_axes"]


def shifted(axis: int, rank: int) -> int:
    """An axis of a value of `rank` axes, counted from either end, as one of the mapped value."""
    return axis % rank + 1


def shifted_axes(op: Op, axes: tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """Several axes, None being all, as those of the mapped value."""
    return tuple(axis + 1 for axis in op.axes_of(axes, rank))


def move_axes(x: Value, sources: Sequence[int], place: int) -> Value:
    """The axes of x with those in `sources` taken out and put, in their order, before what is then axis `place`."""
    others = [axis for axis in range(x.rank) if axis not in sources]
    axes = (*others[:place], *sources, *others[place:])
    return x if axes == tuple(range(x.rank)) else PermuteDims.of(x, axes=axes)
