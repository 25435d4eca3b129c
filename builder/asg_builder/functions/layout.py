"""Where elements stand: shapes, axes, parts and wholes. Every dtype is allowed, and kept.

`axis` may be negative, counting from the end. Dims may be symbolic.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Literal

from asg_builder.arguments import AxisLike, DimLike, ShapeLike, as_axes, as_dim, as_shape, complete_shape
from asg_builder.tensor import Tensor, TensorLike, apply
from asg_schema.composites.layout import PadEdge, PadReflect
from asg_schema.dims import Dim, element_count
from asg_schema.errors import AsgError
from asg_schema.ops.layout import (
    BroadcastTo,
    Concat,
    DynamicSlice,
    DynamicUpdateSlice,
    Flip,
    Pad,
    PermuteDims,
    Reshape,
    Slice,
)

__all__ = [
    "broadcast_to",
    "concat",
    "dynamic_slice",
    "dynamic_update_slice",
    "expand_dims",
    "flatten",
    "flip",
    "matrix_transpose",
    "moveaxis",
    "pad",
    "permute_dims",
    "reshape",
    "slice",
    "split",
    "squeeze",
    "swapaxes",
    "unstack",
]


def reshape(x: Tensor, /, shape: ShapeLike) -> Tensor:
    """The same elements in row-major order under another shape.

    Args:
        x: the tensor.
        shape: as many elements as x has; one entry may be -1, and is what the others leave.
    """
    return apply(Reshape, x, shape=complete_shape(shape, x.size))


def permute_dims(x: Tensor, /, axes: Sequence[int]) -> Tensor:
    """The axes in another order: axis i of the result is axis axes[i] of x."""
    return apply(PermuteDims, x, axes=tuple(axes))


def broadcast_to(x: Tensor, /, shape: ShapeLike) -> Tensor:
    """`x` repeated along new leading axes and along axes of size 1, as NumPy broadcasts."""
    return apply(BroadcastTo, x, shape=as_shape(shape))


def concat(arrays: Sequence[TensorLike], /, *, axis: int = 0) -> Tensor:
    """Tensors of one dtype joined along an existing axis; all other axes agree."""
    return apply(Concat, *arrays, axis=axis)


def slice(x: Tensor, /, start: ShapeLike, stop: ShapeLike, step: Sequence[int] | None = None) -> Tensor:
    """Along each axis the elements start, start + step, … before stop. `x[a:b:c]` writes the same shorter.

    Args:
        x: a tensor of rank n.
        start: n indices, at least 0.
        stop: n indices, at least `start` and at most the axis's size.
        step: n distances, at least 1; None is 1.
    """
    strides = None if step is None else tuple(step)
    return apply(Slice, x, start=as_shape(start), stop=as_shape(stop), step=strides)


def pad(
    x: Tensor,
    /,
    low: ShapeLike,
    high: ShapeLike,
    *,
    interior: Sequence[int] | None = None,
    value: float = 0.0,
    mode: Literal["constant", "reflect", "edge"] = "constant",
) -> Tensor:
    """`x` with elements put before, behind and between its own along each axis.

    Args:
        x: a tensor of rank n.
        low: n counts of what goes before; with mode "constant" negative ones remove elements.
        high: n counts of what goes behind; with mode "constant" negative ones remove elements.
        interior: n counts of what goes between two neighbours, for mode "constant"; None is 0.
        value: the new elements, for mode "constant".
        mode: "constant", or `pad_reflect` or `pad_edge`.

    Raises:
        AsgError: another mode has an interior or a value, or there is no such mode.
    """
    if mode == "constant":
        gaps = None if interior is None else tuple(interior)
        return apply(Pad, x, low=as_shape(low), high=as_shape(high), interior=gaps, value=value)
    if mode not in ("reflect", "edge"):
        raise AsgError(f'pad: mode is "{mode}"; "constant", "reflect" or "edge" is needed')
    if interior is not None or value != 0.0:
        raise AsgError(f'pad: interior and value are those of mode "constant"; mode "{mode}" has neither')
    return apply(PadReflect if mode == "reflect" else PadEdge, x, low=as_shape(low), high=as_shape(high))


def flip(x: Tensor, /, axis: AxisLike = None) -> Tensor:
    """The elements in reverse order along each of `axis`; None is all."""
    return apply(Flip, x, axis=as_axes(axis))


def dynamic_slice(x: Tensor, start: TensorLike, /, shape: ShapeLike) -> Tensor:
    """The block of `shape` that begins at `start`, int32 or int64 [rank of x]; starts are clamped so that it fits."""
    return apply(DynamicSlice, x, start, shape=as_shape(shape))


def dynamic_update_slice(x: Tensor, update: TensorLike, start: TensorLike, /) -> Tensor:
    """`x` with the block that begins at `start` replaced.

    Args:
        x: a tensor of rank n.
        update: the block, of the dtype of x and no larger along any axis.
        start: int32 or int64 [n]; each entry is clamped so that the block fits.
    """
    return apply(DynamicUpdateSlice, x, update, start)


def _axis(axis: int, rank: int, what: str) -> int:
    """`axis` counted from the front, in a result of `rank` axes."""
    if not -rank <= axis < rank:
        raise AsgError(f"{what}: axis {axis} is out of range for rank {rank}")
    return axis % rank


def matrix_transpose(x: Tensor, /) -> Tensor:
    """The last two axes exchanged: […, n, m] becomes […, m, n]."""
    return x.mT


def swapaxes(x: Tensor, /, axis1: int, axis2: int) -> Tensor:
    """Two axes exchanged."""
    order = list(range(x.ndim))
    first, second = _axis(axis1, x.ndim, "swapaxes"), _axis(axis2, x.ndim, "swapaxes")
    order[first], order[second] = order[second], order[first]
    return permute_dims(x, order)


def moveaxis(x: Tensor, source: AxisLike, destination: AxisLike, /) -> Tensor:
    """Axes moved to new places; the others keep their order.

    Raises:
        AsgError: `source` and `destination` differ in length, or name an axis that there is not, or one twice.
    """
    places = [[_axis(axis, x.ndim, "moveaxis") for axis in (as_axes(axes) or ())] for axes in (source, destination)]
    if len(places[0]) != len(places[1]) or any(len(set(axes)) != len(axes) for axes in places):
        raise AsgError(f"moveaxis: {source} cannot be moved to {destination}; as many different axes are needed")
    order = [axis for axis in range(x.ndim) if axis not in places[0]]
    for to, origin in sorted(zip(places[1], places[0], strict=True)):
        order.insert(to, origin)
    return permute_dims(x, order)


def expand_dims(x: Tensor, /, axis: int = 0) -> Tensor:
    """A new axis of size 1, at `axis` of the result."""
    at = _axis(axis, x.ndim + 1, "expand_dims")
    return apply(Reshape, x, shape=(*x.shape[:at], 1, *x.shape[at:]))


def squeeze(x: Tensor, /, axis: int | Sequence[int]) -> Tensor:
    """Axes of size 1 removed.

    Raises:
        AsgError: an axis has another size.
    """
    axes = sorted(_axis(entry, x.ndim, "squeeze") for entry in as_axes(axis) or ())
    if len(set(axes)) != len(axes):
        raise AsgError(f"squeeze: {axis} names an axis twice")
    for entry in axes:
        if x.shape[entry] != 1:
            raise AsgError(f"squeeze: axis {entry} of {x} has size {x.shape[entry]}; only size 1 can be removed")
    return apply(Reshape, x, shape=tuple(dim for entry, dim in enumerate(x.shape) if entry not in axes))


def flatten(x: Tensor, /, start_axis: int = 0, end_axis: int = -1) -> Tensor:
    """The axes from `start_axis` to `end_axis`, both included, made one."""
    if x.ndim == 0:
        return apply(Reshape, x, shape=(1,))
    first, last = _axis(start_axis, x.ndim, "flatten"), _axis(end_axis, x.ndim, "flatten")
    if first > last:
        raise AsgError(f"flatten: start_axis {start_axis} lies behind end_axis {end_axis}")
    size = element_count(x.shape[first : last + 1])
    return apply(Reshape, x, shape=(*x.shape[:first], size, *x.shape[last + 1 :]))


def unstack(x: Tensor, /, *, axis: int = 0) -> list[Tensor]:
    """The parts of x along an axis of known size, without that axis: the inverse of `stack`."""
    return [squeeze(part, axis) for part in split(x, 1, axis=axis)]


def split(x: Tensor, split_size_or_sections: DimLike | Sequence[DimLike], /, *, axis: int = 0) -> list[Tensor]:
    """Parts of x along an axis, as `torch.split` has them (`numpy.split` takes a number of parts instead).

    Args:
        x: the tensor.
        split_size_or_sections: the size of each part, the last being smaller where it does not divide the axis; or the
            list of all sizes.
        axis: the axis to split, of known size where one size is given.

    Raises:
        AsgError: the sizes do not add up to the axis's, or the axis's size is not known.
    """
    at = _axis(axis, x.ndim, "split")
    sizes = _section_sizes(x.shape[at], split_size_or_sections, x)
    starts = list(accumulate(sizes, initial=as_dim(0)))
    if starts[-1] != x.shape[at]:
        raise AsgError(f"split: sizes {sizes} add up to {starts[-1]}; axis {axis} of {x} has size {x.shape[at]}")
    return [_part(x, at, start, start + size) for start, size in zip(starts, sizes, strict=False)]


def _section_sizes(dim: Dim, given: DimLike | Sequence[DimLike], x: Tensor) -> list[Dim]:
    if isinstance(given, Sequence) and not isinstance(given, str):
        return [as_dim(size) for size in given]
    size = as_dim(given)
    if not isinstance(dim, int) or not isinstance(size, int):
        raise AsgError(f"split: {x} has the size {dim} there; give the list of all sizes")
    if size < 1:
        raise AsgError(f"split: the size of a part is {size}; at least 1 is needed")
    return [min(size, dim - start) for start in range(0, dim, size)]


def _part(x: Tensor, axis: int, start: Dim, stop: Dim) -> Tensor:
    low = tuple(start if at == axis else 0 for at in range(x.ndim))
    high = tuple(stop if at == axis else dim for at, dim in enumerate(x.shape))
    return apply(Slice, x, start=low, stop=high)
