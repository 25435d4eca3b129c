"""Whoever keeps a copy of a session's parameters is told when they change."""

import numpy as np
import pytest

from asg_executor.errors import InterfaceError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import create_session
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.step_request import StepRequest
from executor_harness.regression import regression, regression_data, regression_gradient


def held_session() -> HeldSession:
    graphs = {"predict": regression(), "train": regression_gradient()}
    settings = SessionSettings(
        graphs=graphs,
        graph_digests={name: document.digest for name, document in graphs.items()},
        optimizer={"kind": "sgd", "learning_rate": 0.1},
        seed=0,
        engine="numpy",
        durability="every_step",
        non_finite="apply",
        creation=None,
    )
    return create_session(settings, {}, 2**30, None)


def test_a_step_is_a_revision_and_a_repeated_or_failed_one_is_none() -> None:
    held = held_session()
    told: list[int] = []
    held.followers.append(lambda: told.append(held.session.number))
    request = StepRequest([regression_data()], None)
    held.take(1, request)
    held.take(1, request)
    with pytest.raises(InterfaceError):
        held.take(2, StepRequest([{}], None))
    assert (held.revision, told) == (1, [1])


def test_new_values_are_a_revision_and_refused_ones_are_none() -> None:
    held = held_session()
    held.set_parameters({"bias": np.ones(1, np.float32)})
    with pytest.raises(InterfaceError):
        held.set_parameters({"bias": np.ones(2, np.float32)})
    assert held.revision == 1


def test_parameters_are_copied_into_arrays() -> None:
    session = held_session().session
    session.set_parameters({"bias": [2.5]})
    mine = np.zeros(1, np.float32)
    session.copy_parameters({"bias": mine})
    assert mine[0] == 2.5
    with pytest.raises(TypeError):
        session.copy_parameters({"bias": np.zeros(1, np.float64)})
