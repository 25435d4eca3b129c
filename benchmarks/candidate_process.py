"""One candidate in a process of its own: `python -m benchmarks.candidate_process CANDIDATE WORKLOAD WEIGHTS`.

It answers each line of its standard input, a request, with a line of JSON, and computes nothing in between: so the
threads of one candidate never take the cores from another. Requests are `start`,
`round SECONDS`, `memory`, and `profile`.
"""

import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np
from pydantic import BaseModel

from benchmarks.held_memory import forget_peak, held_bytes, peak_bytes
from benchmarks.messages import Failed, Held, Profiled, Round, Started
from benchmarks.steps import CanProfile, Steps, maker_named
from benchmarks.workloads import Batch, Workload, workload_named

__all__ = ["COMPARED_STEPS"]

COMPARED_STEPS = 6
"""So many steps are compared between the candidates."""

_MOST_COMPARED = 256  # numbers of an answer
_WARM_SECONDS = 0.03
_PROFILED_SECONDS = 2.0


class _Candidate:
    def __init__(self, make: Callable[[Workload, Batch], Steps], workload: Workload, weights: Batch) -> None:
        self._make = make
        self._workload = workload
        self._weights = weights
        gc.collect()
        self._before = held_bytes()
        self._most: int | None = None
        forget_peak()

    def start(self) -> Started:
        begin = time.perf_counter()
        self._steps = self._make(self._workload, self._weights)
        first = self._steps.step()
        seconds = time.perf_counter() - begin
        if self._workload.optimizer is None:
            figures = _figures(first)
        else:
            figures = [*_figures(first), *(_figures(self._steps.step())[0] for _ in range(COMPARED_STEPS - 1))]
        gc.collect()
        self._most = peak_bytes()
        forget_peak()
        return Started(first_step_seconds=seconds, figures=figures)

    def round(self, seconds: float) -> Round:
        processor = time.process_time()
        self._steps.restart()
        step, clock = self._steps.step, time.perf_counter
        end = clock() + _WARM_SECONDS
        step()
        while clock() < end:  # what another candidate had in the caches is gone, and threads are awake
            step()
        gc.collect()
        gc.disable()
        milliseconds: list[float] = []
        try:
            end = clock() + seconds
            stop = 0.0
            while stop < end:
                start = clock()
                step()
                stop = clock()
                milliseconds.append((stop - start) * 1e3)
        finally:
            gc.enable()
        return Round(milliseconds=milliseconds, processor_seconds=time.process_time() - processor)

    def profile(self) -> Profiled:
        if not isinstance(self._steps, CanProfile):
            raise TypeError("only ASG in the process tells where its time goes")
        return self._steps.profile(_PROFILED_SECONDS)

    def memory(self) -> Held:
        stepping = peak_bytes()
        if self._before is None or self._most is None or stepping is None:
            return Held(most_bytes=None, stepping_bytes=None)
        return Held(most_bytes=max(self._most, stepping) - self._before, stepping_bytes=stepping - self._before)


def _figures(result: object) -> list[float]:
    return np.asarray(result).reshape(-1)[:_MOST_COMPARED].tolist()


def _answered(candidate: _Candidate, request: str) -> BaseModel:
    kind, _, argument = request.partition(" ")
    if kind == "start":
        return candidate.start()
    if kind == "round":
        return candidate.round(float(argument))
    if kind == "memory":
        return candidate.memory()
    if kind == "profile":
        return candidate.profile()
    raise ValueError(f"there is no request {kind!r}")


def main(name: str, workload: str, weights: str, answers: TextIO) -> None:
    """Answer the requests of standard input until it ends."""
    loaded: dict[str, Any] = dict(np.load(weights))
    candidate = _Candidate(maker_named(name).load(), workload_named(workload), loaded)
    for line in sys.stdin:
        try:
            answer = _answered(candidate, line.strip())
        except Exception as error:  # whatever a library raises is the answer
            answer = Failed(reason=f"{type(error).__name__}: {error}")
        print(answer.model_dump_json(), file=answers, flush=True)


if __name__ == "__main__":
    # What libraries print must not stand among the answers.
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    main(sys.argv[1], sys.argv[2], sys.argv[3], own)
