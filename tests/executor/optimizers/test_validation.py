"""What the JSON forms of optimizers may say, and what a wrong one is told."""

import json
import math
from typing import Any

import pytest

from asg_executor.optimizers.adam import Adam, AdamW
from asg_executor.optimizers.choice import optimizer_kinds, parse_optimizer
from asg_executor.optimizers.errors import OptimizerError
from asg_executor.optimizers.sgd import SGD
from executor_harness.optimizer_definitions import FORMS, MATRIX_FORMS


def test_defaults_are_those_of_pytorch() -> None:
    assert parse_optimizer({"kind": "sgd"}).rule == SGD(
        learning_rate=1e-3, momentum=0.0, dampening=0.0, nesterov=False, weight_decay=0.0, maximize=False
    )
    assert parse_optimizer({"kind": "adam"}).rule == Adam(
        learning_rate=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, maximize=False
    )
    assert parse_optimizer({"kind": "adamw"}).rule == AdamW(
        learning_rate=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False, maximize=False
    )


def test_every_kind_is_listed_and_parsed_to_itself() -> None:
    assert optimizer_kinds() == [
        *("sgd", "adam", "adamw", "rmsprop", "adagrad", "adadelta", "adamax", "nadam"),
        *("lion", "lamb", "adafactor", "muon", "document"),
    ]
    for form in (*FORMS, *MATRIX_FORMS):
        optimizer = parse_optimizer(form)
        written = optimizer.to_json()
        assert written.items() >= form.items()
        assert parse_optimizer(json.loads(json.dumps(written))) == optimizer


@pytest.mark.parametrize(
    ("form", "pointer", "code"),
    [
        ({}, "/optimizer/kind", "missing_field"),
        ({"kind": "sdg"}, "/optimizer/kind", "unknown_kind"),
        ({"kind": "sgd", "lr": 0.1}, "/optimizer/lr", "unknown_field"),
        ({"kind": "sgd", "learning_rate": True}, "/optimizer/learning_rate", "invalid_value"),
        ({"kind": "sgd", "learning_rate": "0.1"}, "/optimizer/learning_rate", "invalid_value"),
        ({"kind": "sgd", "learning_rate": -0.1}, "/optimizer/learning_rate", "invalid_value"),
        ({"kind": "sgd", "learning_rate": math.inf}, "/optimizer/learning_rate", "invalid_value"),
        ({"kind": "sgd", "momentum": -0.9}, "/optimizer/momentum", "invalid_value"),
        ({"kind": "sgd", "weight_decay": -1}, "/optimizer/weight_decay", "invalid_value"),
        ({"kind": "sgd", "dampening": math.nan}, "/optimizer/dampening", "invalid_value"),
        ({"kind": "sgd", "nesterov": 1, "momentum": 0.9}, "/optimizer/nesterov", "invalid_value"),
        ({"kind": "sgd", "nesterov": True}, "/optimizer", "invalid_value"),
        ({"kind": "sgd", "nesterov": True, "momentum": 0.9, "dampening": 0.1}, "/optimizer", "invalid_value"),
        ({"kind": "adam", "betas": [0.9, 1.0]}, "/optimizer/betas/1", "invalid_value"),
        ({"kind": "adam", "betas": [-0.1, 0.9]}, "/optimizer/betas/0", "invalid_value"),
        ({"kind": "adam", "betas": [0.9]}, "/optimizer/betas/1", "missing_field"),
        ({"kind": "adam", "eps": -1e-8}, "/optimizer/eps", "invalid_value"),
        ({"kind": "adamw", "weight_decay": -1e-8}, "/optimizer/weight_decay", "invalid_value"),
        (["sgd"], "/optimizer", "invalid_value"),
    ],
    ids=str,
)
def test_a_wrong_form_is_refused_at_its_place(form: Any, pointer: str, code: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer(form)
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [(pointer, code)]


@pytest.mark.parametrize(
    ("form", "message"),
    [
        ({"kind": "adam", "betas": [0.9]}, "entry 1 is missing"),
        ({"kind": "sgd", "momentum": math.inf}, "momentum is inf; a finite number is needed"),
        (
            {"kind": "sgd", "nesterov": True},
            "nesterov needs a momentum above 0 and a dampening of 0, not 0.0 and 0.0",
        ),
    ],
    ids=str,
)
def test_the_message_says_what_is_needed(form: dict[str, Any], message: str) -> None:
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer(form)
    assert [problem.message for problem in caught.value.problems] == [message]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(OptimizerError) as caught:
        parse_optimizer({"kind": "adam", "eps": -1, "betas": [2, 0.9], "speed": 1})
    assert {problem.pointer for problem in caught.value.problems} == {
        "/optimizer/eps",
        "/optimizer/betas/0",
        "/optimizer/speed",
    }
