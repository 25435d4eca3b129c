"""Rewrites of pieces: slices, padding, and what is joined.

Symbolic dims are compared as they stand: where two are not certain to be equal, or in order, nothing is rewritten.
"""

from collections.abc import Sequence
from itertools import pairwise

from asg_autograd.rewrites.table import Candidate, rewrite
from asg_schema.dims import Dim, element_count
from asg_schema.editing import Value
from asg_schema.ops.elementwise import Add
from asg_schema.ops.layout import Concat, Pad, Reshape, Slice

__all__: list[str] = []

_MOST_JOINED = 64


@rewrite(Slice)
def whole_slice(node: Slice, at: Candidate) -> Value | None:
    """A slice that leaves nothing out is its operand."""
    whole = node.stop == at.x.shape and not any(node.start) and _has_unit_steps(node)
    return at.x if whole else None


def _has_unit_steps(node: Slice) -> bool:
    return all(step == 1 for step in node.step or ())


@rewrite(Slice, of=(Slice,))
def slice_of_slice(node: Slice, at: Candidate) -> Value | None:
    """A slice of a slice is one slice. Requires that the inner one takes neighbours."""
    inner = at.definition(at.x)
    if not isinstance(inner, Slice) or not _has_unit_steps(inner):
        return None
    start, stop = (
        tuple(first + place for first, place in zip(inner.start, places, strict=True))
        for places in (node.start, node.stop)
    )
    return Slice.of(at.editor.value(inner.inputs[0]), start=start, stop=stop, step=node.step)


@rewrite(Slice, of=(Pad,))
def slice_of_pad(node: Slice, at: Candidate) -> Value | None:
    """A slice that leaves out all that padding put on is a slice of what was padded.

    Requires that nothing was put between elements, and that the padding removed none.
    """
    pad = at.definition(at.x)
    if not isinstance(pad, Pad) or any(pad.interior or ()):
        return None
    x = at.editor.value(pad.inputs[0])
    start = tuple(place - low for place, low in zip(node.start, pad.low, strict=True))
    stop = tuple(place - low for place, low in zip(node.stop, pad.low, strict=True))
    within = all(
        _in_order(0, first) and _in_order(last, dim) for first, last, dim in zip(start, stop, x.shape, strict=True)
    )
    grown = all(_in_order(0, places) for places in (*pad.low, *pad.high))
    return Slice.of(x, start=start, stop=stop, step=node.step) if within and grown else None


def _in_order(first: Dim, second: Dim) -> bool:
    """Whether `first` is certain to be at most `second`."""
    difference = second - first
    return isinstance(difference, int) and difference >= 0


@rewrite(Slice, of=(Concat,))
def slice_of_concat(node: Slice, at: Candidate) -> Value | None:
    """A slice that lies within one of the joined arrays is a slice of that array.

    Requires that no more than 64 are joined, so that slices of all of them take linear time.
    """
    concat = at.definition(at.x)
    if not isinstance(concat, Concat) or len(concat.inputs) > _MOST_JOINED:
        return None
    axis, offset = concat.axis_of(concat.axis, at.x.rank), 0
    for part in map(at.editor.value, concat.inputs):
        start, stop = node.start[axis] - offset, node.stop[axis] - offset
        if _in_order(0, start) and _in_order(stop, part.shape[axis]):
            starts = (*node.start[:axis], start, *node.start[axis + 1 :])
            stops = (*node.stop[:axis], stop, *node.stop[axis + 1 :])
            return Slice.of(part, start=starts, stop=stops, step=node.step)
        offset = offset + part.shape[axis]
    return None


@rewrite(Pad)
def pad_by_nothing(node: Pad, at: Candidate) -> Value | None:
    """Padding by no element anywhere changes nothing."""
    return None if any((*node.low, *node.high, *(node.interior or ()))) else at.x


@rewrite(Pad, of=(Pad,))
def pad_of_pad(node: Pad, at: Candidate) -> Value | None:
    """Padding twice by the same number is padding once.

    Requires that nothing is put between elements, and that neither removes any.
    """
    inner = at.definition(at.x)
    if not isinstance(inner, Pad) or any((*(inner.interior or ()), *(node.interior or ()))):
        return None
    if repr(inner.value) != repr(node.value):
        return None
    if not all(_in_order(0, places) for places in (*inner.low, *inner.high, *node.low, *node.high)):
        return None
    low, high = (
        tuple(first + second for first, second in zip(*both, strict=True))
        for both in ((inner.low, node.low), (inner.high, node.high))
    )
    return Pad.of(at.editor.value(inner.inputs[0]), low=low, high=high, value=node.value)


