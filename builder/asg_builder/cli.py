"""The builder's command: `asg demo`.

What it needs is imported where it runs, so that the other commands and the help need not wait for it.
"""

from collections.abc import Callable
from typing import Any

__all__ = ["commands"]


def demo() -> None:
    """Build a transformer block, differentiate it, and train it in another process over HTTP."""
    from asg_builder.demo import run_demo

    run_demo()


commands: list[tuple[str, Callable[..., Any]]] = [("demo", demo)]
