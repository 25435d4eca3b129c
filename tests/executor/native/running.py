"""A native kernel of one op, run on arrays as the engine runs it."""

from collections.abc import Callable
from typing import Any

import numpy as np

from asg_executor.engines.native.kernel_table import Operand
from asg_executor.engines.native.kernels import NATIVE_KERNELS
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype
from asg_executor.plan.layout import Layout, contiguous
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType
from executor.native.checked_running import bordered, run_kernel


def run_natively(
    op: Op, operands: list[Array], threads: int = 1, guard: Callable[[Array], Array] | None = None
) -> list[Array] | None:
    """The results of an op's native kernel; None where it has none for such operands.

    What the results hold beforehand is NaN, or the largest number, so that what is not written is seen. `guard` brings
    the results to where they are to be written.
    """
    types = [TensorType(DType(array.dtype.name), array.shape) for array in operands]
    given = [Operand(_layout(array, f"operand {i}"), types[i].dtype) for i, array in enumerate(operands)]
    results: list[Any] = []
    wanted: list[Operand] = []
    for i, result in enumerate(op.infer(types)):
        shape, dtype = concrete_shape(result), numpy_dtype(result.dtype)
        unset = np.nan if result.dtype.is_floating else np.iinfo(dtype).max
        empty = np.full(shape, unset, dtype)
        results.append((guard or bordered)(empty))
        wanted.append(Operand(contiguous(f"result {i}", shape), result.dtype))
    kernels = NATIVE_KERNELS[type(op)](op, given, wanted, threads)
    arrays = [*operands, *results]
    failure = np.zeros(1, np.int64)
    for kernel in kernels:
        addresses = [
            arrays[argument.place].ctypes.data + argument.offset * arrays[argument.place].itemsize
            for argument in kernel.arguments
        ]
        addresses.append(failure.ctypes.data)
        run_kernel(kernel.spec, addresses, operands, results, kernel.parts, failure=failure)
    return results if kernels else None


def run_with_numpy(op: Op, operands: list[Array]) -> list[Array]:
    """The results of an op's NumPy kernel."""
    types = op.infer([TensorType(DType(array.dtype.name), array.shape) for array in operands])
    results = [np.empty(concrete_shape(type), numpy_dtype(type.dtype)) for type in types]
    KERNELS[type(op)](op, operands, results, Workspace())()
    return results


def _layout(array: Array, root: str) -> Layout:
    return Layout(root, array.shape, tuple(stride // array.itemsize for stride in array.strides))
