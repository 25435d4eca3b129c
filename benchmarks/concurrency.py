"""Two sessions that take steps at once, each on one thread: `python -m benchmarks.concurrency WORKLOAD SECONDS`."""

import subprocess
import sys
import time
from collections.abc import Sequence
from statistics import median
from threading import Barrier, Thread

from asg_executor.blas import set_blas_threads
from benchmarks.asg_steps import LocalSteps, first_weights
from benchmarks.results import Concurrency
from benchmarks.workloads import workload_named

__all__ = ["concurrency", "measure_concurrency"]

_ROUNDS = 8
_WARM_STEPS = 3


def measure_concurrency(workload: str, seconds: float) -> Concurrency:
    """Measure it in a process of its own, because the number of threads is that of a process.

    Args:
        workload: the workload's name.
        seconds: how long both arrangements are timed, each.
    """
    command = [sys.executable, "-m", "benchmarks.concurrency", workload, str(seconds)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return Concurrency.model_validate_json(done.stdout)


def concurrency(workload: str, seconds: float) -> Concurrency:
    """Measure it in this process, whose products are computed on one thread from now on.

    In turns one session takes steps alone, and both do so in two threads.

    Args:
        workload: the workload's name.
        seconds: how long both arrangements are timed, each.
    """
    set_blas_threads(1)
    chosen = workload_named(workload)
    weights = first_weights(chosen)
    both = [LocalSteps(chosen, weights) for _ in range(2)]
    alone: list[float] = []
    together: list[float] = []
    for number in range(_ROUNDS):
        alone.append(_steps_per_second(both[number % 2 :][:1], seconds / _ROUNDS))
        together.append(_steps_per_second(both, seconds / _ROUNDS))
    ratio = median(two / one for one, two in zip(alone, together, strict=True))
    return Concurrency(workload=workload, alone=median(alone), together=median(together), ratio=ratio)


def _steps_per_second(sessions: Sequence[LocalSteps], seconds: float) -> float:
    """How many steps the sessions take in a second, all together, each in a thread of its own."""
    rates = [0.0] * len(sessions)
    barrier = Barrier(len(sessions))

    def take(index: int) -> None:
        steps = sessions[index]
        steps.restart()
        for _ in range(_WARM_STEPS):
            steps.step()
        barrier.wait()
        begin = now = time.perf_counter()
        count = 0
        while now < begin + seconds:
            steps.step()
            count += 1
            now = time.perf_counter()
        rates[index] = count / (now - begin)

    threads = [Thread(target=take, args=(index,)) for index in range(len(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(rates)


if __name__ == "__main__":
    print(concurrency(sys.argv[1], float(sys.argv[2])).model_dump_json())
