"""Train with an optimizer that the executor does not have: it is sent as a document, like the model.

    python custom_optimizer.py [--url http://…] [--steps 1000]

The rule is Yogi (Zaheer et al., 2018, "Adaptive Methods for Nonconvex Optimization"): Adam whose second moment changes
by no more than the squared gradient. It is written with the builder's functions over a vector of parameters of any
length; the executor checks it, compiles it, and runs it in place, as it does with its own. A small network learns a
sine with it and, for comparison, with Adam.
"""

from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn, optim
from asg_builder.client import Client
from asg_builder.optim import schedules
from asg_schema import Document

BETA1, BETA2, EPS = 0.9, 0.999, 1e-3


def yogi() -> Document:
    """The update rule: with the parameter p, its gradient g, and two moments m and v.

    m ← β₁ m + (1 - β₁) g
    v ← v - (1 - β₂) sign(v - g²) g²
    p ← p - learning_rate · m / (sqrt(v) + ε), both moments being corrected for their start at 0 as in Adam
    """
    with asg.graph("yogi") as graph:
        names = ("parameter", "gradient", "first_moment", "second_moment")
        p, g, m, v = (asg.input(name, ("length",)) for name in names)
        step = asg.astype(asg.input("step", (), "int64"), "float64")
        rate = asg.input("learning_rate", (), "float64")
        # What depends on the step alone is computed in float64, and only then in the dtype of the parameters.
        size = asg.astype(rate / (1 - BETA1**step), "float32")
        correction = asg.astype(1 / asg.sqrt(1 - BETA2**step), "float32")
        m = BETA1 * m + (1 - BETA1) * g
        v = v - (1 - BETA2) * asg.sign(v - g * g) * (g * g)
        graph.output(parameter=p - size * m / (asg.sqrt(v) * correction + EPS), first_moment=m, second_moment=v)
    return graph.document()


def network() -> Document:
    """A network with one hidden layer and its mean squared error, with gradients."""
    model = nn.Sequential(nn.Linear(1, 64), nn.Tanh(), nn.Linear(64, 1), name="sine")
    with asg.graph("sine") as graph:
        x, target = asg.input("x", ("batch", 1)), asg.input("target", ("batch", 1))
        graph.output(loss=losses.mse(model(x), target))
    return grad(graph.document(), of="loss")


def train(client: Client, optimizer: optim.Optimizer, steps: int) -> float:
    """Take the steps.

    Returns:
        The loss after them.
    """
    x: Any = np.linspace(-3, 3, 128, dtype=np.float32)[:, None]
    batch = {"x": x, "target": np.sin(2 * x)}
    session = client.create_session({"train": network()}, optimizer, seed=0)
    session.fit([batch], epochs=steps)
    loss = float(session.run("train", batch, outputs=["loss"])["loss"])
    session.delete()
    return loss


def main(
    url: Annotated[str | None, typer.Option(help="An executor that runs; absent: one is started.")] = None,
    steps: Annotated[int, typer.Option(min=2, help="How many steps to take with each optimizer.")] = 1000,
) -> None:
    """Train with Adam and with Yogi."""
    console = Console(highlight=False)
    rate = schedules.CosineAnnealingLR(0.02, T_max=steps)
    with Client(url) if url else Client.local() as client:
        for name, optimizer in (("Adam", optim.Adam(rate)), ("Yogi", optim.Custom(yogi(), lr=rate))):
            console.print(f"{name}: loss {train(client, optimizer, steps):.1e} after {steps} steps")


if __name__ == "__main__":
    typer.run(main)
