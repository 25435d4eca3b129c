"""`Team`: threads that run native programs together."""

import atexit
import ctypes
import os
import weakref
from functools import cache
from threading import Lock, Thread

import numpy as np

from asg_executor.blas import blas_threads
from asg_executor.cores import available_cores
from asg_executor.engines.native.team_driver import LINE_WORDS, TEAM_WORDS, TeamField, team_driver

__all__ = ["Team", "default_threads", "process_team"]

_IDLE_NANOSECONDS = 150_000  # waking a thread takes some 50 µs
_RUN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_WORK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)
_STOP = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

_teams: "weakref.WeakSet[Team]" = weakref.WeakSet()


class Team:
    """Threads that help whoever runs a program; they stay awake for a moment after it, and then sleep.

    They begin with the first program, hold no lock of Python's while they work or wait, and end with the process. One
    program at a time has them: whoever comes meanwhile runs its program alone, with the same results. After a fork the
    child has its own.

    Args:
        threads: how many there are with the one that calls; at least 1.

    Attributes:
        threads: how many there are; 1 where the system has no POSIX threads.
    """

    def __init__(self, threads: int) -> None:
        self.threads = threads if os.name == "posix" else 1
        self._begin()
        _teams.add(self)

    def _begin(self) -> None:
        self._starting = Lock()
        self._started = False
        self._workers: list[Thread] = []
        self._memory = np.zeros(TEAM_WORDS + LINE_WORDS, np.int64)
        words = np.dtype(np.int64).itemsize
        address = -(-self._memory.ctypes.data // (LINE_WORDS * words)) * LINE_WORDS * words
        self._words = self._memory[(address - self._memory.ctypes.data) // words :]
        self._address = ctypes.c_void_p(address)

    @property
    def started(self) -> int:
        """How many threads there are at present besides those that call."""
        return len(self._workers) if self._started else 0

    @property
    def sleeping(self) -> int:
        """How many of them sleep, or are about to."""
        return int(self._words[TeamField.SLEEPERS])

    def run(self, program: ctypes.c_void_p) -> None:
        """Run a program; other Python threads run meanwhile.

        Args:
            program: its address.
        """
        if not self._started:
            self._start()
        self._run(self._address, program)

    def run_noted(self, program: ctypes.c_void_p, done: list[None]) -> None:
        """Run a program and append to `done`; see `NativeProgram.run_noted`.

        Args:
            program: its address.
            done: what is appended to.
        """
        if not self._started:
            self._start()
        done.extend(map(self._run, (self._address,), (program,)))

    def stop(self) -> None:
        """End the threads; a program that they are at is finished by its caller. A later one starts others."""
        with self._starting:
            if not self._started:
                return
            self._stop(self._address)
            for worker in self._workers:
                worker.join()
            self._words[TeamField.STOPPING] = 0
            self._started = False

    def after_fork(self) -> None:
        """Begin anew in a child process, which has none of its parent's other threads."""
        self._begin()

    def _start(self) -> None:
        with self._starting:
            if self._started:
                return
            run, work, stop = self._functions = team_driver()  # kept alive
            self._run, self._stop = _RUN(run.address), _STOP(stop.address)
            self._words[TeamField.SERIAL] = max(self._words[TeamField.SERIAL], 1)  # 0 is the claim on what nobody took
            self._words[TeamField.IDLE_NANOSECONDS] = _IDLE_NANOSECONDS
            libc = ctypes.CDLL(None)
            libc.pthread_mutex_init(ctypes.c_void_p(self._place(TeamField.MUTEX)), None)
            libc.pthread_cond_init(ctypes.c_void_p(self._place(TeamField.CONDITION)), None)
            self._workers = []
            for number in range(1, self.threads):
                worker = Thread(
                    target=_WORK(work.address), args=(self._address, number), name="asg-native", daemon=True
                )
                try:
                    worker.start()
                except RuntimeError:  # there can be no more threads; the others do its work
                    break
                self._workers.append(worker)
            self._started = True

    def _place(self, field: TeamField) -> int:
        return self._words[field:].ctypes.data


@cache
def process_team() -> Team:
    """The team of this process: a thread for each core that it may use."""
    return Team(available_cores())


def default_threads() -> int:
    """On how many threads a program should run: as many as BLAS has for a product, where there are so many cores."""
    return min(available_cores(), blas_threads() or 1)


def _stop_all() -> None:
    for team in list(_teams):
        team.stop()


def _begin_all_anew() -> None:
    for team in list(_teams):
        team.after_fork()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_all_anew)
