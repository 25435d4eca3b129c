"""The workloads, computed by every candidate in turns: A B C, A B C, each in a process of its own.

While one candidate takes steps the others wait without computing. Each begins every round with the same weights, so
that all do the same arithmetic, and their first losses have to agree.
"""

import platform
import re
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import numpy as np
from rich.console import Console

from asg_executor.cores import available_cores
from asg_executor.engines.lookup import engine_names
from benchmarks.asg_steps import first_weights
from benchmarks.busy_cores import busy_seconds
from benchmarks.candidate import Candidate, CandidateError
from benchmarks.carrying import measure_carrying
from benchmarks.concurrency import measure_concurrency
from benchmarks.messages import Started
from benchmarks.results import Machine, Results, Row, Timed
from benchmarks.steps import ASG, HTTP, NATIVE, NUMPY, PEERS, maker_named
from benchmarks.workloads import WORKLOADS, Workload

__all__ = ["MOST_DIFFERENCE", "figures_difference", "measure", "measure_row"]

MOST_DIFFERENCE = 1e-3
"""How much the figures of two candidates may differ, relatively to the largest."""

_REST_SECONDS = 0.05  # threads of OpenMP and BLAS libraries spin for some milliseconds before they sleep
_ENGINES = {"native": NATIVE, "numpy": NUMPY}
_MOST_OTHERS = 0.05
_CONCURRENT = ("small block", "MLP")
_CPU_INFORMATION = Path("/proc/cpuinfo")


def measure(
    console: Console,
    *,
    seconds: float,
    rounds: int = 12,
    start_seconds: float = 180.0,
    workloads: Sequence[Workload] = WORKLOADS,
) -> Results:
    """Measure workloads.

    Args:
        console: where it is told what is under way.
        seconds: how long each candidate takes steps for each workload, in all.
        rounds: in how many parts.
        start_seconds: how long a candidate may take until its first steps are done.
        workloads: which ones.

    Raises:
        CandidateError: ASG itself failed.
    """
    releases = _releases()
    names = list(releases)
    machine = Machine(processor=_processor(), cores=available_cores(), releases=releases)
    rows: list[Row] = []
    for workload in workloads:
        console.print(f"{workload.name}: {workload.description}", style="dim")
        row = measure_row(workload, names, seconds=seconds, rounds=rounds, start_seconds=start_seconds)
        for name, problem in row.problems.items():
            console.print(f"  {name}: {problem}", style="yellow", highlight=False)
        if row.others_share is not None and row.others_share > _MOST_OTHERS:
            console.print(f"  other processes took {row.others_share:.0%} of the cores meanwhile", style="yellow")
        rows.append(row)
    concurrent = [workload.name for workload in workloads if workload.name in _CONCURRENT]
    together = [measure_concurrency(name, seconds) for name in concurrent]
    carrying = measure_carrying(workloads, seconds)
    return Results(machine=machine, seconds=seconds, rows=rows, concurrency=together, carrying=carrying)


def figures_difference(figures: Sequence[float], own: Sequence[float]) -> float:
    """By how much figures differ from ours at most, relatively to the largest of ours.

    Raises:
        CandidateError: by more than rounding does; or they are not as many.
    """
    if len(figures) == len(own):
        difference = float(np.abs(np.array(figures) - own).max() / np.abs(own).max())
        if difference <= MOST_DIFFERENCE:  # which NaN is not
            return difference
    raise CandidateError(f"it computes something else: {list(figures[:6])}, and ours is {list(own[:6])}")


