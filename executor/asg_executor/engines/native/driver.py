"""The native functions that run programs: what stands between kernels, without Python.

A program lies in memory as a table of 64-bit words (see `program.py`): its head is

    0  entries     where the entries lie
    1  entry count
    2  scratch     memory of the kernels' own

and an entry is one call of a kernel, for one part of its work:

    0  function    1  arguments    2  begin    3  end    4  part
"""

from dataclasses import dataclass
from functools import cache

from asg_executor.engines.native.object_code import NativeFunction, text_functions

__all__ = ["ENTRY_WORDS", "HEAD_WORDS", "Driver", "driver"]

HEAD_WORDS = 3
ENTRY_WORDS = 5

_TEXT = """
%head = type { ptr, i64, ptr }
%entry = type { ptr, ptr, i64, i64, i64 }

define void @run_alone(ptr %program) nounwind {
begin:
  %entries = load ptr, ptr %program
  %count_at = getelementptr %head, ptr %program, i64 0, i32 1
  %count = load i64, ptr %count_at
  %scratch_at = getelementptr %head, ptr %program, i64 0, i32 2
  %scratch = load ptr, ptr %scratch_at
  call void @run_entries(ptr %entries, i64 0, i64 %count, ptr %scratch)
  ret void
}

define internal void @run_entries(ptr %entries, i64 %first, i64 %last, ptr %scratch) nounwind {
begin:
  %any = icmp slt i64 %first, %last
  br i1 %any, label %each, label %end
each:
  %number = phi i64 [ %first, %begin ], [ %next, %each ]
  %entry = getelementptr %entry, ptr %entries, i64 %number
  %arguments_at = getelementptr %entry, ptr %entry, i64 0, i32 1
  %begin_at = getelementptr %entry, ptr %entry, i64 0, i32 2
  %end_at = getelementptr %entry, ptr %entry, i64 0, i32 3
  %part_at = getelementptr %entry, ptr %entry, i64 0, i32 4
  %function = load ptr, ptr %entry
  %arguments = load ptr, ptr %arguments_at
  %unit = load i64, ptr %begin_at
  %unit_end = load i64, ptr %end_at
  %part = load i64, ptr %part_at
  call void %function(ptr %arguments, i64 %unit, i64 %unit_end, i64 %part, ptr %scratch)
  %next = add i64 %number, 1
  %more = icmp slt i64 %next, %last
  br i1 %more, label %each, label %end
end:
  ret void
}
"""


@dataclass(frozen=True)
class Driver:
    """The functions that run programs.

    Attributes:
        run_alone: `void (ptr program)`: every entry, in order, on the thread that calls.
    """

    run_alone: NativeFunction


@cache
def driver() -> Driver:
    """The driver of this process."""
    return Driver(*text_functions(_TEXT, ["run_alone"]))
