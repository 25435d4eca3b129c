"""Batching rules of layout: the mapped axis stays first, and the others are counted behind it."""

from asg_autograd.batching_rules.axes import shifted, shifted_axes
from asg_autograd.batching_rules.dynamic import block_places, sliced_by_example
from asg_autograd.batching_rules.table import Batched, Results, batching
from asg_schema.composites.creation import Size
from asg_schema.composites.layout import PadEdge, PadReflect, Repeat, Roll, Stack, Tile
from asg_schema.dims import element_count
from asg_schema.editing import Value
from asg_schema.ops.creation import DimSize
from asg_schema.ops.indexing_nd import ScatterNdSet
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


@batching.define(Reshape)
def _reshape(op: Reshape, at: Batched) -> Results:
    return at.again(at.x, shape=(at.size, *op.shape))


@batching.define(PermuteDims)
def _permute_dims(op: PermuteDims, at: Batched) -> Results:
    rank = at.rank()
    return at.again(at.x, axes=(0, *(shifted(axis, rank) for axis in op.axes)))


@batching.define(BroadcastTo)
def _broadcast_to(op: BroadcastTo, at: Batched) -> Results:
    return at.again(at.lifted(0, len(op.shape)), shape=(at.size, *op.shape))


@batching.define(Concat)
def _concat(op: Concat, at: Batched) -> Results:
    return at.again(*map(at.every, range(len(at.operands))), axis=shifted(op.axis, at.rank()))


@batching.define(Stack)
def _stack(op: Stack, at: Batched) -> Results:
    return at.again(*map(at.every, range(len(at.operands))), axis=shifted(op.axis, at.rank() + 1))


@batching.define(Slice)
def _slice(op: Slice, at: Batched) -> Results:
    step = None if op.step is None else (1, *op.step)
    return at.again(at.x, start=(0, *op.start), stop=(at.size, *op.stop), step=step)


@batching.define(Pad)
def _pad(op: Pad, at: Batched) -> Results:
    interior = None if op.interior is None else (0, *op.interior)
    return at.again(at.x, low=(0, *op.low), high=(0, *op.high), interior=interior)


def _edge_padding(op: PadReflect | PadEdge, at: Batched) -> Results:
    return at.again(at.x, low=(0, *op.low), high=(0, *op.high))


batching.define(PadReflect)(_edge_padding)
batching.define(PadEdge)(_edge_padding)


@batching.define(Flip)
def _flip(op: Flip, at: Batched) -> Results:
    return at.again(at.x, axis=shifted_axes(op, op.axis, at.rank()))


@batching.define(Tile)
def _tile(op: Tile, at: Batched) -> Results:
    rank = max(at.rank(), len(op.repetitions))
    repetitions = (1,) * (1 + rank - len(op.repetitions)) + op.repetitions
    return at.again(at.lifted(0, rank), repetitions=repetitions)


@batching.define(Repeat)
def _repeat(op: Repeat, at: Batched) -> Results:
    if op.axis is None:
        return at.again(_flattened(at), axis=1)
    return at.again(at.x, axis=shifted(op.axis, at.rank()))


@batching.define(Roll)
def _roll(op: Roll, at: Batched) -> Results:
    if op.axis is None:
        (rolled,) = at.again(_flattened(at), axis=(1,))
        return (Reshape.of(rolled, shape=at.x.shape),)
    return at.again(at.x, axis=tuple(shifted(axis, at.rank()) for axis in op.axis))


def _flattened(at: Batched) -> Value:
    """Each example as a vector."""
    return Reshape.of(at.x, shape=(at.size, element_count(at.shape())))


@batching.define(DimSize)
def _dim_size(op: DimSize, at: Batched) -> Results:
    return at.again(at.x, axis=shifted(op.axis, at.rank()))


@batching.define(Size)
def _size(op: Size, at: Batched) -> Results:
    return at.again(at.x, axis=shifted_axes(op, op.axis, at.rank()))


@batching.define(DynamicSlice)
def _dynamic_slice(op: DynamicSlice, at: Batched) -> Results:
    x, start = at.operands
    if at.mapped[1]:
        return (sliced_by_example(at.every(), start, op.shape),)
    return at.again(x, _behind_zero(start), shape=(at.size, *op.shape))


@batching.define(DynamicUpdateSlice)
def _dynamic_update_slice(op: DynamicUpdateSlice, at: Batched) -> Results:
    x, update, start = at.every(0), at.every(1), at.operands[2]
    if not at.mapped[2]:
        return at.again(x, update, _behind_zero(start))
    if x.type == update.type:
        return (update,)
    places = block_places(x, start, at.shape(1))
    return (ScatterNdSet.of(x, places, update, batch_dims=1),)


def _behind_zero(start: Value) -> Value:
    """Starts that all examples have, with 0 for the mapped axis before them."""
    return Concat.of(start.editor.full((1,), 0, start.dtype), start)
