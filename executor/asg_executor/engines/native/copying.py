"""Copies of large arrays, on all threads."""

from collections.abc import Sequence
from functools import cache

from asg_executor.engines.native.kernel_table import parts_for
from asg_executor.engines.native.object_code import NativeFunction, text_functions
from asg_executor.engines.native.program import Call, Follows, NativeProgram
from asg_executor.engines.native.team import default_threads, process_team
from asg_executor.plan.arrays import Array

__all__ = ["copies"]

_UNIT = 4096  # bytes
_WORD = 4  # bytes that are copied in the time of a cheap operation

_TEXT = """
declare i64 @llvm.smin.i64(i64, i64)
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

; Of the arguments, target, source and the number of bytes, copies some units.
define void @copy(ptr %arguments, i64 %begin, i64 %end, i64 %part, ptr %scratch) nounwind {
  %source_at = getelementptr i64, ptr %arguments, i64 1
  %bytes_at = getelementptr i64, ptr %arguments, i64 2
  %target = load ptr, ptr %arguments
  %source = load ptr, ptr %source_at
  %bytes = load i64, ptr %bytes_at
  %first = mul i64 %begin, $UNIT
  %whole = mul i64 %end, $UNIT
  %last = call i64 @llvm.smin.i64(i64 %whole, i64 %bytes)
  %count = sub i64 %last, %first
  %to = getelementptr i8, ptr %target, i64 %first
  %from = getelementptr i8, ptr %source, i64 %first
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %from, i64 %count, i1 false)
  ret void
}
""".replace("$UNIT", str(_UNIT))


@cache
def _copy() -> NativeFunction:
    (function,) = text_functions(_TEXT, ["copy"])
    return function


def copies(pairs: Sequence[tuple[Array, Array]]) -> NativeProgram:
    """What copies into the first array of each pair the second.

    Args:
        pairs: contiguous arrays of the same dtype and shape, none of which overlap. Whoever runs the program keeps them
            alive.
    """
    calls: list[Call] = []
    threads = default_threads()
    for target, source in pairs:
        if not source.nbytes:
            continue
        units = -(-source.nbytes // _UNIT)
        addresses = (target.ctypes.data, source.ctypes.data, source.nbytes)
        parts = parts_for(source.nbytes // _WORD, units, threads)
        calls.append(Call(_copy(), addresses, units, parts, follows=Follows.NOTHING if calls else Follows.ALL))
    return NativeProgram(calls, process_team(), threads)