@rewrite(Add, of=(Pad,))
def sum_of_pads(node: Add, at: Candidate) -> Value | None:
    """Two arrays that are padded by zeros, each where the other is, are joined instead of added.

    Requires that they are padded along one axis only, and that one ends where the other begins.
    """
    first, second = (at.definition(operand) for operand in at.operands)
    if not isinstance(first, Pad) or not isinstance(second, Pad):
        return None
    x, y = (at.editor.value(pad.inputs[0]) for pad in (first, second))
    axes = {_padded_axis(pad) for pad in (first, second)}
    axis = axes.pop()
    if axes or axis is None:
        return None
    if second.low[axis] + y.shape[axis] == first.low[axis]:
        first, second, x, y = second, first, y, x
    if first.low[axis] + x.shape[axis] != second.low[axis]:
        return None
    joined = Concat.of(x, y, axis=axis)
    return Pad.of(joined, low=first.low, high=second.high)


def _padded_axis(pad: Pad) -> int | None:
    """The one axis along which an array grows, by zeros at its ends; None where there is no such one."""
    if pad.value != 0 or any(pad.interior or ()) or not all(_in_order(0, places) for places in (*pad.low, *pad.high)):
        return None
    axes = [axis for axis, places in enumerate(zip(pad.low, pad.high, strict=True)) if any(places)]
    return axes[0] if len(axes) == 1 else None


@rewrite(Concat)
def concat_of_one(node: Concat, at: Candidate) -> Value | None:
    """One array joined with nothing is itself."""
    return at.x if len(at.operands) == 1 else None


@rewrite(Concat, of=(Concat,))
def concat_of_concat(node: Concat, at: Candidate) -> Value | None:
    """What is joined to what was joined along the same axis is joined at once.

    Requires that no more than 64 are joined then, so that a long chain takes linear time.
    """
    axis = node.axis_of(node.axis, at.result.rank)
    parts: list[Value] = []
    for operand in at.operands:
        inner = at.definition(operand)
        if isinstance(inner, Concat) and inner.axis_of(inner.axis, operand.rank) == axis:
            parts += map(at.editor.value, inner.inputs)
        else:
            parts.append(operand)
    return Concat.of(*parts, axis=axis) if len(at.operands) < len(parts) <= _MOST_JOINED else None


@rewrite(Concat, of=(Reshape,))
def concat_of_merged_axes(node: Concat, at: Candidate) -> Value | None:
    """Parts whose axis was merged of several, as heads are, are joined along the first of these, and merged at once.

    Requires that all parts were merged so, of the same axes but for the first, and that none has another use.
    """
    axis = node.axis_of(node.axis, at.result.rank)
    parts: list[Value] = []
    for operand in at.operands:
        definition = at.definition(operand)
        if not isinstance(definition, Reshape) or at.editor.is_kept(operand):
            return None
        parts.append(at.editor.value(definition.inputs[0]))
    inner = {part.shape[axis + 1 :] for part in parts}
    if len(inner) != 1 or any(
        not _merges(part, operand, axis) for part, operand in zip(parts, at.operands, strict=True)
    ):
        return None
    return Reshape.of(Concat.of(*parts, axis=axis), shape=at.result.shape)


def _merges(part: Value, operand: Value, axis: int) -> bool:
    """Whether `operand` is `part` with some axes from `axis` on made one, and more than one."""
    more = part.rank - operand.rank
    merged = part.shape[axis : axis + more + 1]
    return (
        more > 0
        and part.shape[:axis] == operand.shape[:axis]
        and part.shape[axis + more + 1 :] == operand.shape[axis + 1 :]
        and element_count(merged) == operand.shape[axis]
    )


@rewrite(Concat, of=(Slice,))
def concat_of_slices(node: Concat, at: Candidate) -> Value | None:
    """Neighbouring slices of one array, joined in their order, are one slice of it.

    Requires that all that is joined are such slices, of neighbouring elements.
    """
    axis = node.axis_of(node.axis, at.result.rank)
    slices: list[Slice] = []
    for operand in at.operands:
        definition = at.definition(operand)
        if not isinstance(definition, Slice) or not _has_unit_steps(definition):
            return None
        slices.append(definition)
    if not all(_continues(before, after, axis) for before, after in pairwise(slices)):
        return None
    return Slice.of(at.editor.value(slices[0].inputs[0]), start=slices[0].start, stop=slices[-1].stop)


def _continues(before: Slice, after: Slice, axis: int) -> bool:
    """Whether a slice begins along `axis` where another of the same array ends, and agrees with it on other axes."""

    def others(places: Sequence[Dim]) -> tuple[Dim, ...]:
        return (*places[:axis], *places[axis + 1 :])

    return (
        before.inputs == after.inputs
        and before.stop[axis] == after.start[axis]
        and others(before.start) == others(after.start)
        and others(before.stop) == others(after.stop)
    )
