"""The native functions by which the threads of a team run programs together.

A team is a block of memory that its threads share. Thread 0 is the caller, which publishes the program in `JOB`; the
others wait in `work_for_team`. In each segment a thread first does the items that are its own by their number. Then it
does those of others who have not begun theirs, because they sleep, or because the machine has given their core to
somebody else: nobody ever waits for a thread that has not begun. An item is taken by raising its claim to the segment's
serial number, which only grows, so that a thread which comes late finds everything taken. All threads go on to the next
segment when all items of this one are done.
"""

import platform
import re
import sys
from enum import IntEnum
from functools import cache

from asg_executor.engines.native.driver import DRIVER_TEXT
from asg_executor.engines.native.object_code import NativeFunction, text_functions

__all__ = ["LINE_WORDS", "MOST_ITEMS", "TEAM_WORDS", "TeamField", "team_driver"]

LINE_WORDS = 8  # of a line of the cache: what different threads write lies in different ones
MOST_ITEMS = 256  # of a segment
_SPINS = 4000  # some ten to hundred microseconds; who waits for longer, lets others compute
_X86 = ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()")
_ARM = ("declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)")
_RELAXING = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}  # what a thread does while it spins
_CLOCK = 6 if sys.platform == "darwin" else 1  # the number of CLOCK_MONOTONIC


class TeamField(IntEnum):
    """Where a field lies in a team's memory, in words."""

    GENERATION = 0  # is raised with every program
    STOPPING = 1  # not 0: the threads end
    JOB = LINE_WORDS  # the program, or 0
    SERIAL = LINE_WORDS + 1  # the number of the program's first segment
    INSIDE = 2 * LINE_WORDS  # how many threads look at the job
    DONE = 3 * LINE_WORDS  # how many items of the program are done
    BUSY = 4 * LINE_WORDS  # 1 while a program runs
    SLEEPERS = 5 * LINE_WORDS  # how many threads sleep, or are about to
    IDLE_NANOSECONDS = 6 * LINE_WORDS  # how long a thread without work stays awake
    MUTEX = 8 * LINE_WORDS
    CONDITION = 10 * LINE_WORDS
    CLAIMS = 12 * LINE_WORDS  # one line for each item of a segment


TEAM_WORDS = TeamField.CLAIMS + MOST_ITEMS * LINE_WORDS

