"""While a job has a session nobody else changes it."""

import pytest

from asg_executor.sessions.errors import SessionBusyError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import create_session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.step_request import StepRequest
from executor_harness.regression import regression_data, regression_gradient


def held_session() -> HeldSession:
    document = regression_gradient()
    optimizer = {"kind": "sgd", "learning_rate": 0.1}
    graphs, digests = {"train": document}, {"train": document.digest}
    settings = SessionSettings(graphs, digests, optimizer, 0, "auto", "every_step", "apply")
    return create_session(settings, {}, 2**30, None)


def test_the_job_alone_changes_the_session() -> None:
    held = held_session()
    first, second = (StepRequest([regression_data(seed=seed)], ["loss"]) for seed in (1, 2))
    held.take(1, first)
    held.job = "mine"
    before = held.session.digest()
    for number, request, job in [(2, second, None), (2, second, "other")]:
        with pytest.raises(SessionBusyError, match="the job mine trains the session"):
            held.take(number, request, job=job)
    with pytest.raises(SessionBusyError):
        held.set_parameters({"bias": [1.0]})
    assert held.session.digest() == before
    assert held.take(1, first).replayed, "what was taken before is answered all the same"
    assert held.take(2, second, job="mine").replayed is False
    held.set_parameters({"bias": [1.0]}, job="mine")
    held.job = None
    held.take(3, first)
