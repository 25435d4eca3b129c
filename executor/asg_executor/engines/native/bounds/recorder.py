"""The native function that records an access: which part made it, and through which pointer. Checked kernels call it.

The table of the present call, `BoundsTable`, says where the records lie: those of `StageRecord`, and of `ClaimRecord`.
"""

import re
from functools import cache

from asg_executor.engines.native.bounds.claim_record import FIRST_BITS, MODIFIED_BIT, MOST_POINTERS, SCOPE_BIT
from asg_executor.engines.native.bounds.table import FIRST_WRITABLE, RANGE_WORDS, RangeWord, Word
from asg_executor.engines.native.object_code import NativeFunction, text_functions

__all__ = ["recorder"]

_TEXT = """
define internal i64 @word(ptr %table, i64 %number) alwaysinline nounwind {
  %at = getelementptr i64, ptr %table, i64 %number
  %word = load i64, ptr %at
  ret i64 %word
}

; Of each range that may be written the bytes that the access has in common with it.
define void @record(ptr %table, i64 %address, i64 %bytes, i64 %pointer, i1 %stores) nounwind {
begin:
  %last = call i64 @word(ptr %table, i64 $WRITABLE_END)
  %first_part = call i64 @word(ptr %table, i64 $FIRST_OF_CALL)
  %present_part = call i64 @word(ptr %table, i64 $PRESENT_PART)
  %sum = add i64 %first_part, %present_part
  %part = trunc i64 %sum to i16
  %scope = call i64 @word(ptr %table, i64 $SCOPE)
  %behind = add i64 %address, %bytes
  br label %each
each:
  %number = phi i64 [ $FIRST_WRITABLE, %begin ], [ %next, %following ]
  %skipped = mul i64 %number, $RANGE_WORDS
  %words = add i64 %skipped, $RANGES
  %range = getelementptr i64, ptr %table, i64 %words
  %range_begin = call i64 @word(ptr %range, i64 $BEGIN)
  %range_end = call i64 @word(ptr %range, i64 $END)
  %low = call i64 @llvm.umax.i64(i64 %range_begin, i64 %address)
  %high = call i64 @llvm.umin.i64(i64 %range_end, i64 %behind)
  %any = icmp ult i64 %low, %high
  br i1 %any, label %common, label %following
common:
  %offset = sub i64 %low, %range_begin
  %length = sub i64 %high, %low
  %size = sub i64 %range_end, %range_begin
  %parts = call i64 @word(ptr %range, i64 $PARTS)
  %parts_wanted = icmp ne i64 %parts, 0
  br i1 %parts_wanted, label %of_parts, label %look
of_parts:
  call void @record_part(i64 %parts, i64 %offset, i64 %length, i64 %size, i16 %part, i1 %stores)
  br label %look
look:
  %claims = call i64 @word(ptr %range, i64 $CLAIMS)
  %claims_wanted = icmp ne i64 %pointer, 0
  br i1 %claims_wanted, label %of_claims, label %following
of_claims:
  call void @record_pointer(i64 %claims, i64 %offset, i64 %length, i64 %scope, i64 %pointer, i1 %stores)
  br label %following
following:
  %next = add i64 %number, 1
  %more = icmp ult i64 %next, %last
  br i1 %more, label %each, label %end
end:
  ret void
}

; Two parts that have written a byte, or, where it is read, two that have read it.
define internal void @record_part(i64 %record, i64 %offset, i64 %bytes, i64 %size, i16 %part, i1 %stores) nounwind {
begin:
  %planes = inttoptr i64 %record to ptr
  %twice = shl i64 %size, 1
  %skipped = select i1 %stores, i64 0, i64 %twice
  %start = add i64 %skipped, %offset
  %firsts = getelementptr i16, ptr %planes, i64 %start
  %others = getelementptr i16, ptr %firsts, i64 %size
  br label %each
each:
  %byte = phi i64 [ 0, %begin ], [ %next, %each ]
  %first_at = getelementptr i16, ptr %firsts, i64 %byte
  %other_at = getelementptr i16, ptr %others, i64 %byte
  %first = load i16, ptr %first_at
  %other = load i16, ptr %other_at
  %none = icmp eq i16 %first, 0
  %same = icmp eq i16 %first, %part
  %two = icmp ne i16 %other, 0
  %is_first = or i1 %none, %same
  %is_known = or i1 %is_first, %two
  %new_first = select i1 %none, i16 %part, i16 %first
  %new_other = select i1 %is_known, i16 %other, i16 %part
  store i16 %new_first, ptr %first_at
  store i16 %new_other, ptr %other_at
  %next = add i64 %byte, 1
  %more = icmp ult i64 %next, %bytes
  br i1 %more, label %each, label %end
end:
  ret void
}

; Two pointers through which the present execution of a function has reached a byte, and whether it is written. A word
; in which a claim was broken stays as it is; any other of an earlier execution begins anew.
define internal void @record_pointer(i64 %record, i64 %offset, i64 %bytes, i64 %scope, i64 %pointer, i1 %stores)
    nounwind {
begin:
  %all = inttoptr i64 %record to ptr
  %words = getelementptr i64, ptr %all, i64 %offset
  %fresh = shl i64 %scope, $SCOPE_BIT
  %as_other = shl i64 %pointer, $FIRST_BITS
  %written = zext i1 %stores to i64
  %modified = shl i64 %written, $MODIFIED_BIT
  br label %each
each:
  %byte = phi i64 [ 0, %begin ], [ %next, %each ]
  %at = getelementptr i64, ptr %words, i64 %byte
  %found = load i64, ptr %at
  %found_others = lshr i64 %found, $FIRST_BITS
  %found_other = and i64 %found_others, $MOST_POINTERS
  %found_two = icmp ne i64 %found_other, 0
  %found_modified = lshr i64 %found, $MODIFIED_BIT
  %found_written = trunc i64 %found_modified to i1
  %broken = and i1 %found_two, %found_written
  %found_scope = lshr i64 %found, $SCOPE_BIT
  %present = icmp eq i64 %found_scope, %scope
  %kept = or i1 %present, %broken
  %word = select i1 %kept, i64 %found, i64 %fresh
  %first = and i64 %word, $MOST_POINTERS
  %others = lshr i64 %word, $FIRST_BITS
  %other = and i64 %others, $MOST_POINTERS
  %none = icmp eq i64 %first, 0
  %same = icmp eq i64 %first, %pointer
  %is_first = or i1 %none, %same
  %two = icmp ne i64 %other, 0
  %is_known = or i1 %is_first, %two
  %add_first = select i1 %none, i64 %pointer, i64 0
  %add_other = select i1 %is_known, i64 0, i64 %as_other
  %with_first = or i64 %word, %add_first
  %with_other = or i64 %with_first, %add_other
  %new = or i64 %with_other, %modified
  store i64 %new, ptr %at
  %next = add i64 %byte, 1
  %more = icmp ult i64 %next, %bytes
  br i1 %more, label %each, label %end
end:
  ret void
}

declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""


@cache
def recorder() -> NativeFunction:
    """`void record(ptr table, i64 address, i64 bytes, i64 pointer, i1 stores)`: records an access that is allowed.

    `pointer` is the number of the pointer through which it is made; 0 where no claim has to do with it.
    """
    values = {field.name: field.value for kind in (Word, RangeWord) for field in kind}
    values |= {"FIRST_BITS": FIRST_BITS, "MODIFIED_BIT": MODIFIED_BIT, "SCOPE_BIT": SCOPE_BIT}
    values |= {"MOST_POINTERS": MOST_POINTERS, "FIRST_WRITABLE": FIRST_WRITABLE, "RANGE_WORDS": RANGE_WORDS}
    text = re.sub(r"\$(\w+)", lambda name: str(values[name[1]]), _TEXT)
    (record,) = text_functions(text, ["record"])
    return record
