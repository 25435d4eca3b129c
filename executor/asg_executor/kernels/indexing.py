"""Kernels of gathers and scatters.

An index outside its axis is an error that names the node. Nothing is written before all indices are checked.
"""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from asg_executor.errors import IndexOutOfRangeError
from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.layout import copy
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.layout import natural_strides
from asg_schema.op import Op
from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis

__all__ = ["add_onto", "check_indices", "flat", "row_addition"]

_PIECE = 65_536  # elements


def check_indices(indices: Array, size: int, op: Op, axis: int, place_behind: tuple[int, ...] = ()) -> None:
    """Refuse an index outside [-size, size).

    Args:
        indices: the indices into the axis.
        size: its size.
        op: whose indices they are.
        axis: the axis.
        place_behind: where these indices stand along further axes of the op's operand.

    Raises:
        IndexOutOfRangeError: with the first such index and where it stands.
    """
    if indices.size == 0 or (indices.min() >= -size and indices.max() < size):
        return
    place = np.argwhere((indices < -size) | (indices >= size))[0]
    found = indices[tuple(place)]
    where = f"at {[*map(int, place), *place_behind]} of the indices is out of range for axis {axis} of size {size}"
    # To the user of a composite an index below 0 is wrong, too: its expansion puts the size of the axis there.
    shown = f"a negative index, or {size}," if found == size else f"index {found}"
    raise IndexOutOfRangeError(
        op.id,
        op.name,
        f"index {found} {where}; an index from {-size} to {size - 1} is needed",
        f"{shown} {where}; an index from 0 to {size - 1} is needed",
    )


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


def _gather(x: Array, place: "tuple[Array | slice, ...]", result: Array) -> None:
    np.copyto(result, x[place])


@kernels.define(IndexAdd)
def index_add(op: IndexAdd, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Repeated indices add up, in row-major order of the indices; half precision is summed in single precision.

    With x seen as rows of what lies behind the axis, each slice of the source is added to one row.
    """
    (x, indices, source), (result,) = operands, results
    axis = op.axis % x.ndim
    size, inner, outer = x.shape[axis], math.prod(x.shape[axis + 1 :]), math.prod(x.shape[:axis])
    check = partial(check_indices, indices, size, op, axis)
    rows = workspace.empty((outer, indices.size), np.int64)

    def make(source: Array, target: Array) -> Step:
        line, *copied = flat(source, workspace)
        wrapped = workspace.empty(indices.shape, np.int64)
        starts = np.arange(outer, dtype=np.int64)[:, None] * size
        return sequence(
            *copied,
            partial(np.remainder, indices, np.int64(size), out=wrapped),
            partial(np.add, starts, wrapped.reshape(1, -1), out=rows),
            row_addition(target, rows.reshape(-1), line.reshape(-1, inner), workspace),
        )

    return sequence(check, add_onto(x, source, result, make, workspace))


def row_addition(target: Array, rows: Array, source: Array, workspace: Workspace) -> Step:
    """The step that adds each row of `source` to one row of `target`.

    Element by element `numpy.add.at` is several times as fast as row by row.
    """
    inner = source.shape[1]
    if inner == 1:
        return partial(np.add.at, target.reshape(-1), rows, source.reshape(-1))
    columns = np.arange(inner, dtype=np.int64)
    places = workspace.empty((min(source.shape[0], max(1, _PIECE // inner)), inner), np.int64)
    return partial(_add_rows, target.reshape(-1), rows[:, None], columns, source, places)


def _add_rows(target: Array, rows: Array, columns: Array, source: Array, places: Array) -> None:
    for begin in range(0, source.shape[0], places.shape[0]):
        part = source[begin : begin + places.shape[0]]
        where = places[: part.shape[0]]
        np.multiply(rows[begin : begin + places.shape[0]], columns.size, out=where)
        np.add(where, columns, out=where)
        np.add.at(target, where.reshape(-1), part.reshape(-1))


def add_onto(
    x: Array, source: Array, result: Array, make: Callable[[Array, Array], Step], workspace: Workspace
) -> Step:
    """The step that copies x and adds `source` to it, in single precision where x has half.

    Args:
        x: the operand.
        source: what is added.
        result: a contiguous array; it may be the memory of x.
        make: makes the step that adds a source to a target.
        workspace: where to convert to single precision.
    """
    copies = [] if np.may_share_memory(x, result) else [copy(x, result)]
    if source.size == 0:
        return sequence(*copies)
    if not is_half(result):
        return sequence(*copies, make(source, result))
    wide, target = workspace.empty(source.shape, np.float32), workspace.empty(result.shape, np.float32)
    return sequence(
        copy(source, wide), copy(x, target), make(wide, target), partial(np.copyto, result, target, casting="unsafe")
    )


def flat(array: Array, workspace: Workspace) -> tuple[Array, *tuple[Step, ...]]:
    """An array as one axis, and the step that copies it there where it is not contiguous."""
    if array.flags.c_contiguous:
        return (array.reshape(-1),)
    copied = workspace.empty(array.shape, array.dtype)
    return copied.reshape(-1), copy(array, copied)


@kernels.define(TakeAlongAxis)
def take_along_axis(op: TakeAlongAxis, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """One gather from x as one axis."""
    (x, indices), (result,) = operands, results
    axis = op.axis % x.ndim
    check = partial(check_indices, indices, x.shape[axis], op, axis)
    if indices.size == 0 or x.size == 0:
        return check
    places = workspace.empty(indices.shape, np.int64)
    line, *copied = flat(x, workspace)
    return sequence(
        check, *copied, _places(x.shape, indices, axis, places), partial(np.take, line, places, 0, result, "clip")
    )


@kernels.define(ScatterAddAlongAxis)
def scatter_add_along_axis(op: ScatterAddAlongAxis, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Repeated indices add up, in row-major order of the indices; half precision is summed in single precision."""
    (x, indices, source), (result,) = operands, results
    axis = op.axis % x.ndim
    check = partial(check_indices, indices, x.shape[axis], op, axis)

    def make(source: Array, target: Array) -> Step:
        line, *copied = flat(source, workspace)
        places = workspace.empty(indices.shape, np.int64)
        add = partial(np.add.at, target.reshape(-1), places.reshape(-1), line)
        return sequence(*copied, _places(x.shape, indices, axis, places), add)

    return sequence(check, add_onto(x, source, result, make, workspace))


def _places(shape: tuple[int, ...], indices: Array, axis: int, places: Array) -> Step:
    """The step that finds where the elements that `indices` name lie in a contiguous array.

    Args:
        shape: the array's shape.
        indices: along `axis` the index of each element; along the others it is the element's own.
        axis: the axis.
        places: gets the places, int64, of the shape of `indices`.
    """
    strides = natural_strides(shape)
    steps: list[Step] = [
        partial(np.remainder, indices, np.int64(shape[axis]), out=places),
        partial(np.multiply, places, strides[axis], out=places),
    ]
    for other, size in enumerate(indices.shape):
        if other != axis and size > 1:
            line = np.arange(size, dtype=np.int64) * strides[other]
            steps.append(partial(np.add, places, line.reshape(-1, *(1,) * (indices.ndim - other - 1)), out=places))
    return sequence(*steps)
