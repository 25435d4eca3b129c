"""A kernel run with every access checked, on arrays of the test's own.

With `CHECK_BOUNDS=1` in the environment all kernels of these tests are run so: `make bounds`.
"""

import os
from collections.abc import Sequence

import numpy as np

from asg_executor.engines.native.bounds.checked_call import CheckedCall
from asg_executor.engines.native.bounds.checked_engine import CheckedProgram
from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.table import BoundsTable, Range
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.engines.native.team import Team
from asg_executor.plan.arrays import Array

CHECKS_ALL = os.environ.get("CHECK_BOUNDS", "") not in ("", "0")


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


def run_kernel(
    spec: KernelSpec,
    arguments: Sequence[int],
    read: Sequence[Array],
    written: Sequence[Array],
    parts: int = 1,
    team: Team | None = None,
) -> None:
    """Call a kernel once, with checks where all are to be checked.

    Args:
        spec: the kernel.
        arguments: its arguments.
        read: what it may read.
        written: what it may read and write.
        parts: into how many parts its units are divided.
        team: who does the parts where nothing is checked.
    """
    if CHECKS_ALL:
        run_checked(spec, arguments, _ranges(read), _ranges(written), parts)
        return
    (function,) = functions([spec])
    NativeProgram([Call(function, tuple(arguments), spec.units, parts, spec.scratch_bytes)], team).run()


def _ranges(arrays: Sequence[Array]) -> list[Range]:
    return [range_of(f"array {number}", array) for number, array in enumerate(arrays)]
