"""The native function that runs a program on one thread: what stands between kernels, without Python.

A program is a list of *segments*, one after another. A segment is a set of *items*, which do not depend on one another,
so that different threads may do them at a time. An item is a list of *entries*, one after another, on one thread. An
entry is a call of a kernel for one part of its work. `program.py` writes them as tables of 64-bit words:

    program     entries, items, segments (where the tables lie), number of entries, number of segments,
                threads (how many may take part), scratch (where the first thread's lies), bytes between two threads'
    segments    the number of the first item of each segment, and then the number of items
    items       the number of the first entry of each item, and then the number of entries
    entry       function, arguments, begin, end, part
"""

from functools import cache

from asg_executor.engines.native.object_code import NativeFunction, text_functions

__all__ = ["DRIVER_TEXT", "ENTRY_WORDS", "PROGRAM_WORDS", "alone_driver"]

PROGRAM_WORDS = 8
ENTRY_WORDS = 5

DRIVER_TEXT = """
%program = type { ptr, ptr, ptr, i64, i64, i64, ptr, i64 }
%entry = type { ptr, ptr, i64, i64, i64 }

define void @run_alone(ptr %program) nounwind {
begin:
  %entries = load ptr, ptr %program
  %count_at = getelementptr %program, ptr %program, i64 0, i32 3
  %count = load i64, ptr %count_at
  %scratch_at = getelementptr %program, ptr %program, i64 0, i32 6
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
"""In LLVM's language: `run_alone`, and `run_entries`, which makes some of the entries."""


@cache
def alone_driver() -> NativeFunction:
    """`void run_alone(ptr program)`: makes every entry, in order, on the thread that calls."""
    (run_alone,) = text_functions(DRIVER_TEXT, ["run_alone"])
    return run_alone
