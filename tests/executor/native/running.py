"""A native kernel of one op, run on arrays as the engine runs it."""

from importlib import import_module
from typing import Any

import numpy as np

from asg_executor.engines.native.kernel_table import Operand, native_kernels
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype
from asg_executor.plan.layout import Layout, contiguous
from asg_schema.dtype import DType
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType

for _family in ("random", "window.convolution", "window.pooling"):
    import_module(f"asg_executor.engines.native.{_family}")


def run_natively(op: Op, operands: list[Array], threads: int = 1) -> list[Array] | None:
    """The results of an op's native kernel; None where it has none for such operands.

    What the results hold beforehand is NaN, or the largest number, so that what is not written is seen.
    """
    types = [TensorType(DType(array.dtype.name), array.shape) for array in operands]
    given = [Operand(_layout(array, f"operand {i}"), types[i].dtype) for i, array in enumerate(operands)]
    results: list[Any] = []
    wanted: list[Operand] = []
    for i, result in enumerate(op.infer(types)):
        shape, dtype = concrete_shape(result), numpy_dtype(result.dtype)
        unset = np.nan if result.dtype.is_floating else np.iinfo(dtype).max
        results.append(np.full(shape, unset, dtype))
        wanted.append(Operand(contiguous(f"result {i}", shape), result.dtype))
    rule = native_kernels.find(type(op))
    kernel = None if rule is None else rule(op, given, wanted, threads)
    if kernel is None:
        return None
    (function,) = functions([kernel.spec])
    addresses = tuple(array.ctypes.data for array in (*operands, *results))
    call = Call(function, (*kernel.functions, *addresses), kernel.spec.units, kernel.parts, kernel.spec.scratch_bytes)
    NativeProgram([call]).run()
    return results


def run_with_numpy(op: Op, operands: list[Array]) -> list[Array]:
    """The results of an op's NumPy kernel."""
    types = op.infer([TensorType(DType(array.dtype.name), array.shape) for array in operands])
    results = [np.empty(concrete_shape(type), numpy_dtype(type.dtype)) for type in types]
    KERNELS[type(op)](op, operands, results, Workspace())()
    return results


def _layout(array: Array, root: str) -> Layout:
    return Layout(root, array.shape, tuple(stride // array.itemsize for stride in array.strides))
