"""Fifty steps of each optimizer and schedule beside PyTorch, in float64; groups, clipping, micro-batches, averages."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import swa_utils

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses
from asg_executor import Session
from asg_executor.optimizers.choice import parse_optimizer
from asg_executor.optimizers.schedules.choice import learning_rate_at
from asg_schema.document import Document
from executor_harness.quadratic import START, STEPS, pulls, quadratic
from op_samples.sample import Array
from parity.derivatives import fixed_arrays
from parity.optimizer_references import (
    OPTIMIZER_FORMS,
    SCHEDULE_FORMS,
    full_precision,
    rates,
    torch_optimizer,
    trajectory,
)

SHAPES: dict[str, tuple[int, ...]] = {"first": (3, 5), "bias": (5,), "second": (5, 2)}
Torch = dict[str, torch.nn.Parameter]


@pytest.mark.parametrize("form", OPTIMIZER_FORMS, ids=str)
def test_trajectory(form: dict[str, Any]) -> None:
    session = Session({"train": quadratic()}, form, parameters=START)
    for step, expected in enumerate(trajectory(form), start=1):
        session.step(pulls(step))
        for name, value in session.parameters().items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-10, atol=1e-12, err_msg=f"{name}, step {step}")
    assert session.number == STEPS


@pytest.mark.parametrize("form", SCHEDULE_FORMS, ids=str)
def test_schedule(form: dict[str, Any]) -> None:
    rate = parse_optimizer({"kind": "sgd", "learning_rate": form}).rule.rate
    assert rate is not None
    found = [learning_rate_at(rate, t) for t in range(STEPS)]
    np.testing.assert_allclose(found, rates(form), rtol=1e-12, atol=1e-15)


def test_muon_is_near_pytorchs_which_rounds_to_bfloat16() -> None:
    gradient, start = fixed_arrays([(4, 3), (4, 3)], seed=5)
    theirs = torch.nn.Parameter(torch.tensor(start))
    theirs.grad = torch.tensor(gradient)
    torch.optim.Muon([theirs], 0.1).step()
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "pull", "dtype": "float64", "shape": [4, 3]}],
            "parameters": [{"id": "weight", "dtype": "float64", "shape": [4, 3]}],
            "nodes": [
                {"id": "product", "op": "multiply", "inputs": ["weight", "pull"]},
                {"id": "loss", "op": "sum", "inputs": ["product"]},
            ],
            "outputs": [{"name": "loss", "value": "loss"}],
        }
    )
    session = Session({"train": grad(document)}, {"kind": "muon", "learning_rate": 0.1}, parameters={"weight": start})
    session.step({"pull": gradient})
    # The update is a matrix with singular values near 1, times 0.1 · sqrt(4 / 3); bfloat16 has 8 digits.
    np.testing.assert_allclose(session.parameters()["weight"], theirs.detach().numpy(), atol=0.12 * 2**-4)


def perceptron() -> Document:
    with asg.graph("perceptron") as graph:
        x, target = asg.input("x", ("batch", 3), "float64"), asg.input("target", ("batch", 2), "float64")
        first, bias, second = (asg.parameter(name, shape, "float64") for name, shape in SHAPES.items())
        graph.output(loss=losses.mse(asg.tanh(x @ first + bias) @ second, target))
    return grad(graph.document())


def torch_loss(parameters: Torch, x: Array, target: Array) -> torch.Tensor:
    hidden = torch.tanh(torch.tensor(x) @ parameters["first"] + parameters["bias"])
    return torch.nn.functional.mse_loss(hidden @ parameters["second"], torch.tensor(target))


def batch(step: int, size: int = 6) -> tuple[Array, Array]:
    x, target = fixed_arrays([(size, 3), (size, 2)], seed=100 + step)
    return x, target * 5


def compare(
    settings: dict[str, Any],
    make: Callable[[Torch], Sequence[torch.optim.Optimizer]],
    clip: Callable[[Torch], object] = lambda parameters: None,
    parts: int = 1,
    after: Callable[[Torch], object] = lambda parameters: None,
) -> tuple[Session, Torch]:
    """Train both for 50 steps, in `parts` micro-batches each."""
    start: dict[str, Array] = dict(zip(SHAPES, fixed_arrays(list(SHAPES.values()), seed=1), strict=True))
    session = Session({"train": perceptron()}, settings, parameters=start)
    with full_precision():
        theirs = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in start.items()}
        steppers = make(theirs)
        for step in range(STEPS):
            batches = [batch(step * parts + part) for part in range(parts)]
            for value in theirs.values():
                value.grad = None
            expected: list[float] = []
            for x, target in batches:
                loss = torch_loss(theirs, x, target)
                loss.backward()
                expected.append(loss.item())
            clip(theirs)
            for stepper in steppers:
                stepper.step()
            after(theirs)
            if parts == 1:
                outputs = [session.step({"x": batches[0][0], "target": batches[0][1]})]
            else:
                outputs = session.step_micro_batches([{"x": x, "target": target} for x, target in batches])
            np.testing.assert_allclose([float(item["loss"]) for item in outputs], expected, rtol=1e-10)
            for name, value in session.parameters().items():
                np.testing.assert_allclose(value, theirs[name].detach().numpy(), rtol=1e-9, atol=1e-12, err_msg=name)
    return session, theirs


ADAM = {"kind": "adam", "learning_rate": 0.02}


def adam(parameters: Torch) -> list[torch.optim.Optimizer]:
    return [torch.optim.Adam(parameters.values(), 0.02)]


@pytest.mark.parametrize("limit", [0.1, 0.5, 100.0])
def test_clipping_by_value(limit: float) -> None:
    compare({**ADAM, "clip_value": limit}, adam, lambda p: torch.nn.utils.clip_grad_value_(p.values(), limit))


@pytest.mark.parametrize("limit", [0.1, 1.0, 100.0])
def test_clipping_by_global_norm(limit: float) -> None:
    settings = {"kind": "sgd", "learning_rate": 0.05, "clip_global_norm": limit}
    compare(
        settings,
        lambda p: [torch.optim.SGD(p.values(), 0.05)],
        lambda p: torch.nn.utils.clip_grad_norm_(p.values(), limit),
    )


@pytest.mark.parametrize(
    "values", [[np.nan, 1.0, -2.0], [np.inf, 1.0, 0.0], [-np.inf, np.inf, np.nan], [0.0, 0.0, 0.0]]
)
@pytest.mark.parametrize("settings", [{"clip_value": 0.5}, {"clip_global_norm": 0.5}], ids=str)
def test_clipping_of_what_is_not_finite(values: list[float], settings: dict[str, float]) -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "pull", "dtype": "float64", "shape": [3]}],
            "parameters": [{"id": "p", "dtype": "float64", "shape": [3]}],
            "nodes": [
                {"id": "product", "op": "multiply", "inputs": ["p", "pull"]},
                {"id": "loss", "op": "sum", "inputs": ["product"]},
            ],
            "outputs": [{"name": "loss", "value": "loss"}],
        }
    )
    theirs = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    theirs.grad = torch.tensor(values, dtype=torch.float64)
    if "clip_value" in settings:
        torch.nn.utils.clip_grad_value_([theirs], 0.5)
    else:
        torch.nn.utils.clip_grad_norm_([theirs], 0.5)
    torch.optim.SGD([theirs], 1.0).step()
    session = Session({"train": grad(document)}, {"kind": "sgd", "learning_rate": 1.0, **settings})
    session.step({"pull": np.array(values)})
    np.testing.assert_array_equal(session.parameters()["p"], theirs.detach().numpy())


def test_groups() -> None:
    settings = {
        "kind": "adamw",
        "learning_rate": 0.02,
        "weight_decay": 0.1,
        "clip_global_norm": 0.5,
        "groups": [
            {"parameters": "bias", "weight_decay": 0.0, "learning_rate": 0.05},
            {"parameters": ["sec*"], "optimizer": {"kind": "sgd", "learning_rate": 0.1, "momentum": 0.9}},
        ],
    }

    def make(p: Torch) -> list[torch.optim.Optimizer]:
        groups = [{"params": [p["first"]]}, {"params": [p["bias"]], "lr": 0.05, "weight_decay": 0.0}]
        return [torch.optim.AdamW(groups, 0.02, weight_decay=0.1), torch.optim.SGD([p["second"]], 0.1, 0.9)]

    compare(settings, make, lambda p: torch.nn.utils.clip_grad_norm_(p.values(), 0.5))


def test_a_frozen_group() -> None:
    settings = {**ADAM, "clip_global_norm": 0.5, "groups": [{"parameters": "bias", "frozen": True}]}

    def others(p: Torch) -> list[torch.nn.Parameter]:
        return [p["first"], p["second"]]

    compare(
        settings,
        lambda p: [torch.optim.Adam(others(p), 0.02)],
        lambda p: torch.nn.utils.clip_grad_norm_(others(p), 0.5),
    )


def test_micro_batches_add_up_as_repeated_backward_calls_do() -> None:
    compare({**ADAM, "clip_global_norm": 1.0}, adam, lambda p: torch.nn.utils.clip_grad_norm_(p.values(), 1.0), parts=3)


def test_micro_batches_that_are_averaged() -> None:
    def share(p: Torch) -> None:
        for value in p.values():
            assert value.grad is not None
            value.grad /= 3

    settings = {"kind": "sgd", "learning_rate": 0.05, "accumulation": "mean"}
    compare(settings, lambda p: [torch.optim.SGD(p.values(), 0.05)], share, parts=3)


def test_the_average_of_the_weights() -> None:
    averaged: list[swa_utils.AveragedModel] = []

    def follow(p: Torch) -> None:
        model = torch.nn.ParameterDict(p)
        if not averaged:
            averaged.append(swa_utils.AveragedModel(model, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(0.9)))
        averaged[0].update_parameters(model)

    session, theirs = compare({**ADAM, "average_decay": 0.9}, adam, after=follow)
    found = session.averaged_parameters()
    for name, expected in averaged[0].module.items():
        np.testing.assert_allclose(found[name], expected.detach().numpy(), rtol=1e-9, atol=1e-12)
        assert np.abs(found[name] - theirs[name].detach().numpy()).max() > 1e-4


def test_a_schedule_in_a_step() -> None:
    start = {"weight": START["weight"], "bias": START["bias"]}
    schedule = {"kind": "one_cycle", "max_learning_rate": 0.05, "total_steps": STEPS}
    session = Session({"train": quadratic()}, {"kind": "adamw", "learning_rate": schedule}, parameters=start)
    for step, expected in enumerate(_scheduled_adamw(), start=1):
        session.step(pulls(step))
        for name, value in session.parameters().items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-9, atol=1e-12)


def _scheduled_adamw() -> list[dict[str, Array]]:
    from parity.optimizer_references import quadratic_loss

    parameters = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in START.items()}
    optimizer = torch_optimizer({"kind": "adamw"}, list(parameters.values()))
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=STEPS, cycle_momentum=False)
    result: list[dict[str, Array]] = []
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        quadratic_loss(parameters, step).backward()
        optimizer.step()
        if step < STEPS:
            scheduler.step()
        result.append({name: value.detach().numpy().copy() for name, value in parameters.items()})
    return result
