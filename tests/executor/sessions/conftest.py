"""The engines, one after another."""

import pytest

from asg_executor.engines.lookup import engine_names
from executor_harness.engines import take_for_auto


@pytest.fixture(params=engine_names())
def each_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `auto` be each engine in turn."""
    take_for_auto(request.param, monkeypatch)
