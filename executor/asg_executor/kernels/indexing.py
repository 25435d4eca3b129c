"""Kernels of gathers and scatters.

An index outside its axis is an error that names the node. Nothing is written before all indices are checked.
"""

from functools import partial

import numpy as np

from asg_executor.errors import IndexOutOfRangeError
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.layout import copy
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.op import Op
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis

__all__ = ["check_indices"]


def check_indices(indices: Array, size: int, op: Op, axis: int) -> None:
    """Refuse an index outside [-size, size).

    Raises:
        IndexOutOfRangeError: with the first such index and where it stands.
    """
    if indices.size == 0 or (indices.min() >= -size and indices.max() < size):
        return
    place = np.argwhere((indices < -size) | (indices >= size))[0]
    found = indices[tuple(place)]
    raise IndexOutOfRangeError(op.id, op.name, (int(found), [int(i) for i in place]), (axis, size))


@kernels.define(Take)
def take(op: Take, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Wrapping is right for indices that were checked to lie in [-n, n)."""
    (x, indices), (result,) = operands, results
    axis = op.axis % x.ndim
    check = partial(check_indices, indices, x.shape[axis], op, axis)
    if indices.size == 0 or x.size == 0:
        return check
    if not x.flags.c_contiguous:  # numpy.take would copy all of x
        workspace.reserve(result.nbytes)
        return sequence(check, partial(_gather, x, (*(slice(None),) * axis, indices), result))
    return sequence(check, partial(np.take, x, indices, axis, result, "wrap"))


@kernels.define(IndexAdd)
def index_add(op: IndexAdd, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Repeated indices add up, in row-major order of the indices."""
    (x, indices, source), (result,) = operands, results
    axis = op.axis % x.ndim
    check = partial(check_indices, indices, x.shape[axis], op, axis)
    lines = np.moveaxis(result, axis, 0)
    order = (*range(axis, axis + indices.ndim), *range(axis), *range(axis + indices.ndim, source.ndim))
    add = partial(np.add.at, lines, indices, source.transpose(order))
    return sequence(check, add) if np.may_share_memory(x, result) else sequence(check, copy(x, result), add)


@kernels.define(TakeAlongAxis)
def take_along_axis(op: TakeAlongAxis, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """One gather with the indices of the other axes spelled out."""
    (x, indices), (result,) = operands, results
    axis = op.axis % x.ndim
    place = _places(indices, axis)
    workspace.reserve(result.nbytes)
    return sequence(partial(check_indices, indices, x.shape[axis], op, axis), partial(_gather, x, place, result))


def _gather(x: Array, place: "tuple[Array | slice, ...]", result: Array) -> None:
    np.copyto(result, x[place])


def _places(indices: Array, axis: int) -> tuple[Array, ...]:
    """For each axis the index of every element: `indices` along `axis`, its own place along the others."""
    grid = np.ogrid[tuple(slice(size) for size in indices.shape)]
    return tuple(indices if i == axis else line for i, line in enumerate(grid))


@kernels.define(ScatterAddAlongAxis)
def scatter_add_along_axis(op: ScatterAddAlongAxis, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Repeated indices add up, in row-major order of the indices."""
    (x, indices, source), (result,) = operands, results
    axis = op.axis % x.ndim
    check = partial(check_indices, indices, x.shape[axis], op, axis)
    add = partial(np.add.at, result, _places(indices, axis), source)
    return sequence(check, add) if np.may_share_memory(x, result) else sequence(check, copy(x, result), add)
