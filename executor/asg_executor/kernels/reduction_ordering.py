"""Kernels of sorting. NumPy, too, puts a NaN behind all numbers."""

from functools import partial
from typing import Literal

import numpy as np

from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.layout import copy
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__: list[str] = []


def _turned(array: Array, op: Sort | Argsort) -> Array:
    """The array as seen from the end of each line for a descending order.

    What is sorted upwards from there stands in a descending order, equal elements in the order that they had.
    """
    return np.flip(array, op.axis) if op.descending else array


@kernels.define(Sort)
def sort(op: Sort, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Sorts a copy in place; a line is buffered where its elements are not neighbours, and for merging."""

    def make(arrays: Arrays, target: Array) -> Step:
        lines = _turned(target, op)
        workspace.reserve(2 * target.shape[op.axis] * target.itemsize)
        return sequence(copy(arrays[0], target), partial(lines.sort, op.axis, _kind(op)))

    if is_half(results[0]):
        return in_float32(make, operands, results[0], workspace)
    return make(operands, results[0])


@kernels.define(Argsort)
def argsort(op: Argsort, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The permutation that NumPy finds, counted from the other end for a descending order."""
    (x,), (result,) = operands, results
    steps: list[Step] = []
    if is_half(x):
        wide = workspace.empty(x.shape, np.float32)
        steps.append(partial(np.copyto, wide, x))
        x = wide
    workspace.reserve(2 * result.nbytes)
    return sequence(*steps, partial(_write_order, _turned(x, op), op, result))


def _write_order(lines: Array, op: Argsort, result: Array) -> None:
    order = np.argsort(lines, op.axis, _kind(op))
    if op.descending:
        np.subtract(lines.shape[op.axis] - 1, order, out=order)
    np.copyto(result, _turned(order, op))


def _kind(op: Sort | Argsort) -> Literal["stable"] | None:
    return "stable" if op.stable else None
