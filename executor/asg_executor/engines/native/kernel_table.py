"""`native_kernels`: the native kernels of ops that are not fused, as each family enters them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.plan.layout import Layout
from asg_schema.dtype import DType
from asg_schema.op_table import OpTable

__all__ = ["Argument", "NativeKernel", "Operand", "native_kernels", "parts_for"]

_PART_WORK = 24_000  # cheap operations on vectors that take about as long as bringing two threads together twice


class Operand(NamedTuple):
    """An operand or a result of an instruction.

    Attributes:
        layout: how it lies in its root's memory; a result lies without gaps, from the beginning.
        dtype: its dtype.
    """

    layout: Layout
    dtype: DType


class Argument(NamedTuple):
    """Where an argument of a kernel points.

    Attributes:
        place: to which value: the number of an operand, or that of a result and the number of operands.
        offset: to which of its elements, counted from that at index 0 along every axis.
    """

    place: int
    offset: int = 0


@dataclass(frozen=True)
class NativeKernel:
    """A piece of an instruction, or all of it, natively.

    Attributes:
        spec: what the kernel computes.
        arguments: its arguments, in order. After them stands the address of a word that is 0, and that a kernel for an
            op that may fail (`asg_executor.plan.traits.can_fail`) sets to another value where it does; then the NumPy
            kernel runs, and says why.
        parts: into how many parts its units are divided.
    """

    spec: KernelSpec
    arguments: tuple[Argument, ...]
    parts: int = 1


native_kernels: OpTable[[Sequence[Operand], Sequence[Operand], int], Sequence[NativeKernel]] = OpTable("native kernel")
"""For ops that may run natively: from the op, its operands, its results and the number of threads to the kernels.

Several kernels of an instruction may run at the same time. There is none where these dtypes or layouts are not known to
any; then the NumPy kernel runs.
"""


def parts_for(work: int, units: int, threads: int) -> int:
    """Into how many parts it is worth to divide a kernel's work.

    Args:
        work: how many cheap operations on elements the kernel makes, such as additions.
        units: how many pieces there are.
        threads: how many parts there are at most.
    """
    return max(1, min(threads, units, work // _PART_WORK))
