"""What `asg demo` does: a transformer block is built here and trained in another process."""

import time

import numpy as np
from rich.console import Console
from rich.text import Text

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import Client
from asg_schema.document import Document

__all__ = ["run_demo"]

_EMBED_DIM, _HEADS, _FF_DIM = 16, 4, 64
_SEQUENCES, _LENGTH, _BATCH = 128, 12, 16
_EPOCHS = 15
_OPTIMIZER = optim.SGD(0.2, momentum=0.9)


def run_demo() -> None:
    """Build a transformer block, differentiate it, train it in another process over HTTP, and print what happens."""
    console = Console(highlight=False, soft_wrap=True)
    forward = _build()
    gradient = grad(forward, of="loss")
    weights = sum(int(np.prod(item.shape)) for item in forward.parameters)
    _say(console, "Model", f"TransformerBlock(embed_dim={_EMBED_DIM}, num_heads={_HEADS}, ff_dim={_FF_DIM}), causal")
    _say(console, "Task", "at each position, the mean of the sequence so far")
    _say(console, "Forward", f"{len(forward.nodes)} nodes, {len(forward.parameters)} parameters ({weights} weights)")
    _say(console, "Gradient", f"{len(gradient.nodes)} nodes in one document of {len(gradient.to_json()) // 1024} KiB")
    with Client.local() as client:
        session = client.create_session({"predict": forward, "train": gradient}, _OPTIMIZER, seed=0)
        _say(console, "Executor", f"process {client.server_pid} at {client.url}")
        _say(console, "Session", f"{session.id}, seed 0")
        _say(console, "Optimizer", f"SGD(lr={_OPTIMIZER.lr}, momentum={_OPTIMIZER.momentum})")
        console.print()
        batches = _batches()
        started = time.perf_counter()
        session.fit(
            batches,
            epochs=_EPOCHS,
            console=console,
            on_epoch=lambda epoch, figures: console.print(f"Epoch {epoch}, loss {figures['loss']:.4f}"),
        )
        seconds = time.perf_counter() - started
        console.print(f"\n{session.number} steps over HTTP in {seconds:.1f} s, each applied exactly once")


def _build() -> Document:
    """The forward document: prediction and loss of a block for any batch and sequence length."""
    with asg.graph("demo") as g:
        x = asg.input("x", ("batch", "sequence", _EMBED_DIM))
        target = asg.input("target", ("batch", "sequence", _EMBED_DIM))
        prediction = nn.TransformerBlock(_EMBED_DIM, _HEADS, _FF_DIM, causal=True, name="block")(x)
        g.output(prediction=prediction, loss=losses.mse(prediction, target))
    return g.document()


def _batches() -> list[dict[str, Array]]:
    """Random sequences and their running means."""
    x = np.random.default_rng(0).standard_normal((_SEQUENCES, _LENGTH, _EMBED_DIM), dtype=np.float32)
    target = x.cumsum(axis=1) / np.arange(1, _LENGTH + 1, dtype=np.float32)[:, None]
    return [{"x": x[i : i + _BATCH], "target": target[i : i + _BATCH]} for i in range(0, _SEQUENCES, _BATCH)]


def _say(console: Console, label: str, text: str) -> None:
    console.print(Text(f"{label:<10}", style="bold"), text, sep="", markup=False)
