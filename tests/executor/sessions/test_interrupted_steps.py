"""An exception from outside, such as an interrupt, finds each step taken whole or not at all, copied aside or not."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Any, cast

import numpy as np
import pytest

from asg_executor import Session
from asg_executor.engines.native.program import NativeProgram
from asg_executor.sessions.arenas import Arenas
from asg_executor.sessions.training_steps import NonFinitePolicy
from executor_harness.regression import regression_data, regression_gradient

ADAM = {"kind": "adam", "learning_rate": 0.1}
DATA = regression_data()
_INTERRUPTS = 150
_LONGEST_SECONDS = 2e-3  # several steps


class Interrupted(BaseException):
    """What the signal raises."""


@pytest.fixture
def saves(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """One item for each time that the state was copied aside."""
    found: list[None] = []
    original = Arenas.save

    def save(arenas: Arenas) -> None:
        found.append(None)
        original(arenas)

    monkeypatch.setattr(Arenas, "save", save)
    return found


@contextmanager
def interrupting() -> Generator[None]:
    """Let SIGALRM raise `Interrupted`, once for each timer that is set."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def record(outputs: object) -> None:
    """What every step is told to."""


def step_until_interrupted(session: Session, seconds: float, **step: Any) -> None:
    """Take steps until the timer ends, wherever the session is then."""
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        while True:
            session.step(DATA, **step)
    except Interrupted:
        pass


@pytest.mark.usefixtures("each_engine")
@pytest.mark.parametrize("copies", [False, True])
def test_an_interrupt_at_any_moment(copies: bool) -> None:
    """Steps are copied aside where a recorder might undo them, and on the engine that cannot change a state at once."""
    session, witness = (Session({"train": regression_gradient()}, ADAM, seed=1) for _ in range(2))
    step: dict[str, Any] = {"recorder": record} if copies else {}
    session.step(DATA, **step)
    rng = np.random.default_rng(0)
    with interrupting():
        for seconds in rng.uniform(1e-5, _LONGEST_SECONDS, _INTERRUPTS):
            step_until_interrupted(session, seconds, **step)
            while witness.number < session.number:
                witness.step(DATA)
            assert session.digest() == witness.digest()
    assert witness.number > _INTERRUPTS / 2


def native_session(**settings: Any) -> Session:
    session = Session({"train": regression_gradient()}, ADAM, engine="native", **settings)
    session.step(DATA)
    return session


@pytest.mark.parametrize("has_run", [False, True])
def test_an_interrupt_beside_the_one_change(has_run: bool, saves: list[None], monkeypatch: pytest.MonkeyPatch) -> None:
    original = NativeProgram.run_noted
    is_armed = False

    def interrupted(program: NativeProgram, done: list[None]) -> None:
        if has_run or not is_armed:
            original(program, done)
        if is_armed:
            raise KeyboardInterrupt

    monkeypatch.setattr(NativeProgram, "run_noted", interrupted)
    session, witness = native_session(), native_session()
    is_armed = True
    with pytest.raises(KeyboardInterrupt):
        session.step(DATA)
    is_armed = False
    if has_run:
        witness.step(DATA)
    assert (session.number, session.digest()) == (1 + has_run, witness.digest())
    np.testing.assert_array_equal(session.step(DATA)["loss"], witness.step(DATA)["loss"])
    assert session.digest() == witness.digest()
    assert not saves


@pytest.mark.parametrize(
    "settings",
    [
        {"non_finite": "skip"},
        {"non_finite": "fail"},
        {"optimizer": {**ADAM, "average_decay": 0.9}},
        {"engine": "numpy"},
    ],
    ids=str,
)
def test_where_more_could_fail_the_state_is_copied_aside(settings: dict[str, Any], saves: list[None]) -> None:
    settings = {"optimizer": ADAM, "engine": "native", **settings}
    settings["non_finite"] = cast("NonFinitePolicy", settings.get("non_finite", "apply"))
    session = Session({"train": regression_gradient()}, **settings)
    session.step(DATA)
    assert len(saves) == 1


def test_a_recorder_may_undo_a_step_of_a_session_that_copied_nothing_before(saves: list[None]) -> None:
    session = native_session()
    assert not saves
    before = session.digest()

    def refuse(outputs: object) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        session.step(DATA, recorder=refuse)
    assert len(saves) == 1
    assert (session.number, session.digest()) == (1, before)
