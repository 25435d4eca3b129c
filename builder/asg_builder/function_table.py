"""The functions of a document that is being built: each of them once, under a name of its own."""

from collections.abc import Hashable
from typing import NamedTuple

from asg_schema.function import LinkedFunction

__all__ = ["FunctionTable", "Traced"]

_LONGEST_STEM = 240  # so that a name with a number behind it has at most 255 characters


class Traced(NamedTuple):
    """A function, and how it is called.

    Attributes:
        function: what is called.
        single: whether it answers one tensor, and not a tuple.
        draws: whether it takes a random key as its last operand.
    """

    function: LinkedFunction
    single: bool
    draws: bool


class FunctionTable:
    """What was traced so far for a graph, and for the functions that are called in it."""

    def __init__(self) -> None:
        self._traced: dict[Hashable, Traced] = {}
        self._by_meaning: dict[tuple[str, str], LinkedFunction] = {}
        self._names: set[str] = set()

    def find(self, key: Hashable) -> Traced | None:
        """What was traced for a combination of code, operand types and other arguments."""
        return self._traced.get(key)

    def keep(self, key: Hashable, traced: Traced) -> None:
        """Find it again by that key."""
        self._traced[key] = traced

    def entered(self, function: LinkedFunction) -> LinkedFunction:
        """A function under a name of its own: one that is there already, if it means the same and asked for that name.

        Args:
            function: a function whose name is the one that is wished for.
        """
        key = (function.name, function.digest)
        found = self._by_meaning.get(key)
        if found is None:
            name, number = function.name, 2
            while name in self._names:
                name = f"{function.name[:_LONGEST_STEM]}_{number}"
                number += 1
            self._names.add(name)
            found = LinkedFunction(name, function.inputs, function.nodes, function.outputs, function.vjp)
            self._by_meaning[key] = found
        return found
