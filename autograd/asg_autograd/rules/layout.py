"""Gradient rules of layout: what was moved is moved back."""

from itertools import accumulate

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.dims import Dim
from asg_schema.editing import Value
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

__all__: list[str] = []


@rules.define(Reshape)
def _reshape(op: Reshape, at: Application) -> Cotangents:
    return (Reshape.of(at.g, shape=at.x.shape),)


@rules.define(PermuteDims)
def _permute_dims(op: PermuteDims, at: Application) -> Cotangents:
    axes = [axis % at.x.rank for axis in op.axes]
    return (PermuteDims.of(at.g, axes=tuple(map(axes.index, range(at.x.rank)))),)


@rules.define(BroadcastTo)
def _broadcast_to(op: BroadcastTo, at: Application) -> Cotangents:
    return (at.g,)


@rules.define(Concat)
def _concat(op: Concat, at: Application) -> Cotangents:
    axis = op.axis_of(op.axis, at.g.rank)
    stops = list(accumulate(operand.shape[axis] for operand in at.operands))
    starts: list[Dim] = [0, *stops[:-1]]
    return tuple(_along(at.g, axis, start, stop) for start, stop in zip(starts, stops, strict=True))


def _along(x: Value, axis: int, start: Dim, stop: Dim) -> Value:
    """The part of x from `start` to `stop` along one axis."""
    before, behind = x.shape[:axis], x.shape[axis + 1 :]
    starts = (*(0 for _ in before), start, *(0 for _ in behind))
    return Slice.of(x, start=starts, stop=(*before, stop, *behind))


@rules.define(Slice)
def _slice(op: Slice, at: Application) -> Cotangents:
    g = at.g
    for axis, step in enumerate(op.step or ()):
        g = _spread(g, axis, step)
    high = tuple(dim - start - size for dim, start, size in zip(at.x.shape, op.start, g.shape, strict=True))
    return (Pad.of(g, low=op.start, high=high),)


def _spread(x: Value, axis: int, step: int) -> Value:
    """The elements of x `step` apart along one axis, with zeros between them."""
    size, none = x.shape[axis], (0,) * x.rank
    if step == 1 or size in (0, 1):
        return x

    def along_axis(count: int) -> tuple[int, ...]:
        return (*none[:axis], count, *none[axis + 1 :])

    if not isinstance(size, int):
        # Interior padding takes a symbolic size to be at least 1, which with one more element it is.
        x = Pad.of(x, low=none, high=along_axis(1))
    return Pad.of(x, low=none, high=none, interior=along_axis(step - 1))


@rules.define(Pad)
def _pad(op: Pad, at: Application) -> Cotangents:
    g, interior = at.g, op.interior or (0,) * at.x.rank
    if all(isinstance(places, int) and places >= 0 for places in (*op.low, *op.high)):
        start, stop = op.low, tuple(dim - high for dim, high in zip(g.shape, op.high, strict=True))
    else:  # padding by the opposite cuts off what was put on, and puts zeros where something was cut off
        g = Pad.of(g, low=tuple(low * -1 for low in op.low), high=tuple(high * -1 for high in op.high))
        start, stop = (0,) * g.rank, g.shape
    return (Slice.of(g, start=start, stop=stop, step=tuple(between + 1 for between in interior)),)


@rules.define(Flip)
def _flip(op: Flip, at: Application) -> Cotangents:
    return (Flip.of(at.g, axis=op.axis),)


@rules.define(DynamicSlice)
def _dynamic_slice(op: DynamicSlice, at: Application) -> Cotangents:
    x, start = at.operands
    return DynamicUpdateSlice.of(x.editor.full(x.shape, 0.0, x.dtype), at.g, start), None


@rules.define(DynamicUpdateSlice)
def _dynamic_update_slice(op: DynamicUpdateSlice, at: Application) -> Cotangents:
    _, update, start = at.operands
    zeros = update.editor.full(update.shape, 0.0, update.dtype)
    return DynamicUpdateSlice.of(at.g, zeros, start), DynamicSlice.of(at.g, start, shape=update.shape), None
