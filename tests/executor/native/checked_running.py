"""A kernel run with every access checked, on arrays of the test's own.

With `CHECK_BOUNDS=1` in the environment all kernels of these tests are run so: `make bounds`.
"""

import os
from collections.abc import Sequence

import numpy as np

from asg_executor.engines.native.bounds.borders import Borders
from asg_executor.engines.native.bounds.checked_call import CheckedCall
from asg_executor.engines.native.bounds.checked_engine import CheckedProgram
from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.stage_record import StageRecord
from asg_executor.engines.native.bounds.table import BoundsTable, Range
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.object_code import NativeFunction, functions
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.engines.native.team import Team
from asg_executor.plan.arrays import Array

_BORDER = 256  # bytes
_NOTHING = np.zeros(0, np.uint8)
CHECKS_ALL = os.environ.get("CHECK_BOUNDS", "") not in ("", "0")


def range_of(name: str, array: Array) -> Range:
    """The bytes of an array, from its first to its last, whatever its strides are."""
    begin, end = np.lib.array_utils.byte_bounds(array)
    return Range(name, begin, end)


def bordered(array: Array) -> Array:
    """A copy of an array amid other bytes, which `run_kernel` then looks at."""
    block = np.arange(array.nbytes + 2 * _BORDER, dtype=np.uint64).astype(np.uint8)
    copy = block[_BORDER : _BORDER + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def run_checked(
    spec: KernelSpec,
    arguments: Sequence[int],
    read: Sequence[Range],
    written: Sequence[Range],
    parts: int = 1,
    poisoned: Sequence[Array] = (),
    kept: Sequence[Array] = (),
    block: Array = _NOTHING,
    plain: KernelSpec | None = None,
    unordered: Sequence[Range] = (),
) -> None:
    """Call a kernel once with checks, and once without.

    Args:
        spec: the kernel.
        arguments: its arguments.
        read: what it may read.
        written: what it may read and write.
        parts: into how many parts its units are divided.
        poisoned: see `CheckedCall`.
        kept: see there.
        block: the bytes in which what is written has neighbours.
        plain: the kernel that is called without checks, if it is another one.
        unordered: what it may read and write, and its parts in any order.

    Raises:
        OutOfBoundsError: it accessed something else.
        AccessConflictError: two of its accesses are in each other's way.
    """
    checked = CheckedSpec.of(spec, len(arguments))
    writable = [*written, *unordered]
    table = BoundsTable(writable, read)
    with_checks, without = functions([checked, plain or spec])

    def program(function: NativeFunction, *arguments: int) -> NativeProgram:
        return NativeProgram([Call(function, arguments, spec.units, parts, spec.scratch_bytes)])

    call = CheckedCall(
        checked,
        program(with_checks, *arguments, table.address),
        program(without, *arguments),
        table,
        poisoned,
        kept,
        Borders(block, writable, read),
        StageRecord(written, [parts]),
        0,
        'node "y"',
    )
    CheckedProgram([call]).run()


def run_kernel(
    spec: KernelSpec,
    arguments: Sequence[int],
    read: Sequence[Array],
    written: Sequence[Array],
    parts: int = 1,
    team: Team | None = None,
    failure: Array = _NOTHING,
) -> None:
    """Call a kernel once. Where all are to be checked, it is called with checks before.

    Args:
        spec: the kernel.
        arguments: its arguments.
        read: what it may read.
        written: what it may read and write.
        parts: into how many parts its units are divided.
        team: who does the parts.
        failure: the word that all parts may write.
    """
    borders = [Borders(block, _ranges([array]), []) for array in written if (block := _block_of(array)) is not None]
    for border in borders:
        border.begin()
    if CHECKS_ALL:
        unordered = [range_of("failure", failure)] if failure.size else []
        run_checked(
            spec,
            arguments,
            _ranges(read),
            _ranges(written),
            parts,
            kept=written,
            unordered=unordered,
        )
    (function,) = functions([spec])
    NativeProgram([Call(function, tuple(arguments), spec.units, parts, spec.scratch_bytes)], team).run()
    assert [border.change() for border in borders] == [None] * len(borders)


def _ranges(arrays: Sequence[Array]) -> list[Range]:
    return [range_of(f"array {number}", array) for number, array in enumerate(arrays)]


def _block_of(array: Array) -> Array | None:
    """The bytes amid which `bordered` has put an array."""
    base = array.base
    return base if isinstance(base, np.ndarray) and base.dtype == np.uint8 and base.ndim == 1 else None
