"""What a gradient document of a transformer keeps for its backward part, with and without checkpoints."""

from collections.abc import Mapping
from functools import partial

import numpy as np
from rich.console import Console
from rich.table import Table

import asg_builder as asg
from asg_autograd import checkpoint, footprint, grad
from asg_builder import losses, nn
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_schema.document import Document
from asg_schema.listing import format_bytes
from benchmarks.timing import time_once

__all__ = ["bench_checkpointing"]

_LAYERS, _WIDTH, _HEADS = 12, 128, 4
_SIZES = {"batch": 8, "sequence": 64}
_REPEATS = 3


def _transformer() -> Document:
    with asg.graph("transformer") as g:
        x, target = (asg.input(name, ("batch", "sequence", _WIDTH)) for name in ("x", "target"))
        for index in range(_LAYERS):
            x = nn.TransformerBlock(_WIDTH, _HEADS, 4 * _WIDTH, causal=True, name=f"block{index}")(x)
        g.output(loss=losses.mse(x, target))
    return g.document()


def bench_checkpointing(console: Console) -> None:
    """Print a table: bytes kept and operations by the types, the numpy engine's memory, and the time of a run."""
    whole = grad(_transformer())
    before = footprint(whole, _SIZES)
    documents = {"everything": whole}
    for part in (2, 3, 6):
        budget = before.kept_bytes // part
        documents[f"a budget of 1/{part}"] = checkpoint(whole, budget=budget, symbols=_SIZES)
    documents["each layer's output"] = checkpoint(whole, keep=[f"block{index}" for index in range(_LAYERS)])
    documents["as little as is found"] = checkpoint(whole, symbols=_SIZES)
    executables = {name: NumpyEngine().compile(document, _SIZES) for name, document in documents.items()}
    values = _values(whole)
    # A run takes long enough that the least of a few tells. Parameters are given as inputs are.
    times = dict.fromkeys(executables, float("inf"))
    for _ in range(_REPEATS):
        for name, run in executables.items():
            times[name] = min(times[name], time_once(partial(run, values)))
    title = f"A transformer of {_LAYERS} layers, {_WIDTH} wide, {_SIZES['batch']} sequences of {_SIZES['sequence']}"
    table = Table(title=title, title_justify="left")
    table.add_column("kept for the backward part")
    for column in ("bytes", "less", "operations", "engine's memory", "ms"):
        table.add_column(column, justify="right")
    for name, document in documents.items():
        after = footprint(document, _SIZES)
        table.add_row(
            name,
            format_bytes(after.kept_bytes),
            f"{before.kept_bytes / after.kept_bytes:.1f} x",
            f"{after.operations / before.operations:.2f} x",
            format_bytes(executables[name].plan.peak_bytes),
            f"{times[name] * 1e3:.0f}",
        )
    console.print(table)


def _values(document: Document) -> Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    generator = np.random.default_rng(0)
    shapes = {item.id: tuple(_SIZES.get(str(dim), dim) for dim in item.shape) for item in document.inputs}
    shapes.update((item.id, item.shape) for item in document.parameters)
    return {
        name: (0.1 * generator.standard_normal([int(str(dim)) for dim in shape])).astype(np.float32)
        for name, shape in shapes.items()
    }
