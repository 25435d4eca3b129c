"""Symbols of two documents whose values are laid onto each other: what has to take their place so that shapes agree."""

from collections.abc import Iterable

from asg_schema.dims import Dim, SymbolicDim, substitute_dim, symbol, symbols_of
from asg_schema.symbolic_dim import Symbol

__all__ = ["Unification", "UnificationError"]


class UnificationError(ValueError):
    """Two dims cannot be made equal."""


class Unification:
    """Equations between dims of a first and a second document, solved one by one.

    Symbols of the two are different at first, whatever they are called. A symbol of the second is replaced rather than
    one of the first.

    Args:
        first: the symbols of the first document.
        second: those of the second.
    """

    def __init__(self, first: Iterable[str], second: Iterable[str]) -> None:
        self._first = sorted(first)
        begin = "_second"
        while any(name.startswith(begin) for name in self._first):
            begin = f"_{begin}"
        self._stand_ins = {name: f"{begin}{index}" for index, name in enumerate(sorted(second))}
        self._apart: dict[str, Dim] = {name: symbol(other) for name, other in self._stand_ins.items()}
        self._solved: dict[str, Dim] = {}

    def equate(self, first: Dim, second: Dim) -> None:
        """Let a dim of the first document be one of the second.

        Raises:
            UnificationError: they differ whatever the symbols stand for, or no symbol can be found that makes them
                equal.
            DimError: an expression becomes too large.
        """
        left, right = self._resolved(first), self._resolved(substitute_dim(second, self._apart))
        difference = left - right
        if difference == 0:
            return
        if isinstance(difference, int) or not (self._solve(difference) or self._solve_alike(difference)):
            raise UnificationError(f"{first} against {second}")

    def values(self) -> tuple[dict[str, Dim], dict[str, Dim]]:
        """What takes the place of symbols of the first and of the second document.

        A symbol of the second that no equation concerns is the one of the first that is called like it.
        """
        for name, stand_in in self._stand_ins.items():
            same = self._resolved(symbol(name)) if name in self._first else symbol(name)
            if stand_in not in self._solved and stand_in not in symbols_of(same):
                self._solved[stand_in] = same
        own: dict[str, Dim] = {stand_in: symbol(name) for name, stand_in in self._stand_ins.items()}
        first = {name: substitute_dim(self._resolved(symbol(name)), own) for name in self._first}
        second = {
            name: substitute_dim(self._resolved(symbol(stand_in)), own) for name, stand_in in self._stand_ins.items()
        }
        return first, second

    def _resolved(self, dim: Dim) -> Dim:
        while not self._solved.keys().isdisjoint(symbols_of(dim)):
            dim = substitute_dim(dim, self._solved)
        return dim

    def _solve(self, difference: SymbolicDim) -> bool:
        """Find a symbol that makes a dim 0: one that is a term of it and nothing else in it."""
        stand_ins = set(self._stand_ins.values())
        for name in sorted(symbols_of(difference), key=lambda name: (name not in stand_ins, name)):
            scale = dict(difference.terms).get((Symbol(name),), 0)
            rest = scale * symbol(name) - difference
            if not scale or name in symbols_of(rest):
                continue
            value = rest // scale
            if value * scale == rest and not (isinstance(value, int) and value < 0):
                self._solved[name] = value
                return True
        return False

    def _solve_alike(self, difference: SymbolicDim) -> bool:
        """Find symbols of the second that make a dim 0 when they are some of the first, as n // 2 = m // 2 has it."""
        found = symbols_of(difference)
        own = {stand_in: name for name, stand_in in self._stand_ins.items() if stand_in in found}
        others = sorted(found.intersection(self._first))
        called_alike = {stand_in: symbol(name) for stand_in, name in own.items() if name in others}
        choices = [called_alike, *({stand_in: symbol(name)} for stand_in in sorted(own) for name in others)]
        for choice in choices:
            if substitute_dim(difference, choice) == 0:
                self._solved.update(choice)
                return True
        return False
