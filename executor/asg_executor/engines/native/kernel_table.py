"""`native_kernels`: the native kernels of ops that are not fused, as each family enters them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.plan.layout import Layout
from asg_schema.dtype import DType
from asg_schema.op_table import OpTable

__all__ = ["NativeKernel", "Operand", "native_kernels"]


class Operand(NamedTuple):
    """An operand or a result of an instruction.

    Attributes:
        layout: how it lies in its root's memory; a result lies without gaps, from the beginning.
        dtype: its dtype.
    """

    layout: Layout
    dtype: DType


@dataclass(frozen=True)
class NativeKernel:
    """How an instruction runs natively.

    Its arguments are the addresses of `functions`, then for each operand the address of the element at index 0 along
    every axis, then the same of the results.

    Attributes:
        spec: what the kernel computes.
        parts: into how many parts its units are divided.
        functions: the addresses of functions that it calls.
    """

    spec: KernelSpec
    parts: int = 1
    functions: tuple[int, ...] = ()


native_kernels: OpTable[[Sequence[Operand], Sequence[Operand], int], NativeKernel | None] = OpTable("native kernel")
"""For ops that may run natively: from the op, its operands, its results and the number of threads to the kernel.

None where the kernel does not know these dtypes or layouts; then the NumPy kernel runs.
"""
