"""Symbolic dims: polynomials with integer coefficients, kept in one canonical form.

Their variables are *atoms*: named symbols, and floor divisions and remainders that do not simplify. Two dims that are
equal as polynomials are the same value (`==` and `hash` agree), so `(batch + 1) * 4 == 4 * batch + 4`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain
from typing import NamedTuple, TypeAlias

from asg_schema.errors import DimError
from asg_schema.wire import show_value

__all__ = ["LARGEST_DIM", "Atom", "Division", "Monomial", "Symbol", "SymbolicDim", "sum_of", "symbol"]

_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
LARGEST_DIM = 2**63 - 1
# Bounds on what a document can make a reader compute: a product of n sums has 2ⁿ terms.
_DEEPEST = 32  # in divisions
_MOST_TERMS = 128
_MOST_FACTORS = 64
_MOST_PRODUCTS = 1024  # of terms with terms, before equal ones are added up
_MOST_ATOMS = 1024  # in all, those within divisions counted: where each dim is made of two others, they double


class Symbol(NamedTuple):
    """An atom that is a named size."""

    name: str


class Division(NamedTuple):
    """An atom `numerator // denominator` ("floordiv") or `numerator % denominator` ("mod") that does not simplify."""

    kind: str
    numerator: "int | SymbolicDim"
    denominator: "int | SymbolicDim"


Atom: TypeAlias = Symbol | Division
Monomial: TypeAlias = tuple[Atom, ...]  # sorted, repeated for powers; () is the constant term


class SymbolicDim:
    """A dimension that is not yet known: an immutable polynomial over symbols.

    Supports `+`, `-`, `*`, `//` and `%` with ints and other dims; a result that is constant is an `int`.
    """

    __slots__ = ("_depth", "_hash", "_size", "_terms")
    _terms: tuple[tuple[Monomial, int], ...]
    _hash: int
    _depth: int
    _size: int

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self._terms = terms
        self._hash = hash(terms)
        self._depth = max(map(_atom_depth, chain.from_iterable(term[0] for term in terms)))
        self._size = sum(map(_atom_size, chain.from_iterable(term[0] for term in terms)))
        if self._size > _MOST_ATOMS:
            raise DimError(f"a dim's expression has more than {_MOST_ATOMS} symbols and divisions in all")

    @property
    def depth(self) -> int:
        """How deep floor divisions and remainders are nested in it."""
        return self._depth

    @property
    def size(self) -> int:
        """How many symbols and divisions it has, those within divisions counted."""
        return self._size

    @property
    def terms(self) -> tuple[tuple[Monomial, int], ...]:
        """The polynomial as sorted pairs of a monomial and its coefficient."""
        return self._terms

    def __eq__(self, other: object) -> bool:
        return self is other or (
            isinstance(other, SymbolicDim) and self._hash == other._hash and self._terms == other._terms
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return " + ".join(_format_term(monomial, coefficient) for monomial, coefficient in reversed(self._terms))

    def __add__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return _from_terms([*self._terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> "int | SymbolicDim":
        return self * -1

    def __sub__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return self + other * -1

    def __rsub__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return self * -1 + other

    def __mul__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        if len(self._terms) * len(_terms(other)) > _MOST_PRODUCTS:
            raise DimError(f"a dim's expression multiplies sums whose product may have more than {_MOST_TERMS} terms")
        return _from_terms(
            (tuple(sorted(a + b, key=_atom_key)), x * y) for a, x in self._terms for b, y in _terms(other)
        )

    __rmul__ = __mul__

    def __floordiv__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return _divide(self, other)[0]

    def __rfloordiv__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return _divide(other, self)[0]

    def __mod__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return _divide(self, other)[1]

    def __rmod__(self, other: "int | SymbolicDim") -> "int | SymbolicDim":
        return _divide(other, self)[1]


def sum_of(dims: "Iterable[int | SymbolicDim]") -> "int | SymbolicDim":
    """The sum of dims, however many, in time that is proportional to their terms."""
    return _from_terms(chain.from_iterable(map(_terms, dims)))


def _terms(dim: "int | SymbolicDim") -> tuple[tuple[Monomial, int], ...]:
    if isinstance(dim, SymbolicDim):
        return dim.terms
    return (((), dim),) if dim else ()


def _atom_depth(atom: Atom) -> int:
    return 0 if isinstance(atom, Symbol) else 1 + max(_depth(atom.numerator), _depth(atom.denominator))


def _atom_size(atom: Atom) -> int:
    return 1 if isinstance(atom, Symbol) else 1 + _size(atom.numerator) + _size(atom.denominator)


def _size(dim: "int | SymbolicDim") -> int:
    return 0 if isinstance(dim, int) else dim.size


def _depth(dim: "int | SymbolicDim") -> int:
    return 0 if isinstance(dim, int) else dim.depth


def _atom_key(atom: Atom) -> tuple[int, str]:
    return (0, atom.name) if isinstance(atom, Symbol) else (1, _format_atom(atom))


def _monomial_key(monomial: Monomial) -> tuple[int, list[tuple[int, str]]]:
    return len(monomial), [_atom_key(atom) for atom in monomial]


def _from_terms(terms: Iterable[tuple[Monomial, int]]) -> "int | SymbolicDim":
    total: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        if len(monomial) > _MOST_FACTORS:
            raise DimError(f"a dim's expression has more than {_MOST_FACTORS} factors")
        total[monomial] = total.get(monomial, 0) + coefficient
    kept = [(monomial, coefficient) for monomial, coefficient in total.items() if coefficient]
    if not kept:
        return 0
    if len(kept) == 1 and kept[0][0] == ():
        return kept[0][1]
    if len(kept) > _MOST_TERMS:
        raise DimError(f"a dim's expression has more than {_MOST_TERMS} terms")
    if any(abs(coefficient) > LARGEST_DIM for _, coefficient in kept):
        raise DimError("a coefficient of a dim's expression is beyond 2**63 - 1")
    kept.sort(key=lambda term: _monomial_key(term[0]))
    return SymbolicDim(tuple(kept))


def _divide(
    numerator: "int | SymbolicDim", denominator: "int | SymbolicDim"
) -> "tuple[int | SymbolicDim, int | SymbolicDim]":
    """Floor division and remainder: the terms that `denominator` divides exactly are split off first."""
    if denominator == 0:
        raise ZeroDivisionError(f"the dim {numerator!r} is divided by zero")
    if numerator == denominator:
        return 1, 0
    divisor = _terms(denominator)
    if len(divisor) != 1:
        return _stuck(numerator, denominator)
    factors, scale = divisor[0]
    exact: list[tuple[Monomial, int]] = []
    rest: list[tuple[Monomial, int]] = []
    for monomial, coefficient in _terms(numerator):
        remaining = _remove_factors(monomial, factors)
        if remaining is None:
            rest.append((monomial, coefficient))
        else:
            quotient, left = divmod(coefficient, scale)
            exact.append((remaining, quotient))
            rest.append((monomial, left))
    whole, remainder = _from_terms(exact), _from_terms(rest)
    if remainder == 0:
        return whole, 0
    if isinstance(remainder, int) and isinstance(denominator, int):
        return whole + remainder // denominator, remainder % denominator
    part, modulus = _stuck(remainder, denominator)
    return whole + part, modulus


def _stuck(
    numerator: "int | SymbolicDim", denominator: "int | SymbolicDim"
) -> "tuple[int | SymbolicDim, int | SymbolicDim]":
    if max(_depth(numerator), _depth(denominator)) >= _DEEPEST:
        raise DimError(f"a dim's divisions are nested more than {_DEEPEST} deep")
    quotient, remainder = (Division(kind, numerator, denominator) for kind in ("floordiv", "mod"))
    return SymbolicDim((((quotient,), 1),)), SymbolicDim((((remainder,), 1),))


def _remove_factors(monomial: Monomial, factors: Monomial) -> Monomial | None:
    remaining = list(monomial)
    for factor in factors:
        if factor not in remaining:
            return None
        remaining.remove(factor)
    return tuple(remaining)


def _format_term(monomial: Monomial, coefficient: int) -> str:
    factors = [_format_atom(atom) for atom in monomial]
    if coefficient != 1 or not factors:
        factors.insert(0, str(coefficient))
    return "*".join(factors)


def _format_atom(atom: Atom) -> str:
    if isinstance(atom, Symbol):
        return atom.name
    sign = "//" if atom.kind == "floordiv" else "%"
    numerator, denominator = str(atom.numerator), str(atom.denominator)
    if len(_terms(atom.numerator)) > 1:
        numerator = f"({numerator})"
    if len(_terms(atom.denominator)) > 1 or "*" in denominator:
        denominator = f"({denominator})"
    return f"({numerator} {sign} {denominator})"


@lru_cache(maxsize=4096)
def symbol(name: str) -> SymbolicDim:
    """The dim that is the symbol `name`.

    Raises:
        DimError: `name` is not an identifier of at most 64 characters.
    """
    if not _SYMBOL.match(name):
        raise DimError(
            f"a dim's symbol is a letter or _ followed by letters, digits or _ (at most 64), not {show_value(name)}"
        )
    return SymbolicDim((((Symbol(name),), 1),))
