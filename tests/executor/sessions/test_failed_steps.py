"""A step that fails changes nothing: not the parameters, not the slots, not its number; and it can be taken again."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import Session
from asg_executor.engines.executable import PlannedExecutable
from asg_executor.errors import IndexOutOfRangeError, InterfaceError, SymbolError
from asg_executor.sessions.arenas import Arenas
from asg_schema.document import Document
from executor_harness.regression import regression_data, regression_gradient

pytestmark = pytest.mark.usefixtures("each_engine")

ADAM = {"kind": "adam", "learning_rate": 0.1}


def embedding() -> Document:
    """A table of four rows, a loss over chosen rows, and a counter that every step raises."""
    forward = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "rows", "dtype": "int64", "shape": ["n"]}],
            "parameters": [
                {"id": "table", "dtype": "float64", "shape": [4, 2], "init": {"kind": "normal"}},
                {"id": "count", "dtype": "float64", "shape": [], "trainable": False},
            ],
            "nodes": [
                {"id": "chosen", "op": "take", "inputs": ["table", "rows"], "axis": 0},
                {"id": "squared", "op": "multiply", "inputs": ["chosen", "chosen"]},
                {"id": "loss", "op": "sum", "inputs": ["squared"]},
                {"id": "one", "op": "full", "dtype": "float64", "shape": [], "value": 1.0},
                {"id": "next", "op": "add", "inputs": ["count", "one"]},
            ],
            "outputs": [
                {"name": "loss", "value": "loss"},
                {"name": "count.next", "value": "next", "role": {"kind": "state_update", "of": "count"}},
            ],
        }
    )
    return grad(forward)


def embedding_session() -> Session:
    session = Session({"train": embedding()}, optimizer=ADAM)
    session.step({"rows": [0, 1]})
    return session


def assert_unharmed(
    session: Session, fail: Callable[[], Any], error: type[BaseException], match: str | None = None
) -> None:
    """`fail` raises; afterwards the session is as before, and goes on exactly like one that never failed."""
    witness = embedding_session()
    before = session.digest()
    assert before == witness.digest()
    with pytest.raises(error, match=match):
        fail()
    assert session.digest() == before
    assert session.number == 1
    for _ in range(3):
        np.testing.assert_array_equal(
            session.step({"rows": [3, 2, 1]})["loss"], witness.step({"rows": [3, 2, 1]})["loss"]
        )
    assert session.digest() == witness.digest()
    assert session.parameters()["count"] == 4.0


def test_an_index_out_of_range() -> None:
    session = embedding_session()
    assert_unharmed(session, lambda: session.step({"rows": [0, 4]}), IndexOutOfRangeError, "chosen")


@pytest.mark.parametrize("rows", [[[0, 1]], [0.5], 1, ["a"], [[0], [1, 2]]], ids=str)
def test_inputs_that_do_not_fit(rows: Any) -> None:
    session = embedding_session()
    assert_unharmed(session, lambda: session.step({"rows": rows}), InterfaceError, "rows")


def test_an_output_that_is_not_there() -> None:
    session = embedding_session()
    assert_unharmed(session, lambda: session.step({"rows": [1]}, ["lss"]), InterfaceError, "lss")


def test_shapes_that_contradict_each_other() -> None:
    session = Session({"train": regression_gradient()}, optimizer=ADAM)
    before = session.digest()
    data = regression_data(5)
    with pytest.raises(SymbolError, match="batch"):
        session.step({"x": data["x"], "target": data["target"][:4]})
    assert session.digest() == before


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
@pytest.mark.parametrize("call", range(4))
def test_an_interruption_within_the_update(
    error: type[BaseException], call: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The executables of a step are called in turn: `train`, then the update. Any of their kernels may fail."""
    session = embedding_session()
    original = PlannedExecutable.__call__
    calls = 0

    def failing(executable: PlannedExecutable, inputs: Any) -> Any:
        nonlocal calls
        calls += 1
        result = original(executable, inputs) if calls - 1 != call // 2 or call % 2 else None
        if calls - 1 == call // 2:
            raise error  # before the executable ran where `call` is even, after it wrote everything where it is odd
        return result

    def fail() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(PlannedExecutable, "__call__", failing)
            session.step({"rows": [0, 3]})

    assert_unharmed(session, fail, error)
    assert calls == call // 2 + 1


def test_a_state_update_that_cannot_be_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last thing that a step does fails after the optimizer has already written the parameters."""
    session = embedding_session()
    executable = PlannedExecutable.__call__

    def without_updates(self: PlannedExecutable, inputs: Any) -> Any:
        return {name: value for name, value in executable(self, inputs).items() if name != "count.next"}

    def fail() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(PlannedExecutable, "__call__", without_updates)
            session.step({"rows": [0, 3]})

    assert_unharmed(session, fail, KeyError)


def test_the_injected_failures_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the restoration the state does differ after a failure: the tests above can fail."""
    session = embedding_session()
    before = session.digest()
    executable = PlannedExecutable.__call__

    def failing_after_updates(self: PlannedExecutable, inputs: Any) -> Any:
        result = executable(self, inputs)
        if not inputs:  # what an update needs it reads in place
            raise MemoryError
        return result

    def forget(arenas: Arenas) -> None:
        """In the place of `Arenas.restore`."""

    monkeypatch.setattr(PlannedExecutable, "__call__", failing_after_updates)
    monkeypatch.setattr(Arenas, "restore", forget)
    with pytest.raises(MemoryError):
        session.step({"rows": [0, 3]})
    assert session.digest() != before