_TEAM = """
%time = type { i64, i64 }

declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)

$DECLARE_RELAX
define internal void @relax() alwaysinline nounwind {
  $RELAX
  ret void
}

; Waits until the word at %at is at least %wanted, or, where %less, at most; gives its core away after a while.
define internal void @await(ptr %at, i64 %wanted, i1 %less) noinline nounwind {
begin:
  br label %look
look:
  %times = phi i64 [ 0, %begin ], [ %more, %spin ], [ %more, %yield ]
  %found = load atomic i64, ptr %at seq_cst, align 8
  %enough = icmp sge i64 %found, %wanted
  %little = icmp sle i64 %found, %wanted
  %over = select i1 %less, i1 %little, i1 %enough
  br i1 %over, label %end, label %wait
wait:
  %more = add i64 %times, 1
  %patient = icmp ult i64 %times, $SPINS
  br i1 %patient, label %spin, label %yield
spin:
  call void @relax()
  br label %look
yield:
  %ignored = call i32 @sched_yield()
  br label %look
end:
  ret void
}

; Whether item %item of the segment %serial becomes this thread's.
define internal i1 @claim(ptr %team, i64 %item, i64 %serial) alwaysinline nounwind {
begin:
  %line = mul i64 %item, $LINE
  %word = add i64 %line, $CLAIMS
  %at = getelementptr i64, ptr %team, i64 %word
  %old = load atomic i64, ptr %at monotonic, align 8
  %free = icmp slt i64 %old, %serial
  br i1 %free, label %try, label %end
try:
  %pair = cmpxchg ptr %at, i64 %old, i64 %serial seq_cst seq_cst
  %won = extractvalue { i64, i1 } %pair, 1
  br label %end
end:
  %taken = phi i1 [ false, %begin ], [ %won, %try ]
  ret i1 %taken
}

; Does the items of a segment that are not taken, from number %start on in steps of %step.
define internal void @do_items(ptr %team, ptr %program, ptr %scratch, i64 %first, i64 %last, i64 %serial, i64 %start,
                               i64 %step) nounwind {
begin:
  %done_at = getelementptr i64, ptr %team, i64 $DONE
  %items_at = getelementptr %program, ptr %program, i64 0, i32 1
  %items = load ptr, ptr %items_at
  %entries = load ptr, ptr %program
  br label %look
look:
  %offset = phi i64 [ %start, %begin ], [ %following, %next ]
  %item = add i64 %first, %offset
  %inside = icmp slt i64 %item, %last
  br i1 %inside, label %try, label %end
try:
  %mine = call i1 @claim(ptr %team, i64 %offset, i64 %serial)
  br i1 %mine, label %work, label %next
work:
  %item_at = getelementptr i64, ptr %items, i64 %item
  %item_end_at = getelementptr i64, ptr %item_at, i64 1
  %entry = load i64, ptr %item_at
  %entry_end = load i64, ptr %item_end_at
  call void @run_entries(ptr %entries, i64 %entry, i64 %entry_end, ptr %scratch)
  %before = atomicrmw add ptr %done_at, i64 1 seq_cst
  br label %next
next:
  %following = add i64 %offset, %step
  br label %look
end:
  ret void
}

; Takes part in a program until all of it is done.
define internal void @take_part(ptr %team, ptr %program, i64 %thread) nounwind {
begin:
  %serial_at = getelementptr i64, ptr %team, i64 $SERIAL
  %serial = load i64, ptr %serial_at
  %done_at = getelementptr i64, ptr %team, i64 $DONE
  %segments_at = getelementptr %program, ptr %program, i64 0, i32 2
  %segments = load ptr, ptr %segments_at
  %count_at = getelementptr %program, ptr %program, i64 0, i32 4
  %count = load i64, ptr %count_at
  %threads_at = getelementptr %program, ptr %program, i64 0, i32 5
  %threads = load i64, ptr %threads_at
  %scratch_at = getelementptr %program, ptr %program, i64 0, i32 6
  %all_scratch = load ptr, ptr %scratch_at
  %stride_at = getelementptr %program, ptr %program, i64 0, i32 7
  %stride = load i64, ptr %stride_at
  %skipped = mul i64 %thread, %stride
  %scratch = getelementptr i8, ptr %all_scratch, i64 %skipped
  %member = icmp slt i64 %thread, %threads
  %some = icmp sgt i64 %count, 0
  %needed = and i1 %member, %some
  br i1 %needed, label %each, label %end
each:
  %segment = phi i64 [ 0, %begin ], [ %next, %each ]
  %number = add i64 %serial, %segment
  %first_at = getelementptr i64, ptr %segments, i64 %segment
  %last_at = getelementptr i64, ptr %first_at, i64 1
  %first = load i64, ptr %first_at
  %last = load i64, ptr %last_at
  call void @do_items(ptr %team, ptr %program, ptr %scratch, i64 %first, i64 %last, i64 %number, i64 %thread,
                      i64 %threads)
  call void @do_items(ptr %team, ptr %program, ptr %scratch, i64 %first, i64 %last, i64 %number, i64 0, i64 1)
  call void @await(ptr %done_at, i64 %last, i1 false)
  %next = add i64 %segment, 1
  %more = icmp slt i64 %next, %count
  br i1 %more, label %each, label %end
end:
  ret void
}

; Runs a program with the team's help, or alone where the team is at another program.
define void @run_with_team(ptr %team, ptr %program) nounwind {
begin:
  %busy_at = getelementptr i64, ptr %team, i64 $BUSY
  %pair = cmpxchg ptr %busy_at, i64 0, i64 1 seq_cst seq_cst
  %free = extractvalue { i64, i1 } %pair, 1
  br i1 %free, label %publish, label %alone
alone:
  call void @run_alone(ptr %program)
  ret void
publish:
  %done_at = getelementptr i64, ptr %team, i64 $DONE
  store atomic i64 0, ptr %done_at seq_cst, align 8
  %job_at = getelementptr i64, ptr %team, i64 $JOB
  store atomic ptr %program, ptr %job_at seq_cst, align 8
  %generation_at = getelementptr i64, ptr %team, i64 $GENERATION
  %generation = atomicrmw add ptr %generation_at, i64 1 seq_cst
  %sleepers_at = getelementptr i64, ptr %team, i64 $SLEEPERS
  %sleepers = load atomic i64, ptr %sleepers_at seq_cst, align 8
  %asleep = icmp sgt i64 %sleepers, 0
  br i1 %asleep, label %wake, label %work
wake:
  call void @wake_team(ptr %team)
  br label %work
work:
  call void @take_part(ptr %team, ptr %program, i64 0)
  store atomic ptr null, ptr %job_at seq_cst, align 8
  %inside_at = getelementptr i64, ptr %team, i64 $INSIDE
  call void @await(ptr %inside_at, i64 0, i1 true)  ; whoever looks at the program still needs its tables
  %serial_at = getelementptr i64, ptr %team, i64 $SERIAL
  %serial = load i64, ptr %serial_at
  %count_at = getelementptr %program, ptr %program, i64 0, i32 4
  %count = load i64, ptr %count_at
  %following = add i64 %serial, %count
  store i64 %following, ptr %serial_at
  store atomic i64 0, ptr %busy_at seq_cst, align 8
  ret void
}

define internal void @wake_team(ptr %team) nounwind {
  %mutex = getelementptr i64, ptr %team, i64 $MUTEX
  %condition = getelementptr i64, ptr %team, i64 $CONDITION
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %woken = call i32 @pthread_cond_broadcast(ptr %condition)
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  ret void
}

define internal i64 @nanoseconds() nounwind {
  %time = alloca %time
  %ignored = call i32 @clock_gettime(i32 $CLOCK, ptr %time)
  %seconds = load i64, ptr %time
  %rest_at = getelementptr %time, ptr %time, i64 0, i32 1
  %rest = load i64, ptr %rest_at
  %whole = mul i64 %seconds, 1000000000
  %all = add i64 %whole, %rest
  ret i64 %all
}

; What is new since generation %seen: the present generation, or %seen where the team stops. Sleeps after a while.
define internal i64 @await_job(ptr %team, i64 %seen) nounwind {
begin:
  %generation_at = getelementptr i64, ptr %team, i64 $GENERATION
  %stopping_at = getelementptr i64, ptr %team, i64 $STOPPING
  %sleepers_at = getelementptr i64, ptr %team, i64 $SLEEPERS
  %idle_at = getelementptr i64, ptr %team, i64 $IDLE_NANOSECONDS
  %mutex = getelementptr i64, ptr %team, i64 $MUTEX
  %condition = getelementptr i64, ptr %team, i64 $CONDITION
  %idle = load i64, ptr %idle_at
  %now = call i64 @nanoseconds()
  %late = add i64 %now, %idle
  br label %look
look:
  %times = phi i64 [ 0, %begin ], [ %more, %spin ], [ %more, %clock ]
  %generation = load atomic i64, ptr %generation_at seq_cst, align 8
  %new = icmp ne i64 %generation, %seen
  br i1 %new, label %end, label %idly
idly:
  call void @relax()
  %more = add i64 %times, 1
  %rest = and i64 %more, 15
  %seldom = icmp eq i64 %rest, 0
  br i1 %seldom, label %clock, label %spin
spin:
  br label %look
clock:
  %later = call i64 @nanoseconds()
  %enough = icmp sgt i64 %later, %late
  br i1 %enough, label %sleep, label %look
sleep:
  %locked = call i32 @pthread_mutex_lock(ptr %mutex)
  %sleepers = atomicrmw add ptr %sleepers_at, i64 1 seq_cst
  br label %check
check:
  %present = load atomic i64, ptr %generation_at seq_cst, align 8
  %stopping = load atomic i64, ptr %stopping_at seq_cst, align 8
  %changed = icmp ne i64 %present, %seen
  %stops = icmp ne i64 %stopping, 0
  %over = or i1 %changed, %stops
  br i1 %over, label %awake, label %doze
doze:
  %dozed = call i32 @pthread_cond_wait(ptr %condition, ptr %mutex)
  br label %check
awake:
  %fewer = atomicrmw sub ptr %sleepers_at, i64 1 seq_cst
  %unlocked = call i32 @pthread_mutex_unlock(ptr %mutex)
  br label %end
end:
  %result = phi i64 [ %generation, %look ], [ %present, %awake ]
  ret i64 %result
}

; Has the other threads end.
define void @stop_team(ptr %team) nounwind {
  %stopping_at = getelementptr i64, ptr %team, i64 $STOPPING
  %generation_at = getelementptr i64, ptr %team, i64 $GENERATION
  store atomic i64 1, ptr %stopping_at seq_cst, align 8
  %generation = atomicrmw add ptr %generation_at, i64 1 seq_cst
  call void @wake_team(ptr %team)
  ret void
}

; The life of thread %thread of the team, until it stops.
define void @work_for_team(ptr %team, i64 %thread) nounwind {
begin:
  %stopping_at = getelementptr i64, ptr %team, i64 $STOPPING
  %inside_at = getelementptr i64, ptr %team, i64 $INSIDE
  %job_at = getelementptr i64, ptr %team, i64 $JOB
  br label %wait
wait:
  %seen = phi i64 [ 0, %begin ], [ %generation, %leave ]
  %generation = call i64 @await_job(ptr %team, i64 %seen)
  %stopping = load atomic i64, ptr %stopping_at seq_cst, align 8
  %stops = icmp ne i64 %stopping, 0
  br i1 %stops, label %end, label %enter
enter:
  %one = atomicrmw add ptr %inside_at, i64 1 seq_cst
  %program = load atomic ptr, ptr %job_at seq_cst, align 8
  %none = icmp eq ptr %program, null
  br i1 %none, label %leave, label %work
work:
  call void @take_part(ptr %team, ptr %program, i64 %thread)
  br label %leave
leave:
  %other = atomicrmw sub ptr %inside_at, i64 1 seq_cst
  br label %wait
end:
  ret void
}
"""


@cache
def team_driver() -> tuple[NativeFunction, NativeFunction, NativeFunction]:
    """The functions of teams, on systems with POSIX threads.

    Returns:
        `void run_with_team(ptr team, ptr program)`, `void work_for_team(ptr team, i64 thread)` and
        `void stop_team(ptr team)`.
    """
    values = {field.name: str(field.value) for field in TeamField}
    values |= {"LINE": str(LINE_WORDS), "SPINS": str(_SPINS), "CLOCK": str(_CLOCK)}
    values["DECLARE_RELAX"], values["RELAX"] = _RELAXING.get(platform.machine(), ("", ""))
    text = DRIVER_TEXT + _TEAM
    for name, value in values.items():
        text = re.sub(rf"\${name}\b", value, text)
    run, work, stop = text_functions(text, ["run_with_team", "work_for_team", "stop_team"])
    return run, work, stop
