"""Which engine `auto` is."""

import pytest

from asg_executor.engines.lookup import engine_named, engine_names

__all__ = ["take_for_auto"]


def take_for_auto(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `auto` be an engine, until the test ends; the others can still be named.

    Args:
        name: the engine's.
        monkeypatch: pytest's fixture.
    """
    ordered = [name, *(other for other in engine_names() if other != name)]
    monkeypatch.setattr("asg_executor.engines.lookup._OFFERED", {each: engine_named(each) for each in ordered})
