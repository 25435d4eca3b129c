"""What the tests of faults train: a small network with all that a session keeps beside its weights.

Batch norm has state updates, dropout a random key, Adam moments, and the optimizer an average of the weights.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, nn
from asg_executor import Session
from asg_schema.document import Document

__all__ = [
    "ADAM",
    "MIXED",
    "MOMENTUM",
    "SEED",
    "batch",
    "gradient",
    "network",
    "oracle",
    "oracle_step",
    "poisoned",
    "step_body",
]

ADAM: dict[str, Any] = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9, "accumulation": "mean"}
MOMENTUM: dict[str, Any] = {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "nesterov": True}
# A scale that is too large at first, and grows so soon that it is so again and again.
MIXED: dict[str, Any] = {
    "kind": "mixed",
    "dtype": "float16",
    "loss_scaling": {"init_scale": 2.0**17, "growth_interval": 2},
}
SEED = 5


@cache
def network() -> Document:
    """The network, with its loss."""
    with asg.graph("network") as g:
        x, target = asg.input("x", ("batch", 3)), asg.input("target", ("batch", 1))
        hidden = nn.BatchNorm1d(4, name="norm")(nn.Linear(3, 4, name="first")(x))
        prediction = nn.Linear(4, 1, name="second")(nn.Dropout(0.25)(asg.tanh(hidden)))
        g.output(prediction=prediction, loss=losses.mse(prediction, target))
    return g.document()


@cache
def gradient(*, loss_scale: bool = False) -> Document:
    """The network with its gradients."""
    return grad(network(), of="loss", loss_scale=loss_scale)


def batch(number: int) -> dict[str, npt.NDArray[np.float32]]:
    """The inputs of a step."""
    generator = np.random.default_rng(number)
    return {
        "x": generator.normal(size=(4, 3)).astype(np.float32),
        "target": generator.normal(size=(4, 1)).astype(np.float32),
    }


def _lists(number: int) -> dict[str, Any]:
    return {name: array.tolist() for name, array in batch(number).items()}


def _has_parts(number: int) -> bool:
    return number % 5 == 3


def step_body(number: int) -> dict[str, Any]:
    """The request for a step; every fifth one has micro-batches."""
    if _has_parts(number):
        return {"micro_batches": [_lists(number), _lists(number + 1000)], "outputs": ["loss"]}
    return {"inputs": _lists(number), "outputs": ["loss"]}


def poisoned(number: int) -> dict[str, Any]:
    """The request for a step whose result is not finite."""
    inputs = _lists(number)
    return {"inputs": {**inputs, "x": [["nan", 0.0, 0.0]] * len(inputs["x"])}, "outputs": ["loss"]}


def oracle(steps: int, optimizer: dict[str, Any] = ADAM) -> Session:
    """A session in this process that took the steps without a break."""
    session = Session({"predict": network(), "train": gradient()}, optimizer, seed=SEED)
    for number in range(1, steps + 1):
        oracle_step(session, number)
    return session


def oracle_step(session: Session, number: int) -> None:
    """Take the step that `step_body` asks for."""
    if _has_parts(number):
        session.step_micro_batches([batch(number), batch(number + 1000)], ["loss"])
    else:
        session.step(batch(number), ["loss"])
