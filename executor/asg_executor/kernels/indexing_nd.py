"""Kernels of gathers and scatters by index tuples.

x is seen as rows of what no index names, and each tuple as the number of a row. Nothing is written before all indices
are checked.
"""

import math
from functools import partial
from typing import NamedTuple, TypeAlias

import numpy as np

from asg_executor.kernels.indexing import add_onto, check_indices, flat, row_addition
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.layout import copy
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.layout import natural_strides
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet

__all__: list[str] = []

_ByTuples: TypeAlias = GatherNd | ScatterNdAdd | ScatterNdSet


class _Rows(NamedTuple):
    """How an op's tuples become numbers of rows.

    Attributes:
        check: the step that refuses an index out of range.
        number: the step that finds the numbers.
        numbers: gets them: one for each tuple, int64.
        inner: the size of a row.
    """

    check: Step
    number: Step
    numbers: Array
    inner: int


def _rows(op: _ByTuples, x: Array, indices: Array, workspace: Workspace) -> _Rows:
    batch, size = op.batch_dims, indices.shape[-1]
    axes = range(batch, batch + size)
    numbers = workspace.empty(indices.shape[:-1], np.int64)
    wrapped = workspace.empty(indices.shape[:-1], np.int64)
    strides = natural_strides(x.shape[: batch + size])
    per_batch = math.prod(x.shape[batch : batch + size])
    count = math.prod(x.shape[:batch])
    starts = np.arange(count, dtype=np.int64).reshape((*x.shape[:batch], *(1,) * (numbers.ndim - batch))) * per_batch
    columns = [indices[..., place] for place in range(size)]
    checks = [
        partial(check_indices, column, x.shape[axis], op, axis, (place,))
        for place, (axis, column) in enumerate(zip(axes, columns, strict=True))
    ]
    steps: list[Step] = [partial(np.copyto, numbers, starts)]
    for axis, column in zip(axes, columns, strict=True):
        steps.append(partial(np.remainder, column, np.int64(max(x.shape[axis], 1)), out=wrapped))
        steps.append(partial(np.multiply, wrapped, strides[axis], out=wrapped))
        steps.append(partial(np.add, numbers, wrapped, out=numbers))
    inner = math.prod(x.shape[batch + size :])
    return _Rows(sequence(*checks), sequence(*steps), numbers.reshape(-1), inner)


@kernels.define(GatherNd)
def gather_nd(op: GatherNd, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """One gather of rows."""
    (x, indices), (result,) = operands, results
    rows = _rows(op, x, indices, workspace)
    if result.size == 0:
        return rows.check
    line, *copied = flat(x, workspace)
    target = result.reshape(-1, rows.inner)
    gather = partial(np.take, line.reshape(-1, rows.inner), rows.numbers, 0, target, "clip")
    return sequence(rows.check, *copied, rows.number, gather)


@kernels.define(ScatterNdAdd)
def scatter_nd_add(op: ScatterNdAdd, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Repeated tuples add up, in row-major order; half precision is summed in single precision."""
    (x, indices, source), (result,) = operands, results
    rows = _rows(op, x, indices, workspace)

    def make(source: Array, target: Array) -> Step:
        line, *copied = flat(source, workspace)
        addition = row_addition(target, rows.numbers, line.reshape(-1, rows.inner), workspace)
        return sequence(*copied, rows.number, addition)

    return sequence(rows.check, add_onto(x, source, result, make, workspace))


@kernels.define(ScatterNdSet)
def scatter_nd_set(op: ScatterNdSet, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """NumPy assigns row after row, so that the last of repeated tuples stays."""
    (x, indices, source), (result,) = operands, results
    rows = _rows(op, x, indices, workspace)
    steps = [] if np.may_share_memory(x, result) else [copy(x, result)]
    if source.size:
        line, *copied = flat(source, workspace)
        target = result.reshape(-1, rows.inner)
        write = partial(_write_rows, target, rows.numbers, line.reshape(-1, rows.inner))
        steps.extend([*copied, rows.number, write])
    return sequence(rows.check, *steps)


def _write_rows(target: Array, numbers: Array, source: Array) -> None:
    target[numbers] = source
