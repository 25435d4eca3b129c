"""Microseconds an operation to build, validate, serialise, parse, digest and differentiate a long chain."""

from collections.abc import Callable

from rich.console import Console
from rich.table import Table

import asg_builder as asg
from asg_autograd import grad
from asg_schema.document import Document
from asg_schema.validation import document_problems
from benchmarks.timing import time_once

__all__ = ["bench_document_stages"]


def _chain(operations: int) -> Document:
    with asg.graph("chain") as g:
        x = asg.input("x", (16,))
        value = x
        for index in range(operations - 1):
            kind = index % 3
            value = asg.sin(value) if kind == 0 else value * x if kind == 1 else asg.tanh(value)
        g.output(loss=asg.sum(value))
    return g.document()


def _stages(operations: int) -> dict[str, Callable[[], object]]:
    """What happens to a document in its life, each stage on a document that no earlier stage has touched."""
    document, text = _chain(operations), _chain(operations).to_json()
    return {
        "build": lambda: _chain(operations),
        "differentiate": lambda: grad(document, of="loss", wrt=["x"]),
        "validate": lambda: document_problems(document),
        "digest": lambda: document.digest,
        "serialise": document.to_json,
        "parse and validate": lambda: Document.from_json(text),
    }


def bench_document_stages(console: Console, operations: int = 30_000, repeats: int = 3) -> None:
    """Print a table of the stages: the least of `repeats` runs, in µs an operation."""
    least: dict[str, float] = {}
    for _ in range(repeats):
        for name, stage in _stages(operations).items():
            least[name] = min(least.get(name, float("inf")), time_once(stage) / operations * 1e6)
    least["build + differentiate"] = least["build"] + least["differentiate"]
    table = Table(title=f"A chain of {operations:,} operations, µs an operation", title_justify="left")
    table.add_column("stage")
    table.add_column("µs", justify="right")
    for name, microseconds in least.items():
        table.add_row(name, f"{microseconds:.1f}")
    console.print(table)
