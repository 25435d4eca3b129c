"""Train with an optimizer that the executor does not have: it is sent as a document, like the model.

    python custom_optimizer.py [--url http://…] [--steps 300]

The rule is Yogi (Zaheer et al., 2018, "Adaptive Methods for Nonconvex Optimization"): Adam whose second moment changes
by no more than the squared gradient. It is written with the builder's functions over a vector of parameters of any
length; the executor checks it, compiles it, and runs it in place, as it does with its own. It is compared with Adam on
the Rosenbrock valley, a narrow bent one with its minimum at (1, …, 1).
"""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console

import asg_builder as asg
from asg_autograd import grad
from asg_builder import optim
from asg_builder.client import Client
from asg_builder.optim import schedules
from asg_schema import Document

DIMENSIONS = 10
BETA1, BETA2, EPS = 0.9, 0.999, 1e-3


def yogi() -> Document:
    """The update rule.

    m ← β₁ m + (1 - β₁) g
    v ← v - (1 - β₂) sign(v - g²) g²
    p ← p - learning_rate · m / (sqrt(v) + ε), with both moments corrected for their start at 0 as in Adam
    """
    with asg.graph("yogi") as g:
        names = ("parameter", "gradient", "first_moment", "second_moment")
        p, d, m, v = (asg.input(name, ("length",), "float64") for name in names)
        step = asg.astype(asg.input("step", (), "int64"), "float64")
        rate = asg.input("learning_rate", (), "float64")
        square = d * d
        m = BETA1 * m + (1 - BETA1) * d
        v = v - (1 - BETA2) * asg.sign(v - square) * square
        corrected = asg.sqrt(v / (1 - BETA2**step)) + EPS
        g.output(parameter=p - rate / (1 - BETA1**step) * m / corrected, first_moment=m, second_moment=v)
    return g.document()


def valley() -> Document:
    """The Rosenbrock function of a parameter of ten elements: Σ 100 (xᵢ₊₁ - xᵢ²)² + (1 - xᵢ)²."""
    with asg.graph("rosenbrock") as g:
        x = asg.parameter("x", (DIMENSIONS,), "float64")
        here, following = x[:-1], x[1:]
        g.output(loss=asg.sum(100.0 * (following - here * here) ** 2 + (1.0 - here) ** 2))
    return grad(g.document(), of="loss")


def descend(client: Client, optimizer: optim.Optimizer, steps: int) -> tuple[float, float]:
    """Take the steps from (-1, …, -1).

    Returns:
        The loss after them, and how far from the minimum they ended.
    """
    start = {"x": -np.ones(DIMENSIONS)}
    session = client.create_session({"train": valley()}, optimizer, parameters=start)
    for _ in range(steps):
        session.step(outputs=[])
    loss = float(session.run("train", outputs=["loss"])["loss"])
    distance = float(np.abs(session.parameters()["x"] - 1.0).max())
    session.delete()
    return loss, distance


def main(
    url: Annotated[str | None, typer.Option(help="An executor that runs; absent: one is started.")] = None,
    steps: Annotated[int, typer.Option(min=1, help="How many steps to take.")] = 2000,
) -> None:
    """Compare the optimizers."""
    console = Console(highlight=False)
    rate = schedules.WarmupCosine(0.1, min(20, steps - 1), steps)
    with Client(url) if url else Client.local() as client:
        for name, optimizer in (("Adam", optim.Adam(rate)), ("Yogi", optim.Custom(yogi(), lr=rate))):
            loss, distance = descend(client, optimizer, steps)
            console.print(f"{name}: loss {loss:.2e}, {distance:.1e} from the minimum after {steps} steps")


if __name__ == "__main__":
    typer.run(main)
