"""Fifty steps of each optimizer beside `torch.optim`, in float64."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest
import torch

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses
from asg_executor import Session
from asg_schema.document import Document
from op_samples.sample import Array
from parity.derivatives import fixed_arrays

STEPS = 50
Parameters = Iterable[torch.nn.Parameter]

CASES: list[tuple[dict[str, Any], Callable[[Parameters], torch.optim.Optimizer]]] = [
    ({"kind": "sgd", "learning_rate": 0.1}, lambda p: torch.optim.SGD(p, 0.1)),
    ({"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9}, lambda p: torch.optim.SGD(p, 0.05, 0.9)),
    (
        {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.9, "dampening": 0.3},
        lambda p: torch.optim.SGD(p, 0.05, 0.9, dampening=0.3),
    ),
    (
        {"kind": "sgd", "learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.01},
        lambda p: torch.optim.SGD(p, 0.05, 0.8, nesterov=True, weight_decay=0.01),
    ),
    (
        {"kind": "sgd", "learning_rate": 0.01, "momentum": 0.5, "weight_decay": 0.1, "maximize": True},
        lambda p: torch.optim.SGD(p, 0.01, 0.5, weight_decay=0.1, maximize=True),
    ),
    ({"kind": "adam", "learning_rate": 0.02}, lambda p: torch.optim.Adam(p, 0.02)),
    (
        {"kind": "adam", "learning_rate": 0.02, "betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1},
        lambda p: torch.optim.Adam(p, 0.02, (0.8, 0.95), 1e-3, 0.1),
    ),
    (
        {"kind": "adam", "learning_rate": 0.05, "amsgrad": True, "maximize": True},
        lambda p: torch.optim.Adam(p, 0.05, amsgrad=True, maximize=True),
    ),
    ({"kind": "adamw", "learning_rate": 0.02}, lambda p: torch.optim.AdamW(p, 0.02)),
    (
        {"kind": "adamw", "learning_rate": 0.02, "weight_decay": 0.3, "amsgrad": True, "betas": [0.7, 0.9]},
        lambda p: torch.optim.AdamW(p, 0.02, (0.7, 0.9), weight_decay=0.3, amsgrad=True),
    ),
]


def train_document() -> Document:
    with asg.graph("perceptron") as graph:
        x, target = asg.input("x", ("batch", 3), "float64"), asg.input("target", ("batch", 2), "float64")
        first = asg.parameter("first", (3, 5), "float64")
        bias = asg.parameter("bias", (5,), "float64")
        second = asg.parameter("second", (5, 2), "float64")
        hidden = asg.tanh(x @ first + bias)
        graph.output(loss=losses.mse(hidden @ second, target))
    return grad(graph.document())


@pytest.mark.parametrize(("settings", "optimizer"), CASES, ids=lambda case: str(case) if isinstance(case, dict) else "")
def test_trajectory(settings: dict[str, Any], optimizer: Callable[[Parameters], torch.optim.Optimizer]) -> None:
    shapes: dict[str, tuple[int, ...]] = {"first": (3, 5), "bias": (5,), "second": (5, 2)}
    start: dict[str, Array] = dict(zip(shapes, fixed_arrays(list(shapes.values()), seed=1), strict=True))
    session = Session({"train": train_document()}, optimizer=settings, parameters=start)
    theirs = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in start.items()}
    stepper = optimizer(theirs.values())

    for step in range(STEPS):
        x, target = fixed_arrays([(4, 3), (4, 2)], seed=100 + step)
        hidden = torch.tanh(torch.tensor(x) @ theirs["first"] + theirs["bias"])
        loss = torch.nn.functional.mse_loss(hidden @ theirs["second"], torch.tensor(target))
        stepper.zero_grad()
        loss.backward()
        stepper.step()
        outputs = session.step({"x": x, "target": target})
        np.testing.assert_allclose(outputs["loss"], loss.item(), rtol=1e-10)
        for name, value in session.parameters().items():
            expected = theirs[name].detach().numpy()
            np.testing.assert_allclose(value, expected, rtol=1e-10, atol=1e-12, err_msg=f"{name}, step {step + 1}")
    assert session.number == STEPS
    moved = {name: np.abs(value - start[name]).max() for name, value in session.parameters().items()}
    assert min(moved.values()) > 1e-3
