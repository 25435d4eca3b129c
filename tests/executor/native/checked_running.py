"""A kernel run with every access checked, on arrays of the test's own."""

from collections.abc import Sequence

import numpy as np

from asg_executor.engines.native.bounds.checked_call import CheckedCall
from asg_executor.engines.native.bounds.checked_engine import CheckedProgram
from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.table import BoundsTable, Range
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.plan.arrays import Array


def range_of(name: str, array: Array) -> Range:
    """The bytes of an array, from its first to its last, whatever its strides are."""
    begin, end = np.lib.array_utils.byte_bounds(array)
    return Range(name, begin, end)


def run_checked(
    spec: KernelSpec,
    arguments: Sequence[int],
    read: Sequence[Range],
    written: Sequence[Range],
    parts: int = 1,
    poisoned: Sequence[Array] = (),
) -> None:
    """Call a kernel once.

    Args:
        spec: the kernel.
        arguments: its arguments.
        read: what it may read.
        written: what it may read and write.
        parts: into how many parts its units are divided.
        poisoned: see `CheckedCall`.

    Raises:
        OutOfBoundsError: it accessed something else.
    """
    checked = CheckedSpec.of(spec, len(arguments))
    table = BoundsTable(written, read)
    (function,) = functions([checked])
    call = Call(function, (*arguments, table.address), spec.units, parts, spec.scratch_bytes)
    CheckedProgram([(NativeProgram([call]), CheckedCall(checked, table, poisoned, 'node "y"'))]).run()
