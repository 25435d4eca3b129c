"""Kernels of contractions."""

from functools import partial

import numpy as np

from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.contraction import Matmul

__all__ = ["matmul"]


@kernels.define(Matmul)
def matmul(op: Matmul, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Half precision is multiplied and summed in single precision."""

    def make(arrays: Arrays, target: Array) -> Step:
        copies: list[Step] = []
        readable = [_for_blas(array, workspace, copies) for array in arrays]
        return sequence(*copies, _product(readable, target))

    if is_half(results[0]):
        return in_float32(make, operands, results[0], workspace)
    return make(operands, results[0])


def _for_blas(array: Array, workspace: Workspace, copies: list[Step]) -> Array:
    """A matrix with strides that BLAS can read: NumPy would multiply others slowly, or copy them at each product.

    Args:
        array: an operand.
        workspace: where to copy it.
        copies: gets the step that copies, if there is one.
    """
    if array.ndim < 2 or array.size == 0 or array.dtype.kind != "f" or _is_readable(array):
        return array
    copied = workspace.empty(array.shape, array.dtype)
    copies.append(partial(np.copyto, copied, array))
    return copied


def _is_readable(array: Array) -> bool:
    """Whether one of the last two axes runs through neighbours, and the other in steps that do not overlap."""
    (rows, columns), (outer, inner) = array.shape[-2:], array.strides[-2:]
    size = array.itemsize
    by_row = (columns == 1 or inner == size) and (rows == 1 or outer >= columns * size)
    by_column = (rows == 1 or outer == size) and (columns == 1 or inner >= rows * size)
    return by_row or by_column


def _product(operands: Arrays, result: Array) -> Step:
    """One product of matrices where the right operand is one matrix: its left axes become rows."""
    a, b = operands
    if result.size == 0 or a.shape[-1] == 0:
        return partial(result.fill, 0)
    if a.ndim > 2 and b.ndim == 2 and (rows := _as_rows(a)) is not None:
        target = result.reshape(rows.shape[0], b.shape[1])
        return _matrix_product(rows, b, target)
    if a.ndim == 2 and b.ndim == 2:
        return _matrix_product(a, b, result)
    return partial(np.matmul, a, b, out=result)


def _matrix_product(a: Array, b: Array, result: Array) -> Step:
    """One product of two matrices.

    `np.dot` has BLAS add a column times a single number to zeros, which BLAS leaves out where the number is 0: the NaN
    that 0 times infinity is would be lost.
    """
    if a.size == 1 or b.size == 1:
        return partial(np.multiply, a, b, out=result)
    return partial(np.dot, a, b, result)


def _as_rows(array: Array) -> Array | None:
    """The array as a matrix of its last axis, if that is a view."""
    try:
        return np.reshape(array, (-1, array.shape[-1]), copy=False)
    except ValueError:
        return None
