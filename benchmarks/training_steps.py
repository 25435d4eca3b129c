"""Milliseconds per training step, in-process and over HTTP, beside the peers in one run."""

from collections.abc import Callable
from contextlib import ExitStack
from importlib.util import find_spec

from rich.console import Console
from rich.table import Table

from asg_autograd import grad
from asg_builder.client import Client
from asg_executor import Session
from benchmarks.timing import Timing, time_in_turns
from benchmarks.workloads import WORKLOADS, Workload

__all__ = ["bench_training_steps"]

IN_PROCESS, OVER_HTTP, TORCH, JAX = "ASG in-process", "ASG over HTTP", "PyTorch eager", "JAX jit"


def _peers(workload: Workload) -> dict[str, Callable[[], object]]:
    steps: dict[str, Callable[[], object]] = {}
    if find_spec("torch"):
        from benchmarks.peers.torch_steps import torch_step

        steps[TORCH] = torch_step(workload)
    if find_spec("jax"):
        from benchmarks.peers.jax_steps import jax_step

        steps[JAX] = jax_step(workload)
    return steps


def _bench(workload: Workload, client: Client, seconds: float) -> dict[str, Timing]:
    train = grad(workload.build(), of="loss")
    local = Session({"train": train}, optimizer=workload.optimizer, seed=0)
    remote = client.create_session({"train": train}, optimizer=workload.optimizer, seed=0)
    candidates: dict[str, Callable[[], object]] = {
        IN_PROCESS: lambda: local.step(workload.batch),
        OVER_HTTP: lambda: remote.step(workload.batch),
        **_peers(workload),
    }
    return time_in_turns(candidates, seconds=seconds)


def _cells(timing: Timing, baseline: Timing | None) -> tuple[str, str]:
    ratio = "" if baseline is None else f"{timing.median / baseline.median:.2f}"
    return f"{timing.minimum:.3f} / {timing.median:.3f}", ratio


def bench_training_steps(console: Console, seconds: float) -> None:
    """Print a table: for each workload and candidate min / median in ms, and the ratio of medians to PyTorch.

    The last column is the ratio of medians over HTTP to those in-process. Over HTTP every step is on disk before it is
    answered.
    """
    table = Table(title="Training step: min / median, ms (ratio of medians to PyTorch eager)", title_justify="left")
    table.add_column("workload")
    names = [IN_PROCESS, OVER_HTTP, *[name for name, spec in ((TORCH, "torch"), (JAX, "jax")) if find_spec(spec)]]
    for name in names:
        table.add_column(name, justify="right")
    table.add_column("HTTP / in-process", justify="right")
    with ExitStack() as stack:
        client = stack.enter_context(Client.local())
        for workload in WORKLOADS:
            timings = _bench(workload, client, seconds)
            cells = [_cells(timings[name], timings.get(TORCH)) for name in names]
            shown = [f"{time} ({ratio})" if ratio else time for time, ratio in cells]
            overhead = timings[OVER_HTTP].median / timings[IN_PROCESS].median
            table.add_row(workload.name, *shown, f"{overhead:.2f}")
    console.print(table)
