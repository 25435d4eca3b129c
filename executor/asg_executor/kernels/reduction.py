"""Kernels of reductions and running totals."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, dtype_of
from asg_schema.dtype import DType
from asg_schema.ops.reduction import Argmax, Argmin, CumulativeSum, Max, Min, Prod, Reduction, Sum

__all__ = ["extreme", "reduce", "sum_"]

_LONGEST_ROW = 1024
_MOST_ROWS = 65_536  # as many ones are kept
_SHORT_ROW = 64
_PIECE = 65_536  # elements


def reduce(ufunc: np.ufunc, x: Array, axes: tuple[int, ...], result: Array) -> Step:
    """The step that reduces `axes` of x into `result`, whose reduced axes are gone or have size 1."""
    kept = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return partial(ufunc.reduce, x, axes, x.dtype, result.reshape(kept))


def sum_(x: Array, axes: tuple[int, ...], result: Array) -> Step:
    """The step that sums `axes` of x into `result`, in its own dtype.

    Rows, or columns, of a matrix are summed as its product with a vector of ones. For short rows BLAS is up to eight
    times as fast as `numpy.add.reduce`. It adds with at least as many running totals, so that rows of up to 1024
    elements lose no accuracy, and NumPy adds up columns one row after another, too.
    """
    if dtype_of(x) in (DType.FLOAT32, DType.FLOAT64) and x.flags.c_contiguous and x.size and 0 < len(axes) < x.ndim:
        reduced = math.prod(x.shape[axis] for axis in axes)
        if axes == tuple(range(x.ndim - len(axes), x.ndim)) and reduced <= _LONGEST_ROW:
            return partial(np.dot, x.reshape(-1, reduced), np.ones(reduced, x.dtype), result.reshape(-1))
        if axes == tuple(range(len(axes))) and reduced <= _MOST_ROWS:
            return partial(np.dot, np.ones(reduced, x.dtype), x.reshape(reduced, -1), result.reshape(-1))
    return reduce(np.add, x, axes, result)


def extreme(ufunc: np.ufunc, x: Array, axes: tuple[int, ...], result: Array, workspace: Workspace) -> Step:
    """The step that reduces `axes` of x by the maximum or minimum.

    NumPy reduces short rows one by one, several times as slowly as it combines the columns of their transpose.
    """
    reduced = math.prod(x.shape[axis] for axis in axes)
    trailing = axes == tuple(range(x.ndim - len(axes), x.ndim))
    if not (trailing and x.flags.c_contiguous and 1 < reduced <= _SHORT_ROW and result.size >= _SHORT_ROW):
        return reduce(ufunc, x, axes, result)
    rows, target = x.reshape(-1, reduced), result.reshape(-1)
    columns = workspace.empty((reduced, min(target.size, _PIECE // reduced)), x.dtype)
    steps: list[Step] = []
    for begin in range(0, target.size, columns.shape[1]):
        piece = rows[begin : begin + columns.shape[1]]
        part = columns[:, : piece.shape[0]]
        steps.append(partial(np.copyto, part, piece.T))
        steps.append(partial(ufunc.reduce, part, 0, x.dtype, target[begin : begin + piece.shape[0]]))
    return sequence(*steps)


def _reduction_kernel(
    reducer: Callable[[Array, tuple[int, ...], Array, Workspace], Step],
) -> Callable[[Reduction, Arrays, Arrays, Workspace], Step]:
    def kernel(op: Reduction, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
        axes = op.axes_of(op.axis, operands[0].ndim)

        def make(arrays: Arrays, target: Array) -> Step:
            return reducer(arrays[0], axes, target, workspace)

        if is_half(results[0]):
            return in_float32(make, operands, results[0], workspace)
        return make(operands, results[0])

    return kernel


kernels.define(Sum)(_reduction_kernel(lambda x, axes, result, _: sum_(x, axes, result)))
kernels.define(Prod)(_reduction_kernel(lambda x, axes, result, _: reduce(np.multiply, x, axes, result)))
for _op, _ufunc in {Max: np.maximum, Min: np.minimum}.items():
    kernels.define(_op)(_reduction_kernel(partial(extreme, _ufunc)))


def _search(
    function: Callable[..., object], op: Argmax | Argmin, x: Array, result: Array, workspace: Workspace
) -> Step:
    steps: list[Step] = []
    if is_half(x):
        wide = workspace.empty(x.shape, np.float32)
        steps.append(partial(np.copyto, wide, x))
        x = wide
    if not x.flags.c_contiguous or (op.axis is not None and op.axis % x.ndim != x.ndim - 1):
        workspace.reserve(x.nbytes)  # NumPy brings the axis to the end first
    return sequence(*steps, partial(function, x, op.axis, result, keepdims=op.keepdims))


@kernels.define(Argmax)
def argmax(op: Argmax, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The index of the first largest element; NumPy, too, counts the first NaN as the largest."""
    return _search(np.argmax, op, operands[0], results[0], workspace)


@kernels.define(Argmin)
def argmin(op: Argmin, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The index of the first smallest element; NumPy, too, counts the first NaN as the smallest."""
    return _search(np.argmin, op, operands[0], results[0], workspace)


@kernels.define(CumulativeSum)
def cumulative_sum(op: CumulativeSum, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Running totals; where the element itself is left out they are written one place further on, behind a 0."""

    def make(arrays: Arrays, target: Array) -> Step:
        x, total = np.moveaxis(arrays[0], op.axis, 0), np.moveaxis(target, op.axis, 0)
        if op.reverse:
            x, total = x[::-1], total[::-1]
        if not op.exclusive:
            return partial(np.add.accumulate, x, 0, x.dtype, total)
        return sequence(
            partial(np.copyto, total[:1], np.zeros((), total.dtype)),
            partial(np.add.accumulate, x[:-1], 0, x.dtype, total[1:]),
        )

    if is_half(results[0]):
        return in_float32(make, operands, results[0], workspace)
    return make(operands, results[0])