def measure_row(workload: Workload, names: Sequence[str], *, seconds: float, rounds: int, start_seconds: float) -> Row:
    """Measure one workload. A candidate that fails is left out from then on, and its error kept.

    Args:
        workload: what is computed.
        names: the candidates; ours (`ASG`) is the first.
        seconds: how long each takes steps, in all.
        rounds: in how many parts.
        start_seconds: how long one may take until its first steps are done.

    Raises:
        CandidateError: ours failed.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        contest = _Contest(workload, folder, start_seconds, stack)
        for name in names:
            contest.admit(name)
        for _ in range(rounds):
            contest.round(seconds / rounds)
        return contest.row()


class _Contest:
    """The candidates of one workload.

    Args:
        workload: what they compute.
        folder: where their files are.
        start_seconds: how long one may take until its first steps are done.
        stack: it ends their processes.
    """

    def __init__(self, workload: Workload, folder: Path, start_seconds: float, stack: ExitStack) -> None:
        self._workload = workload
        self._folder = folder
        self._start_seconds = start_seconds
        self._stack = stack
        self._weights = folder / "weights.npz"
        np.savez(self._weights, allow_pickle=False, **first_weights(workload))
        self._running: dict[str, Candidate] = {}
        self._started: dict[str, tuple[Started, Started]] = {}
        self._rounds: dict[str, list[list[float]]] = {}
        self._problems: dict[str, str] = {}
        self._differences: list[float] = []
        self._others: list[float] = []

    def admit(self, name: str) -> None:
        """Start a candidate twice: where nothing is kept on disk, and in the process that will be timed."""
        try:
            with self._candidate(name) as candidate:
                first = candidate.start()
            candidate = self._stack.enter_context(self._candidate(name))
            later = candidate.start()
            own = self._started[ASG][1].figures if ASG in self._started else later.figures
            self._differences.append(figures_difference(later.figures, own))
        except CandidateError as error:
            self._leave_out(name, error)
            return
        self._running[name], self._started[name], self._rounds[name] = candidate, (first, later), []

    def _candidate(self, name: str) -> Candidate:
        # Kernels that are kept on disk are kept for this contest alone.
        kept = {"ASG_KERNEL_CACHE": "asg", "TORCHINDUCTOR_CACHE_DIR": "inductor"}
        folder = self._folder / re.sub(r"\W", "_", name)  # what compiles C++ takes no spaces
        environment = {variable: str(folder / place) for variable, place in kept.items()}
        return Candidate(name, self._workload.name, self._weights, environment, self._start_seconds)

    def _leave_out(self, name: str, error: CandidateError) -> None:
        if name == ASG:
            raise error
        self._problems[name] = str(error)

    def round(self, seconds: float) -> None:
        """Let each candidate take steps for so many seconds, one after the other."""
        for name, candidate in list(self._running.items()):
            time.sleep(_REST_SECONDS)
            begin, busy = time.perf_counter(), busy_seconds()
            try:
                found = candidate.round(seconds)
            except CandidateError as error:
                self._leave_out(name, error)
                del self._running[name]
                continue
            self._rounds[name].append(found.milliseconds)
            if name != HTTP:  # whose server is another process
                self._watch(busy, time.perf_counter() - begin, found.processor_seconds)

    def _watch(self, busy: float | None, seconds: float, own: float) -> None:
        """Note what other processes took of the cores.

        Args:
            busy: for how long the cores had been busy before.
            seconds: how long ago that was.
            own: for how long the candidate computed meanwhile.
        """
        now = busy_seconds()
        if busy is not None and now is not None:
            self._others.append(max(now - busy - own, 0.0) / (seconds * available_cores()))

    def row(self) -> Row:
        """What was found."""
        timed = {name: self._timed(name, candidate) for name, candidate in self._running.items()}
        profile = self._running[ASG].profile()
        return Row(
            workload=self._workload.name,
            description=self._workload.description,
            timed=timed,
            problems=self._problems,
            most_difference=max(self._differences),
            engine=profile.engine,
            product_share=profile.product_share,
            product_operations=profile.product_operations,
            others_share=median(self._others) if self._others else None,
        )

    def _timed(self, name: str, candidate: Candidate) -> Timed:
        rounds = self._rounds[name]
        every = [milliseconds for one in rounds for milliseconds in one]
        first, later = self._started[name]
        held = candidate.memory()
        return Timed(
            minimum=min(every),
            median=median(every),
            rounds=[median(one) for one in rounds],
            steps=len(every),
            first_step_seconds=first.first_step_seconds,
            later_first_step_seconds=later.first_step_seconds,
            stepping_bytes=held.stepping_bytes,
            most_bytes=held.most_bytes,
        )


def _releases() -> dict[str, str]:
    """The candidates that are installed, with their versions; beside our fastest engine the others."""
    own = (ASG, *(_ENGINES[name] for name in engine_names()[1:]), HTTP)
    found = {name: maker_named(name).release for name in (*own, *PEERS)}
    return {name: release for name, release in found.items() if release is not None}


def _processor() -> str:
    """The processor's name."""
    if _CPU_INFORMATION.exists():
        for line in _CPU_INFORMATION.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
