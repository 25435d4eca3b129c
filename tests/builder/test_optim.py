"""Optimizers and schedules: the executor reads what they write, and understands it as they mean it."""

import json
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

import asg_builder as asg
from asg_builder import optim
from asg_builder.optim import schedules
from asg_executor.optimizers.choice import optimizer_kinds, parse_optimizer
from asg_executor.optimizers.schedules.choice import learning_rate_at, schedule_kinds
from asg_schema.document import Document


def sign_descent() -> Document:
    with asg.graph("sign") as g:
        parameter, gradient = asg.input("parameter", ("length",)), asg.input("gradient", ("length",))
        g.output(parameter=parameter - 0.1 * asg.sign(gradient))
    return g.document()


OPTIMIZERS: list[optim.Optimizer] = [
    optim.SGD(0.1),
    optim.SGD(1, 0.9, 0.1, 0.01, maximize=True),
    optim.SGD(0.1, 0.9, nesterov=True),
    optim.Adam(1e-2),
    optim.Adam(1e-2, (0.8, 0.99), 1e-6, 0.1, True, maximize=True),
    optim.AdamW(),
    optim.RMSprop(0.1, 0.9, 1e-3, 0.1, 0.5, True, maximize=True),
    optim.Adagrad(0.1, 0.1, 0.1, 0.1, 1e-3, maximize=True),
    optim.Adadelta(0.5, 0.8, 1e-3, 0.1, maximize=True),
    optim.Adamax(0.1, (0.8, 0.9), 1e-3, 0.1, maximize=True),
    optim.NAdam(0.1, (0.8, 0.9), 1e-3, 0.1, 0.1, True, maximize=True),
    optim.Lion(0.1, (0.8, 0.9), 0.1, maximize=True),
    optim.LAMB(0.1, (0.8, 0.9), 1e-3, 0.1, maximize=True),
    optim.Adafactor(0.1, -0.5, (1e-2, 0.1), 2.0, 0.1, maximize=True),
    optim.Adafactor(),
    optim.Muon(0.1, 0.2, 0.8, False, (2.0, -1.5, 0.5), 1e-5, 3, "match_rms_adamw"),
    optim.Custom(sign_descent()),
    optim.SGD(
        schedules.StepLR(0.1, 10),
        groups=[
            optim.Group("*.bias", lr=schedules.ExponentialLR(0.1, 0.9), weight_decay=0.0),
            optim.Group(["a", "b"], frozen=True),
            optim.Group("embedding.*", optimizer=optim.AdamW(3e-4)),
        ],
        clip_value=1.0,
        clip_global_norm=2.0,
        average_decay=0.99,
        accumulation="mean",
    ),
]
SCHEDULES: list[schedules.Schedule] = [
    schedules.ConstantLR(0.1),
    schedules.StepLR(0.1, 10, 0.5),
    schedules.MultiStepLR(0.1, (3, 7), 0.5),
    schedules.ExponentialLR(0.1, 0.9),
    schedules.CosineAnnealingLR(0.1, 10, 0.01),
    schedules.CosineAnnealingWarmRestarts(0.1, 10, 2, 0.01),
    schedules.LinearWarmup(0.1, 0.2, 0.9, 10),
    schedules.WarmupCosine(0.1, 10, 100, 0.1, 0.01),
    schedules.PolynomialLR(0.1, 10, 2.0),
    schedules.OneCycleLR(0.1, 100, 0.4, "linear", 10.0, 100.0, True),
    schedules.Piecewise([3, 7], [0.1, 0.2, 0.3]),
]


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda item: type(item).__name__)
def test_the_executor_reads_them(optimizer: optim.Optimizer) -> None:
    assert parse_optimizer(optimizer.to_json()).to_json() == optimizer.to_json()


@pytest.mark.parametrize("schedule", SCHEDULES, ids=repr)
def test_the_executor_reads_schedules(schedule: schedules.Schedule) -> None:
    read = parse_optimizer(optim.SGD(schedule).to_json())
    assert read.to_json()["learning_rate"] == schedule.to_json()
    assert read.rule.rate is not None
    assert learning_rate_at(read.rule.rate, 3) >= 0


def test_every_kind_is_there() -> None:
    assert {item.kind for item in OPTIMIZERS} == set(optimizer_kinds())
    assert {item.kind for item in SCHEDULES} == set(schedule_kinds())


@pytest.mark.parametrize("optimizer", [item for item in OPTIMIZERS if item.kind != "document"], ids=repr)
def test_both_sides_have_the_same_defaults(optimizer: optim.Optimizer) -> None:
    assert parse_optimizer({"kind": optimizer.kind}).to_json() == type(optimizer)().to_json()


