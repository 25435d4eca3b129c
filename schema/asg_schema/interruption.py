"""`interruption`: how whoever bounds the time of checking a document gets a word in between two of its nodes."""

from collections.abc import Callable
from contextvars import ContextVar

__all__ = ["interruption"]

interruption: ContextVar[Callable[[], None] | None] = ContextVar("interruption", default=None)
"""Called before each node that is checked; it ends the work by raising. None where nothing bounds it."""
