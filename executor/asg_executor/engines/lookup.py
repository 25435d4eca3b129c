"""Looking up an engine by its name."""

from collections.abc import Mapping, Sequence
from functools import cache

from asg_executor.engines.engine import Engine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import UnknownEngineError
from asg_schema.wire import nearest

__all__ = ["engine_named", "engine_names", "offered_engine"]


_CHECKED = "native-checked"


def _engines() -> list[Engine]:
    """Those that clients may have, the fastest first."""
    try:
        from asg_executor.engines.native.native_engine import NativeEngine
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "llvmlite":
            raise
        return [NumpyEngine()]
    return [NativeEngine(), NumpyEngine()]


_OFFERED: Mapping[str, Engine] = {engine.name: engine for engine in _engines()}


@cache
def _checked_engine() -> Engine:
    """Loaded where it is asked for: hardly any process does."""
    from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine

    return CheckedNativeEngine()


def engine_names() -> tuple[str, ...]:
    """The engines that are at hand here, the fastest first.

    Neither `auto` is among them nor `native-checked`, which is there to find faults of `native`.
    """
    return tuple(_OFFERED)


def engine_named(name: str) -> Engine:
    """The engine of this name; `auto` is the fastest one.

    Raises:
        UnknownEngineError: there is none.
    """
    if "native" not in _OFFERED:
        return offered_engine(name)
    return _checked_engine() if name == _CHECKED else _found(name, (*_OFFERED, _CHECKED))


def offered_engine(name: str) -> Engine:
    """The engine of this name that clients may have: one of `engine_names`, or `auto`.

    Raises:
        UnknownEngineError: there is none.
    """
    return _found(name, tuple(_OFFERED))


def _found(name: str, names: Sequence[str]) -> Engine:
    """One of those that are offered; an error says which `names` there are."""
    if name == "auto":
        return next(iter(_OFFERED.values()))
    if name not in _OFFERED:
        known = ("auto", *names)
        listed = ", ".join(f'"{item}"' for item in known)
        raise UnknownEngineError(f'there is no engine "{name}"{nearest(name, known)}; known are {listed}')
    return _OFFERED[name]
