"""Kernels of contractions."""

from functools import partial

import numpy as np

from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.pointwise import in_float32
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.contraction import Matmul

__all__ = ["matmul"]


@kernels.define(Matmul)
def matmul(op: Matmul, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Half precision is multiplied and summed in single precision."""
    if is_half(results[0]):
        return in_float32(_product, operands, results[0], workspace)
    return _product(operands, results[0])


def _product(operands: Arrays, result: Array) -> Step:
    """One product of matrices where the right operand is one matrix: its left axes become rows."""
    a, b = operands
    if result.size == 0 or a.shape[-1] == 0:
        return partial(result.fill, 0)
    if a.ndim > 2 and b.ndim == 2 and (rows := _as_rows(a)) is not None:
        target = result.reshape(rows.shape[0], b.shape[1])
        return partial(np.dot, rows, b, target)
    if a.ndim == 2 and b.ndim == 2:
        return partial(np.dot, a, b, result)
    return partial(np.matmul, a, b, out=result)


def _as_rows(array: Array) -> Array | None:
    """The array as a matrix of its last axis, if that is a view."""
    try:
        return np.reshape(array, (-1, array.shape[-1]), copy=False)
    except ValueError:
        return None
