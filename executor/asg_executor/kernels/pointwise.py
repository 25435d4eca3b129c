"""Steps for element-wise functions.

For the tiny arrays of small models the cost of a NumPy call is not arithmetic but the set-up of its loop, and that is
four times cheaper where operands and result have one contiguous axis. So axes are merged as far as all arrays allow.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from asg_executor.kernels.kernel import Arrays, Step, sequence
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, stored_elements
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.op import Op

__all__ = ["apply", "in_float32", "merged", "ufunc_kernel"]


def merged(arrays: Sequence[Array], result: Array) -> tuple[list[Array], Array]:
    """The arrays with the fewest axes in which they still broadcast to the result as before.

    An array that repeats one element becomes rank 0; neighbouring axes become one where every array allows it.
    """
    if result.size == 0:
        return list(arrays), result
    if result.flags.c_contiguous and all(_is_alike(array, result) for array in arrays):
        flat = () if result.size == 1 else (-1,)
        return [array.reshape(flat) if array.ndim else array for array in arrays], result.reshape(flat)
    layouts = [Layout("", result.shape, _steps(array, result)) for array in (*arrays, result)]
    axes = merge_axes(layouts)
    shape = tuple(size for size, _ in axes)
    views = [
        np.lib.stride_tricks.as_strided(array, shape, tuple(strides[index] for _, strides in axes))
        for index, array in enumerate((*arrays, result))
    ]
    *operands, target = views
    return [_without_repetition(operand) for operand in operands], target


def _is_alike(array: Array, result: Array) -> bool:
    """Whether an array is one number, or lies in memory just as the result does."""
    return array.ndim == 0 or (array.shape == result.shape and array.flags.c_contiguous)


def _steps(array: Array, result: Array) -> tuple[int, ...]:
    return np.broadcast_to(array, result.shape).strides


def _without_repetition(array: Array) -> Array:
    """One element of an array along axes of stride 0, as long as only leading axes have to go; size 1 along others."""
    array = stored_elements(array)
    while array.ndim and array.shape[0] == 1 and array.strides[0] == 0:
        array = array[0, ...]
    return array


def apply(ufunc: Callable[..., Any], operands: Arrays, result: Array) -> Step:
    """The step `result[...] = ufunc(*operands)`."""
    arrays, target = merged(operands, result)
    return partial(ufunc, *arrays, out=target)


def ufunc_kernel(ufunc: np.ufunc) -> Callable[[Op, Arrays, Arrays, Workspace], Step]:
    """The kernel of an op that one NumPy function computes."""

    def kernel(op: Op, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
        return apply(ufunc, operands, results[0])

    return kernel


def in_float32(make: Callable[[Arrays, Array], Step], operands: Arrays, result: Array, workspace: Workspace) -> Step:
    """A step that computes in single precision what stands in half precision.

    Args:
        make: makes the step for operands and a result in single precision.
        operands: arrays of a 16-bit float.
        result: another.
        workspace: where the operands are converted to.
    """
    wide = [workspace.empty(operand.shape, np.float32) for operand in operands]
    target = workspace.empty(result.shape, np.float32)
    convert = [partial(np.copyto, to, operand) for to, operand in zip(wide, operands, strict=True)]
    return sequence(*convert, make(wide, target), partial(np.copyto, result, target, casting="unsafe"))
