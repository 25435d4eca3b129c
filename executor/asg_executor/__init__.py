"""The executor: it holds the weights, runs documents, and applies optimizer steps."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Session", "run"]

if TYPE_CHECKING:
    from asg_executor.sessions.session import Session
    from asg_executor.single_run import run
else:

    def __getattr__(name: str) -> Any:
        """Import what is asked for: the commands of this package need no engine until they run."""
        modules = {"Session": "asg_executor.sessions.session", "run": "asg_executor.single_run"}
        if name not in modules:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        globals()[name] = getattr(import_module(modules[name]), name)
        return globals()[name]
