"""Arrays stacked, repeated, rolled and extended by what stands at their edges. Every dtype is allowed, and kept."""

from collections.abc import Sequence

from asg_builder.arguments import AxisLike, ShapeLike, as_axes, as_shape
from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.layout import PadEdge, PadReflect, Repeat, Roll, Stack, Tile

__all__ = ["pad_edge", "pad_reflect", "repeat", "roll", "stack", "tile"]


def stack(arrays: Sequence[TensorLike], /, *, axis: int = 0) -> Tensor:
    """Tensors of one shape and dtype joined along a new axis, at `axis` of the result."""
    return apply(Stack, *arrays, axis=axis)


def tile(x: Tensor, /, repetitions: ShapeLike) -> Tensor:
    """`x` repeated as a whole along each axis.

    Args:
        x: the tensor.
        repetitions: a count for each axis; fewer are those of the last axes, more give x leading axes.
    """
    return apply(Tile, x, repetitions=as_shape(repetitions))


def repeat(x: Tensor, /, repeats: int, *, axis: int | None = None) -> Tensor:
    """Every element `repeats` times in a row.

    Args:
        x: the tensor.
        repeats: how often each element stands.
        axis: the axis to repeat along; None flattens x first.
    """
    return apply(Repeat, x, repeats=repeats, axis=axis)


def roll(x: Tensor, /, shift: ShapeLike, *, axis: AxisLike = None) -> Tensor:
    """The elements moved along axes; what leaves at one end enters at the other.

    Args:
        x: the tensor.
        shift: by how many places; negative to the front. One for each of `axis`.
        axis: the axes to roll along; None rolls x as if it were flattened, and keeps its shape.
    """
    return apply(Roll, x, shift=as_shape(shift), axis=as_axes(axis))


def pad_reflect(x: Tensor, /, low: ShapeLike, high: ShapeLike) -> Tensor:
    """`x` continued beyond its edges by its mirror image: abc becomes cbabcb with 2 before and 1 behind.

    Args:
        x: a tensor of rank n.
        low: n counts of what goes before, each less than the axis's size.
        high: n counts of what goes behind, each less than the axis's size.
    """
    return apply(PadReflect, x, low=as_shape(low), high=as_shape(high))


def pad_edge(x: Tensor, /, low: ShapeLike, high: ShapeLike) -> Tensor:
    """`x` continued beyond its edges by the elements that stand there: abc becomes aaabcc with 2 before and 1 behind.

    Args:
        x: a tensor of rank n.
        low: n counts of what goes before.
        high: n counts of what goes behind.
    """
    return apply(PadEdge, x, low=as_shape(low), high=as_shape(high))
