"""Fifty steps of each optimizer and schedule against numbers that PyTorch computed, in float64.

`tests/parity/make_optimizer_references.py` wrote the numbers.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.optimizers.choice import optimizer_kinds, parse_optimizer
from asg_executor.optimizers.schedules.choice import learning_rate_at, schedule_kinds
from executor_harness.quadratic import SNAPSHOTS, START, STEPS, pulls, quadratic

pytestmark = pytest.mark.usefixtures("each_engine")

REFERENCES = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "reference").glob("*.json")}
SCHEDULES = REFERENCES.pop("schedules")["cases"]
CASES = [case for name in sorted(REFERENCES) for case in REFERENCES[name]["cases"]]


def test_every_kind_with_a_namesake_has_references() -> None:
    assert {case["optimizer"]["kind"] for case in CASES} == set(optimizer_kinds()) - {"lion", "lamb", "document"}
    assert {case["schedule"]["kind"] for case in SCHEDULES} == set(schedule_kinds()) - {"piecewise"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["optimizer"]))
def test_trajectories(case: dict[str, Any]) -> None:
    session = Session({"train": quadratic()}, case["optimizer"], parameters=START)
    for step in range(1, STEPS + 1):
        session.step(pulls(step))
        if step in SNAPSHOTS:
            for name, value in session.parameters().items():
                np.testing.assert_allclose(value, case["after"][str(step)][name], rtol=1e-10, atol=1e-12)
    assert session.number == STEPS == SNAPSHOTS[-1]


@pytest.mark.parametrize("case", SCHEDULES, ids=lambda case: str(case["schedule"]))
def test_schedules(case: dict[str, Any]) -> None:
    rate = parse_optimizer({"kind": "sgd", "learning_rate": case["schedule"]}).rule.rate
    assert rate is not None
    found = [learning_rate_at(rate, t) for t in range(STEPS)]
    np.testing.assert_allclose(found, case["rates"], rtol=1e-12, atol=1e-15)
    assert len(case["rates"]) == STEPS
