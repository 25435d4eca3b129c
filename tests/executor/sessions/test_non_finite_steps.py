"""What becomes of a step that would leave NaN or an infinity in the state: applied, skipped, or failed."""

from typing import Any

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.plan.arrays import Array
from asg_executor.sessions.errors import NonFiniteStepError
from executor_harness.regression import regression_data, regression_gradient

pytestmark = pytest.mark.usefixtures("each_engine")

OPTIMIZERS: list[dict[str, Any]] = [
    {"kind": "sgd", "learning_rate": 0.1},
    {"kind": "adam", "learning_rate": 0.1, "average_decay": 0.9},
    {"kind": "lion", "learning_rate": 0.1},
]


def poisoned(value: float) -> dict[str, Array]:
    data = regression_data()
    data["x"][1, 1] = value
    return data


def new_session(optimizer: dict[str, Any], **settings: Any) -> Session:
    return Session({"train": regression_gradient()}, optimizer, seed=3, **settings)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda item: item["kind"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_skip_takes_the_step_without_its_changes(optimizer: dict[str, Any], value: float) -> None:
    session = new_session(optimizer, non_finite="skip")
    session.step(regression_data())
    before = session.state()
    assert not np.isfinite(session.step(poisoned(value))["loss"])
    assert (session.number, session.skipped) == (2, True)
    for name, array in session.state().items():
        np.testing.assert_array_equal(array, before[name])
    session.step(regression_data())
    assert (session.number, session.skipped) == (3, False)


@pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda item: item["kind"])
def test_fail_does_not_take_the_step(optimizer: dict[str, Any]) -> None:
    session = new_session(optimizer, non_finite="fail")
    session.step(regression_data())
    digest = session.digest()
    with pytest.raises(NonFiniteStepError, match="step 2 would leave numbers in the state that are not finite"):
        session.step(poisoned(np.nan))
    assert session.digest() == digest
    session.step(regression_data())
    assert session.number == 2


def test_apply_takes_it_as_it_is() -> None:
    session = new_session(OPTIMIZERS[0])
    session.step(poisoned(np.nan))
    assert (session.number, session.skipped) == (1, False)
    assert np.isnan(session.parameters()["weight"]).any()


def test_finite_steps_are_the_same_under_every_policy() -> None:
    digests: set[str] = set()
    for policy in ("apply", "skip", "fail"):
        session = new_session(OPTIMIZERS[1], non_finite=policy)
        for seed in range(5):
            session.step(regression_data(seed=seed))
        digests.add(session.digest())
    assert len(digests) == 1