def test_pytorchs_defaults() -> None:
    assert optim.SGD() == optim.SGD(1e-3, 0, 0, 0, False)
    assert optim.Adam() == optim.Adam(1e-3, (0.9, 0.999), 1e-8, 0, False)
    assert optim.AdamW() == optim.AdamW(1e-3, (0.9, 0.999), 1e-8, 1e-2, False)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.SGD(-1), "lr is -1; a finite number of at least 0"),
        (lambda: optim.SGD(10**400), "lr is 1000.*; a finite number of at least 0"),
        (lambda: optim.SGD(cast("Any", "0.1")), "lr is '0.1'; a finite number of at least 0"),
        (lambda: optim.SGD(cast("Any", np.float32(-1))), "lr is -1.0; a finite number of at least 0"),
        (lambda: optim.SGD(groups=cast("Any", optim.Group("*"))), "SGD: groups is Group.*; a list of optim.Group is"),
        (lambda: optim.SGD(groups=cast("Any", [{"parameters": "*"}])), "SGD: groups is .*; a list of optim.Group is"),
        (lambda: optim.Custom(cast("Any", {"asg": 1})), "Custom: document is of the type dict; a Document is needed"),
        (lambda: optim.SGD(float("nan")), "lr is nan"),
        (lambda: optim.SGD(0.1, dampening=float("inf")), "dampening is inf; a finite number is needed"),
        (lambda: optim.SGD(0.1, nesterov=True), "momentum above 0"),
        (lambda: optim.SGD(0.1, 0.9, 0.5, nesterov=True), "dampening of 0"),
        (lambda: optim.Adam(betas=(0.9, 1)), r"betas\[1\] is 1; a number in \[0, 1\)"),
        (lambda: optim.AdamW(eps=-1), "eps is -1"),
        (lambda: optim.RMSprop(alpha=1.5), "RMSprop: alpha is 1.5; a finite number from 0 to 1 is needed"),
        (lambda: optim.Adafactor(beta2_decay=0.1), "beta2_decay is 0.1; a finite number of at most 0 is needed"),
        (lambda: optim.Adafactor(eps=(None, -1)), r"eps\[1\] is -1"),
        (lambda: optim.Muon(eps=0), "eps is 0; a finite number above 0 is needed"),
        (lambda: optim.Muon(ns_steps=100), r"ns_steps is 100; a number in \[0, 100\) is needed"),
        (lambda: optim.SGD(clip_value=0), "SGD: clip_value is 0; a finite number above 0 is needed"),
        (lambda: optim.SGD(average_decay=1), r"average_decay is 1; a number in \[0, 1\) is needed"),
        (lambda: optim.SGD(**cast("Any", {"accumulation": "max"})), 'accumulation is "max"; "sum" or "mean" is needed'),
        (lambda: optim.Group(""), "there is no pattern"),
        (lambda: optim.Group("*", lr=-0.1), "Group: lr is -0.1"),
        (lambda: optim.Group("*", frozen=True, weight_decay=0.1), "a frozen group is not trained"),
        (lambda: optim.Group("*", lr=0.1, optimizer=optim.SGD()), "its lr stands there"),
        (lambda: optim.Group("*", optimizer=optim.SGD(clip_value=1)), "its optimizer has clip_value"),
        (lambda: schedules.StepLR(0.1, 0), "StepLR: step_size is 0"),
        (lambda: schedules.MultiStepLR(0.1, [2, 1]), r"milestones are \[2, 1\]; ascending ones are needed"),
        (lambda: schedules.WarmupCosine(0.1, 5, 5), "warmup_steps is 5; less than total_steps, 5, is needed"),
        (lambda: schedules.Piecewise([1], [0.1]), "1 boundaries and 1 values"),
        (lambda: schedules.Piecewise([1, 1], [0.1, 0.2, 0.3]), "above the one before it"),
        (lambda: schedules.Piecewise([1], [0.1, -1]), r"values\[1\] is -1"),
    ],
)
def test_settings_that_cannot_be(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_numpy_and_any_sequence_are_written_as_json() -> None:
    settings: list[Any] = [np.float32(0.5), np.int64(3), range(2, 6, 2), np.array([0.5, 0.25])]
    rate, size, milestones, values = settings
    assert optim.SGD(rate, nesterov=cast("Any", np.bool_(False))).to_json() == optim.SGD(0.5).to_json()
    assert schedules.StepLR(rate, size).to_json() == schedules.StepLR(0.5, 3).to_json()
    assert schedules.MultiStepLR(0.1, milestones).to_json() == schedules.MultiStepLR(0.1, [2, 4]).to_json()
    assert schedules.Piecewise([1], values).to_json() == schedules.Piecewise([1], [0.5, 0.25]).to_json()
    group = optim.Group("*", lr=rate, weight_decay=rate)
    form = optim.SGD(groups=[group], clip_value=rate).to_json()
    assert json.loads(json.dumps(form)) == form
    assert form["groups"] == [{"parameters": "*", "learning_rate": 0.5, "weight_decay": 0.5}]
