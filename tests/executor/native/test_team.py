"""Teams share a program's work out, and give the same results as one thread, whatever happens to their threads."""

import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from llvmlite import ir

from asg_executor.blas import blas_threads
from asg_executor.cores import available_cores
from asg_executor.engines.native.kernel_spec import define_kernel
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.program import Call, Follows, NativeProgram
from asg_executor.engines.native.team import Team, default_threads, process_team
from executor.native.kernels import Affine

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()


@dataclass(frozen=True)
class Meet:
    """Part p counts itself in the first argument, and waits until `wanted` are counted; then it notes p there.

    The second argument gets 1 at p; the third one the address of the scratch memory.
    """

    wanted: int
    units: int = 2
    scratch_bytes: int = 64

    def define(self, module: ir.Module) -> None:
        function = define_kernel(module)
        arguments, _, _, part, scratch = function.args
        builder = ir.IRBuilder(function.append_basic_block("begin"))
        pointers = [
            builder.load(builder.gep(arguments, [_INDEX(number)], source_etype=_POINTER), typ=_POINTER)
            for number in range(3)
        ]
        builder.atomic_rmw("add", pointers[0], _INDEX(1), "seq_cst")
        wait, done = function.append_basic_block("wait"), function.append_basic_block("done")
        builder.branch(wait)
        builder.position_at_end(wait)
        counted = builder.load_atomic(pointers[0], "seq_cst", 8, typ=_INDEX)
        builder.cbranch(builder.icmp_signed(">=", counted, _INDEX(self.wanted)), done, wait)
        builder.position_at_end(done)
        builder.store(_INDEX(1), builder.gep(pointers[1], [part], source_etype=_INDEX))
        place = builder.gep(pointers[2], [part], source_etype=_INDEX)
        builder.store(builder.ptrtoint(scratch, _INDEX), place)
        builder.ret_void()


@pytest.fixture
def team():
    made = Team(2)
    yield made
    made.stop()


class Meeting:
    """A call of `Meet`, and its arrays."""

    def __init__(self, wanted: int, parts: int = 2) -> None:
        self.counted, self.done, self.scratch = (np.zeros(parts, np.int64) for _ in range(3))
        arguments = tuple(array.ctypes.data for array in (self.counted, self.done, self.scratch))
        (function,) = functions([Meet(wanted)])
        self.call = Call(function, arguments, 2, parts, scratch_bytes=64)


def test_two_threads_work_at_the_same_time_each_with_its_scratch_memory(team: Team) -> None:
    meeting = Meeting(wanted=2)
    NativeProgram([meeting.call], team).run()
    assert list(meeting.done) == [1, 1]
    assert meeting.scratch[0] != meeting.scratch[1]


def test_a_program_of_one_thread_leaves_the_others_out(team: Team) -> None:
    meeting = Meeting(wanted=0)
    NativeProgram([meeting.call], team, threads=1).run()
    assert meeting.scratch[0] == meeting.scratch[1]
    assert team.started == 0


