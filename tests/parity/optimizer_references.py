"""What PyTorch's optimizers and schedulers do: the trajectories and learning rates that ours are held against."""

from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch.optim import lr_scheduler

from executor_harness.optimizer_definitions import FORMS, MATRIX_FORMS
from executor_harness.quadratic import CURVATURES, START, STEPS, pulls

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
    "rmsprop": torch.optim.RMSprop,
    "adagrad": torch.optim.Adagrad,
    "adadelta": torch.optim.Adadelta,
    "adamax": torch.optim.Adamax,
    "nadam": torch.optim.NAdam,
    "adafactor": torch.optim.Adafactor,
    "muon": torch.optim.Muon,
}

SCHEDULERS: dict[str, type[lr_scheduler.LRScheduler]] = {
    "constant": lr_scheduler.ConstantLR,
    "step": lr_scheduler.StepLR,
    "multi_step": lr_scheduler.MultiStepLR,
    "exponential": lr_scheduler.ExponentialLR,
    "cosine": lr_scheduler.CosineAnnealingLR,
    "cosine_restarts": lr_scheduler.CosineAnnealingWarmRestarts,
    "linear_warmup": lr_scheduler.LinearLR,
    "polynomial": lr_scheduler.PolynomialLR,
}

VECTOR_GROUP = {"parameters": "bias", "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
"""Muon is for matrices; the vector beside the matrix has an optimizer of its own, here and there."""

OPTIMIZER_FORMS: list[dict[str, Any]] = [
    {**form, "groups": [VECTOR_GROUP]} if form["kind"] == "muon" else form
    for form in (*FORMS, *MATRIX_FORMS)
    if form["kind"] in OPTIMIZERS
]

SCHEDULE_FORMS: list[dict[str, Any]] = [
    {"kind": "constant", "learning_rate": 0.1, "factor": 0.25, "total_iters": 7},
    {"kind": "step", "learning_rate": 0.1, "step_size": 7},
    {"kind": "step", "learning_rate": 0.1, "step_size": 1, "gamma": 1.1},
    {"kind": "multi_step", "learning_rate": 0.1, "milestones": [3, 11, 11, 40], "gamma": 0.5},
    {"kind": "exponential", "learning_rate": 0.1, "gamma": 0.9},
    {"kind": "cosine", "learning_rate": 0.1, "T_max": 50, "eta_min": 0.01},
    {"kind": "cosine", "learning_rate": 0.1, "T_max": 8},
    {"kind": "cosine_restarts", "learning_rate": 0.1, "T_0": 7, "eta_min": 0.01},
    {"kind": "cosine_restarts", "learning_rate": 0.1, "T_0": 3, "T_mult": 2},
    {"kind": "linear_warmup", "learning_rate": 0.1},
    {"kind": "linear_warmup", "learning_rate": 0.1, "start_factor": 0.9, "end_factor": 0.1, "total_iters": 30},
    {"kind": "warmup_cosine", "learning_rate": 0.1, "warmup_steps": 10, "total_steps": 60, "start_factor": 0.1},
    {"kind": "warmup_cosine", "learning_rate": 0.1, "warmup_steps": 5, "total_steps": 50, "eta_min": 0.02},
    {"kind": "polynomial", "learning_rate": 0.1},
    {"kind": "polynomial", "learning_rate": 0.1, "total_iters": 40, "power": 2.5},
    {"kind": "one_cycle", "max_learning_rate": 0.1, "total_steps": 50},
    {"kind": "one_cycle", "max_learning_rate": 0.1, "total_steps": 50, "anneal_strategy": "linear", "div_factor": 10.0},
    {
        "kind": "one_cycle",
        "max_learning_rate": 0.1,
        "total_steps": 53,
        "pct_start": 0.4,
        "three_phase": True,
        "final_div_factor": 100.0,
    },
    {
        "kind": "one_cycle",
        "max_learning_rate": 0.1,
        "total_steps": 50,
        "pct_start": 0.2,
        "three_phase": True,
        "anneal_strategy": "linear",
    },
]  # fmt: skip


def torch_optimizer(form: Mapping[str, Any], parameters: Any) -> torch.optim.Optimizer:
    """PyTorch's optimizer with the settings of a JSON form."""
    settings = {name: value for name, value in form.items() if name not in ("kind", "learning_rate", "groups")}
    if "learning_rate" in form:
        settings["lr"] = form["learning_rate"]
    return OPTIMIZERS[form["kind"]](parameters, **settings)


@contextmanager
def full_precision() -> Any:
    """PyTorch computes in float64 what it keeps in Python numbers' place, and Muon's iteration as well.

    Muon rounds its iteration to bfloat16; ours does not, so it is compared with the same code without the rounding.
    """
    rounding = torch.Tensor.bfloat16
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.Tensor.bfloat16 = lambda tensor: tensor.clone()
    try:
        yield
    finally:
        torch.Tensor.bfloat16 = rounding
        torch.set_default_dtype(default)


def quadratic_loss(parameters: Mapping[str, torch.Tensor], step: int) -> torch.Tensor:
    """The loss of `executor_harness.quadratic`."""
    pull = pulls(step)
    parts = [
        (torch.tensor(CURVATURES[name] / 2) * value * value + torch.tensor(pull[f"{name}.pull"]) * value).sum()
        for name, value in parameters.items()
    ]
    return parts[0] + parts[1]


def trajectory(form: Mapping[str, Any]) -> list[dict[str, np.ndarray[Any, Any]]]:
    """The parameters after each of 50 steps."""
    with full_precision():
        parameters = {name: torch.nn.Parameter(torch.tensor(value)) for name, value in START.items()}
        first = [parameters["weight"]] if form["kind"] == "muon" else list(parameters.values())
        steppers = [torch_optimizer(form, first)]
        if form["kind"] == "muon":
            steppers.append(torch_optimizer(VECTOR_GROUP["optimizer"], [parameters["bias"]]))
        result: list[dict[str, np.ndarray[Any, Any]]] = []
        for step in range(1, STEPS + 1):
            for stepper in steppers:
                stepper.zero_grad()
            quadratic_loss(parameters, step).backward()
            for stepper in steppers:
                stepper.step()
            result.append({name: value.detach().numpy().copy() for name, value in parameters.items()})
        return result


def rates(form: Mapping[str, Any]) -> list[float]:
    """The learning rates of the first 50 steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], form.get("learning_rate", 0.1))
    scheduler = _scheduler(form, optimizer)
    result: list[float] = []
    for _ in range(STEPS):
        result.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return result


def _scheduler(form: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> lr_scheduler.LRScheduler:
    settings = {name: value for name, value in form.items() if name not in ("kind", "learning_rate")}
    if form["kind"] == "one_cycle":
        return lr_scheduler.OneCycleLR(optimizer, settings.pop("max_learning_rate"), cycle_momentum=False, **settings)
    if form["kind"] == "warmup_cosine":
        # PyTorch wants a first factor above 0; beside 1e-30 of the rate the difference is nothing.
        rise, total = settings["warmup_steps"], settings["total_steps"]
        parts: list[lr_scheduler.LRScheduler] = [
            lr_scheduler.LinearLR(optimizer, settings.get("start_factor", 1e-30), 1.0, rise),
            lr_scheduler.CosineAnnealingLR(optimizer, total - rise, settings.get("eta_min", 0.0)),
        ]
        return lr_scheduler.SequentialLR(optimizer, parts, [rise])
    return SCHEDULERS[form["kind"]](optimizer, **settings)
