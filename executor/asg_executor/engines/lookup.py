"""Looking up an engine by its name."""

from collections.abc import Mapping

from asg_executor.engines.engine import Engine
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.errors import UnknownEngineError
from asg_schema.wire import nearest

__all__ = ["engine_named", "engine_names", "offered_engine"]


def _engines() -> tuple[list[Engine], list[Engine]]:
    """Those that are at hand, the fastest first, and those that are there to find faults of others."""
    try:
        from asg_executor.engines.native.bounds.checked_engine import CheckedNativeEngine
        from asg_executor.engines.native.native_engine import NativeEngine
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "llvmlite":
            raise
        return [NumpyEngine()], []
    return [NativeEngine(), NumpyEngine()], [CheckedNativeEngine()]


_OFFERED, _CHECKING = ({engine.name: engine for engine in engines} for engines in _engines())
_ENGINES: Mapping[str, Engine] = {**_OFFERED, **_CHECKING}


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
    return _engine_of(_ENGINES, name)


def offered_engine(name: str) -> Engine:
    """The engine of this name that clients may have: one of `engine_names`, or `auto`.

    Raises:
        UnknownEngineError: there is none.
    """
    return _engine_of(_OFFERED, name)


def _engine_of(engines: Mapping[str, Engine], name: str) -> Engine:
    if name == "auto":
        return next(iter(engines.values()))
    if name not in engines:
        known = ("auto", *engines)
        listed = ", ".join(f'"{item}"' for item in known)
        raise UnknownEngineError(f'there is no engine "{name}"{nearest(name, known)}; known are {listed}')
    return engines[name]
