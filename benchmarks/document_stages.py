"""Microseconds an operation, and bytes, for each stage of a document's life, for chains of several lengths.

Each stage of each length runs in a process of its own, so that its peak memory is its own, and no earlier stage has
touched its document.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import pairwise
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.stage_process import STAGES

__all__ = ["bench_document_stages"]

_PEERS = {
    "jax.grad, tracing": ("jax", "benchmarks.peers.jax_tracing"),
    "PyTensor, build + grad": ("pytensor", "benchmarks.peers.pytensor_gradient"),
}
"""For each peer the library that it needs, and the module that builds and differentiates the chain with it."""

_LONGEST_FOR_PEERS = 30_000
"""Peers take 10 to 25 times as long, and PyTensor follows a graph by recursion."""


class Measured(NamedTuple):
    """What a stage took.

    Attributes:
        microseconds: processor time an operation, the least of several runs.
        peak: bytes an operation that the process held at most, beyond what it held before the stage; None where the
            system does not tell.
    """

    microseconds: float
    peak: float | None


def bench_document_stages(console: Console, lengths: Sequence[int] = (1_000, 30_000), *, peers: bool = True) -> None:
    """Print a table of the stages for chains of `lengths` operations, beside the peers that are installed."""
    measured = {(stage, length): _measured(stage, length) for stage in STAGES for length in lengths}
    table = Table(title="A chain of operations: µs an operation / bytes an operation at most", title_justify="left")
    table.add_column("stage")
    for length in lengths:
        table.add_column(f"{length:,}", justify="right")
    for before, after in pairwise(lengths):
        table.add_column(f"time({after:,}) / time({before:,})", justify="right")
    for stage in STAGES:
        row = [measured[stage, length] for length in lengths]
        totals = [cell.microseconds * length for cell, length in zip(row, lengths, strict=True)]
        ratios = [f"{after / before:.1f}" for before, after in pairwise(totals)]
        table.add_row(stage, *map(_shown, row), *ratios)
    both = [measured["build", length].microseconds + measured["grad", length].microseconds for length in lengths]
    table.add_row("build + grad", *(f"{microseconds:.1f}" for microseconds in both))
    for name, (library, module) in _PEERS.items() if peers else ():
        if find_spec(library) is not None:
            short = [length for length in lengths if length <= _LONGEST_FOR_PEERS]
            table.add_row(name, *(f"{_run(module, str(length))['seconds'] / length * 1e6:.0f}" for length in short))
    console.print(table)


def _shown(cell: Measured) -> str:
    return f"{cell.microseconds:.1f} / {'?' if cell.peak is None else f'{cell.peak:,.0f}'}"


def _measured(stage: str, length: int) -> Measured:
    repeats = max(3, min(20, 100_000 // length))  # the first run also pays for memory that nobody touched before
    answer = _run("benchmarks.stage_process", stage, str(length), str(repeats))
    peak = answer["peak"]
    return Measured(answer["seconds"] / length * 1e6, None if peak is None else peak / length)


def _run(module: str, *arguments: str) -> dict[str, Any]:
    """What a module prints, run as a program of its own."""
    done = subprocess.run([sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)
