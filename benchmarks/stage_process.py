"""One stage of a document's life in a process: `python -m benchmarks.stage_process STAGE LENGTH REPEATS`."""

import gc
import json
import sys
import time
from collections.abc import Callable
from typing import TypeAlias

import asg_builder as asg
from asg_autograd import grad, jvp, simplify, vmap
from asg_schema.document import Document
from asg_schema.validation import document_problems
from benchmarks.held_memory import forget_peak, held_bytes, peak_bytes

__all__ = ["STAGES", "chain"]

Stage: TypeAlias = Callable[[], object]


def chain(length: int) -> Document:
    """A chain of `length` operations in turn: sine, product with the input, hyperbolic tangent; and their sum."""
    with asg.graph("chain") as g:
        x = asg.input("x", (16,))
        value = x
        for index in range(length - 1):
            kind = index % 3
            value = asg.sin(value) if kind == 0 else value * x if kind == 1 else asg.tanh(value)
        g.output(loss=asg.sum(value))
    return g.document()


def _build(length: int) -> Stage:
    return lambda: chain(length)


def _grad(length: int) -> Stage:
    document = chain(length)
    return lambda: grad(document, of="loss", wrt=["x"])


def _jvp(length: int) -> Stage:
    document = chain(length)
    return lambda: jvp(document, wrt=["x"])


def _vmap(length: int) -> Stage:
    document = chain(length)
    return lambda: vmap(document)


def _simplify(length: int) -> Stage:
    document = chain(length)
    return lambda: simplify(document)


def _validate(length: int) -> Stage:
    document = chain(length)
    return lambda: document_problems(document)


def _digest(length: int) -> Stage:
    document = chain(length)
    # A document keeps its digest; a copy computes its own.
    return lambda: document.model_copy().digest


def _write(length: int) -> Stage:
    return chain(length).to_json


def _read(length: int) -> Stage:
    text = chain(length).to_json()
    return lambda: Document.from_json(text)


STAGES: dict[str, Callable[[int], Stage]] = {
    "build": _build,
    "grad": _grad,
    "jvp": _jvp,
    "vmap": _vmap,
    "simplify": _simplify,
    "validate": _validate,
    "digest": _digest,
    "to_json": _write,
    "from_json": _read,
}
"""For each stage what prepares it for a chain of so many operations, and returns what is to be timed."""


def main(name: str, length: int, repeats: int) -> None:
    """Print the least processor time of a stage in seconds and, as JSON has it, the bytes that its first run took."""
    stage = STAGES[name](length)
    gc.collect()
    before = held_bytes()
    forget_peak()
    seconds: list[float] = []
    peak = None
    for _ in range(repeats):
        start = time.process_time()
        result = stage()
        seconds.append(time.process_time() - start)
        if peak is None:
            peak = peak_bytes()
        del result
        gc.collect()
    print(json.dumps({"seconds": min(seconds), "peak": None if peak is None or before is None else peak - before}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
