"""Kernels of layout ops: copies, for where planning finds no view."""

from functools import partial

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
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

__all__ = ["copy"]


def copy(source: Array, target: Array) -> Step:
    """The step that copies the elements of `source` into `target`."""
    return partial(np.copyto, target, source)


@kernels.define(Reshape)
def reshape(op: Reshape, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A result owns its memory and is contiguous, so that it can be seen in the operand's shape."""
    return copy(operands[0], results[0].reshape(operands[0].shape))


@kernels.define(PermuteDims)
def permute_dims(op: PermuteDims, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A transposing copy."""
    return copy(operands[0].transpose(op.axes), results[0])


@kernels.define(BroadcastTo)
def broadcast_to(op: BroadcastTo, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A repeating copy."""
    return copy(operands[0], results[0])


@kernels.define(Slice)
def slice_(op: Slice, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A copy of the elements in the slice."""
    step = op.step or (1,) * operands[0].ndim
    index = tuple(slice(a, b, s) for a, b, s in zip(op.start, op.stop, step, strict=True))
    return copy(operands[0][(*index, ...)], results[0])


@kernels.define(Flip)
def flip(op: Flip, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A copy that runs backwards."""
    return copy(np.flip(operands[0], op.axes_of(op.axis, operands[0].ndim)), results[0])


@kernels.define(Concat)
def concat(op: Concat, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """A copy of each operand into its part of the result."""
    result = np.moveaxis(results[0], op.axis, 0)
    steps: list[Step] = []
    begin = 0
    for operand in operands:
        source = np.moveaxis(operand, op.axis, 0)
        steps.append(copy(source, result[begin : begin + source.shape[0]]))
        begin += source.shape[0]
    return sequence(*steps)


@kernels.define(Pad)
def pad(op: Pad, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The padding everywhere, then the elements over it."""
    (x,), (result,) = operands, results
    interior = op.interior or (0,) * x.ndim
    sources: list[slice] = []
    targets: list[slice] = []
    for axis, (low, between) in enumerate(zip(op.low, interior, strict=True)):
        source, target = _kept(x.shape[axis], result.shape[axis], int(str(low)), between + 1)
        sources.append(source)
        targets.append(target)
    value = np.asarray(op.value).astype(result.dtype)
    return sequence(copy(value, result), copy(x[(*sources, ...)], result[(*targets, ...)]))


def _kept(size: int, padded: int, low: int, step: int) -> tuple[slice, slice]:
    """Which elements of an axis stay after padding, and where they then stand: element i at low + i · step."""
    first = max(0, -(low // step))
    end = max(first, min(size, -((low - padded) // step)))
    begin = low + first * step
    return slice(first, end), slice(begin, begin + (end - first - 1) * step + 1 if end > first else begin, step)


@kernels.define(DynamicSlice)
def dynamic_slice(op: DynamicSlice, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step reads the start anew each time."""
    return partial(_copy_block, operands[0], operands[1], results[0])


def _copy_block(x: Array, start: Array, result: Array) -> None:
    np.copyto(result, x[(*_block(x.shape, start, result.shape), ...)])


def _block(whole: tuple[int, ...], start: Array, size: tuple[int, ...]) -> tuple[slice, ...]:
    begins = (max(0, min(int(begin), n - m)) for begin, n, m in zip(start, whole, size, strict=True))
    return tuple(slice(begin, begin + m) for begin, m in zip(begins, size, strict=True))


@kernels.define(DynamicUpdateSlice)
def dynamic_update_slice(op: DynamicUpdateSlice, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The operand, unless the result stands in its memory, then the block over it."""
    (x, update, start), (result,) = operands, results
    write = partial(_write_block, update, start, result)
    return write if np.may_share_memory(x, result) else sequence(copy(x, result), write)


def _write_block(update: Array, start: Array, result: Array) -> None:
    np.copyto(result[(*_block(result.shape, start, update.shape), ...)], update)
