"""Rewrites of reductions: those of nothing or of one element, and those of what was repeated."""

from collections.abc import Sequence
from math import prod

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.composites.reduction import Mean
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.ops.layout import BroadcastTo, Reshape
from asg_schema.ops.reduction import Max, Min, Prod, Reduction, Sum, reduced_shape

__all__: list[str] = []


@rewrite(Sum, Prod, Max, Min, Mean)
def reduction_of_single_elements(node: Reduction, at: Candidate) -> Value | None:
    """A reduction over no axes, or over axes of size 1, changes at most the shape."""
    if any(at.x.shape[axis] != 1 for axis in node.axes_of(node.axis, at.x.rank)):
        return None
    return Reshape.of(at.x, shape=at.result.shape)


@rewrite(Reshape, of=(Sum, Prod, Max, Min, Mean))
def reshape_of_reduction(node: Reshape, at: Candidate) -> Value | None:
    """A reshape that only puts reduced axes back, or takes them away, is the reduction with the other `keepdims`.

    Requires that the reduction has no other use, for which it would be computed beside the new one.
    """
    definition = at.definition(at.x)
    if not isinstance(definition, Reduction) or at.editor.is_used(at.x):
        return None
    x = at.editor.value(definition.inputs[0])
    keepdims = not definition.keepdims
    if reduced_shape(x.shape, definition.axes_of(definition.axis, x.rank), keepdims) != at.result.shape:
        return None
    return type(definition).of(x, axis=definition.axis, keepdims=keepdims)


@rewrite(Sum, of=(BroadcastTo,))
def sum_of_broadcast(node: Sum, at: Candidate) -> Value | None:
    """The sum over axes along which x was only repeated is x times their sizes.

    It is rounded once, where the additions are rounded one by one. Requires that all axes of the sum are such ones,
    that their sizes are known and not 0, and that the dtype holds their product exactly.
    """
    definition = at.definition(at.x)
    if not isinstance(definition, BroadcastTo):
        return None
    x = at.editor.value(definition.inputs[0])
    axes = node.axes_of(node.axis, at.x.rank)
    count = _repetitions(x.shape, at.x.shape, axes)
    if not count or not x.dtype.is_floating or count > 2**x.dtype.precision:
        return None
    added = at.x.rank - x.rank
    left = reduced_shape(x.shape, [axis - added for axis in axes], node.keepdims)
    # x may be repeated along other axes, too.
    return BroadcastTo.of(Reshape.of(x, shape=left), shape=at.result.shape) * float(count)


def _repetitions(before: Sequence[Dim], after: Sequence[Dim], axes: Sequence[int]) -> int:
    """How often each element was repeated along these axes; 0 where that is not known, or there are other elements."""
    added = len(after) - len(before)
    sizes: list[int] = []
    for axis in axes:
        size = after[axis]
        if not isinstance(size, int) or (axis >= added and before[axis - added] != 1):
            return 0
        sizes.append(size)
    return prod(sizes)
