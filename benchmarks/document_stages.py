"""Microseconds an operation to build, validate, serialise, parse, digest and differentiate a long chain."""

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


def bench_document_stages(console: Console, operations: int = 30_000, repeats: int = 3) -> None:
    """Print a table of the stages of a document's life: the least of `repeats` runs."""
    best: dict[str, float] = {}
    for _ in range(repeats):
        made: list[Document] = []
        gradients: list[Document] = []
        texts: list[str] = []
        stages = {
            "build": lambda made=made: made.append(_chain(operations)),
            "differentiate": lambda made=made, out=gradients: out.append(grad(made[0], of="loss", wrt=["x"])),
            "validate": lambda made=made: document_problems(made[0]),
            "digest": lambda made=made: made[0].digest,
            "serialise": lambda made=made, texts=texts: texts.append(made[0].to_json()),
            "parse and validate": lambda texts=texts: Document.from_json(texts[0]),
        }
        for name, stage in stages.items():
            best[name] = min(best.get(name, float("inf")), time_once(stage) / operations * 1e6)
    best["build + differentiate"] = best["build"] + best["differentiate"]
    table = Table(title=f"A chain of {operations:,} operations: µs an operation", title_justify="left")
    table.add_column("stage")
    table.add_column("µs", justify="right")
    for name, microseconds in best.items():
        table.add_row(name, f"{microseconds:.1f}")
    console.print(table)