def test_the_caller_does_the_work_of_those_who_are_not_there(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    meeting = Meeting(wanted=1)
    NativeProgram([meeting.call], team).run()
    assert list(meeting.done) == [1, 1]
    assert meeting.scratch[0] == meeting.scratch[1]


def test_who_finds_the_team_busy_runs_alone(team: Team) -> None:
    long, short = Meeting(wanted=3), Meeting(wanted=0)
    thread = threading.Thread(target=NativeProgram([long.call], team).run)
    thread.start()
    while long.counted[0] < 2:  # both threads are in it, and wait for a third
        time.sleep(0.001)
    NativeProgram([short.call], team).run()
    assert list(short.done) == [1, 1]
    assert short.scratch[0] == short.scratch[1]
    assert list(long.done) == [0, 0]
    long.counted[0] = 3
    thread.join()
    assert list(long.done) == [1, 1]


def test_threads_fall_asleep_and_are_woken(team: Team) -> None:
    for _ in range(3):
        meeting = Meeting(wanted=2)
        NativeProgram([meeting.call], team).run()
        assert list(meeting.done) == [1, 1]
        while team.sleeping < 1:
            time.sleep(0.001)


def chain(sizes: int, team: Team | None, parts: int) -> tuple[NativeProgram, np.ndarray]:
    """A program that fills 40 rows, each from the one before: 2 · row + the number of the part."""
    rows = np.zeros((41, sizes), np.float32)
    (double,) = functions([Affine(sizes, 0.5)])
    calls = [Call(double, (rows[step].ctypes.data, rows[step + 1].ctypes.data), sizes, parts) for step in range(40)]
    rows[0] = np.arange(sizes)
    return NativeProgram(calls, team), rows


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
@pytest.mark.parametrize("parts", [1, 2, 3, 5])
def test_any_number_of_threads_gives_the_same(threads: int, parts: int) -> None:
    alone, expected = chain(1000, None, parts)
    alone.run()
    team = Team(threads)
    program, rows = chain(1000, team, parts)
    for _ in range(20):
        rows[1:] = 0
        program.run()
        assert (rows == expected).all()
    team.stop()


def test_threads_that_share_a_team_do_not_disturb_each_other(team: Team) -> None:
    alone, expected = chain(300, None, 2)
    alone.run()
    wrong: list[int] = []

    def work() -> None:
        program, rows = chain(300, team, 2)
        for turn in range(500):
            rows[1:] = 0
            program.run()
            if not (rows == expected).all():
                wrong.append(turn)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_calls_that_wait_for_nothing_may_run_together(team: Team) -> None:
    first, second = Meeting(wanted=2, parts=1), Meeting(wanted=0, parts=1)
    (function,) = functions([Meet(2)])
    together = Call(function, (first.counted.ctypes.data, *second.call.arguments[1:]), 1, follows=Follows.NOTHING)
    NativeProgram([first.call, together], team).run()
    assert (first.done[0], second.done[0]) == (1, 1)


def test_calls_that_wait_for_nothing_of_their_group_wait_for_what_is_before_it(team: Team) -> None:
    before, first, second = Meeting(wanted=2, parts=1), Meeting(wanted=0, parts=1), Meeting(wanted=0, parts=1)
    together = replace(second.call, follows=Follows.NOTHING)
    program = NativeProgram([before.call, first.call, together], team)
    thread = threading.Thread(target=program.run)
    thread.start()
    while not before.counted[0]:
        time.sleep(0.001)
    time.sleep(0.1)  # the other thread has nothing to do
    done = [first.done[0], second.done[0]]
    before.counted[0] = 2
    thread.join()
    assert done == [0, 0]
    assert [before.done[0], first.done[0], second.done[0]] == [1, 1, 1]


def test_a_stopped_team_starts_again(team: Team) -> None:
    for _ in range(3):
        meeting = Meeting(wanted=2)
        NativeProgram([meeting.call], team).run()
        assert list(meeting.done) == [1, 1]
        team.stop()
        assert team.started == 0


def run_python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


_SCRIPT = """
import os, sys, threading
import numpy as np
from executor.native.test_team import Meeting, NativeProgram, Team, chain
"""


def test_a_process_with_a_team_ends() -> None:
    code = """
team = Team(2)
meeting = Meeting(wanted=2)
program = NativeProgram([meeting.call], team)
program.run()
other, rows = chain(100000, team, 2)
def work():
    while True:
        other.run()
threading.Thread(target=work, daemon=True).start()
print(meeting.done.sum())
"""
    assert run_python(_path() + _SCRIPT + code) == "2\n"


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="the system has no fork")
def test_a_child_process_has_its_own_threads() -> None:
    code = """
team = Team(2)
NativeProgram([Meeting(wanted=2).call], team).run()
meeting = Meeting(wanted=2)
program = NativeProgram([meeting.call], team)
child = os.fork()
program.run()
if child:
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    print(meeting.done.sum())
else:
    assert meeting.done.sum() == 2
    sys.exit(0)
"""
    assert run_python(_path() + _SCRIPT + code) == "2\n"


def _path() -> str:
    return f"import sys; sys.path[:0] = {sys.path!r}\n"


def test_the_process_has_one_team_for_its_cores() -> None:
    assert process_team() is process_team()
    assert process_team().threads == available_cores()
    assert 1 <= default_threads() <= min(available_cores(), blas_threads() or 1)


def test_a_call_that_waits_for_nothing_of_its_group_waits_for_what_its_group_waits_for(team: Team) -> None:
    rows = np.zeros((4, 200_000), np.float32)
    (double,) = functions([Affine(rows.shape[1], 2.0)])
    address = [row.ctypes.data for row in rows]
    pairs = (0, 1), (1, 2), (1, 3)
    follows = Follows.ALL, Follows.ALL, Follows.NOTHING
    calls = [
        Call(double, (address[source], address[target]), rows.shape[1], follows=wait)
        for (source, target), wait in zip(pairs, follows, strict=True)
    ]
    program = NativeProgram(calls, team)
    for _ in range(50):
        rows[:] = [[1], [0], [0], [0]]
        program.run()
        assert (rows == [[1], [2], [4], [4]]).all()
