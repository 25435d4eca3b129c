"""Dimensions: integers, symbols, and polynomials over them, kept in one canonical form.

A `Dim` is an `int` or a `SymbolicDim`. A symbolic dim is a polynomial with integer coefficients whose variables are
*atoms*: named symbols, and floor divisions and remainders that do not simplify. Two dims that are equal as polynomials
are the same value (`==` and `hash` agree), so `(batch + 1) * 4 == 4 * batch + 4`.

In JSON a dim is an integer, a symbol's name, or an object with one key: `{"add": [...]}`, `{"mul": [...]}`,
`{"floordiv": [a, b]}`, `{"mod": [a, b]}`.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import chain
from typing import Annotated, Any, NamedTuple, TypeAlias, cast

from pydantic import GetPydanticSchema, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from asg_schema.errors import DimError
from asg_schema.wire import show_value

__all__ = [
    "Dim",
    "SymbolicDim",
    "bind_dim",
    "dim_from_json",
    "dim_to_json",
    "element_count",
    "format_shape",
    "symbol",
    "symbols_of",
]

_SYMBOL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
_LARGEST = 2**63 - 1
# Bounds on what a document can make a reader compute: a product of n sums has 2ⁿ terms.
_DEEPEST = 32  # in divisions; the JSON form of one level takes three objects
_DEEPEST_JSON = 128
_MOST_TERMS = 128
_MOST_FACTORS = 64


class _Symbol(NamedTuple):
    name: str


class _Division(NamedTuple):
    """An atom `numerator // denominator` ("floordiv") or `numerator % denominator` ("mod") that does not simplify."""

    kind: str
    numerator: "int | SymbolicDim"
    denominator: "int | SymbolicDim"


_Atom: TypeAlias = _Symbol | _Division
_Monomial: TypeAlias = tuple[_Atom, ...]  # sorted, repeated for powers; () is the constant term


class SymbolicDim:
    """A dimension that is not yet known: an immutable polynomial over symbols.

    Supports `+`, `-`, `*`, `//` and `%` with ints and other dims; a result that is constant is an `int`.
    """

    __slots__ = ("_depth", "_hash", "_terms")
    _terms: tuple[tuple[_Monomial, int], ...]
    _hash: int
    _depth: int

    def __init__(self, terms: tuple[tuple[_Monomial, int], ...]) -> None:
        self._terms = terms
        self._hash = hash(terms)
        self._depth = max(map(_atom_depth, chain.from_iterable(term[0] for term in terms)))

    @property
    def depth(self) -> int:
        """How deep floor divisions and remainders are nested in it."""
        return self._depth

    @property
    def terms(self) -> tuple[tuple[_Monomial, int], ...]:
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

    def __add__(self, other: "Dim") -> "Dim":
        return _from_terms([*self._terms, *_terms(other)])

    __radd__ = __add__

    def __neg__(self) -> "Dim":
        return self * -1

    def __sub__(self, other: "Dim") -> "Dim":
        return self + other * -1

    def __rsub__(self, other: "Dim") -> "Dim":
        return self * -1 + other

    def __mul__(self, other: "Dim") -> "Dim":
        return _from_terms(
            (tuple(sorted(a + b, key=_atom_key)), x * y) for a, x in self._terms for b, y in _terms(other)
        )

    __rmul__ = __mul__

    def __floordiv__(self, other: "Dim") -> "Dim":
        return _divide(self, other)[0]

    def __rfloordiv__(self, other: "Dim") -> "Dim":
        return _divide(other, self)[0]

    def __mod__(self, other: "Dim") -> "Dim":
        return _divide(self, other)[1]

    def __rmod__(self, other: "Dim") -> "Dim":
        return _divide(other, self)[1]


def _terms(dim: "int | SymbolicDim") -> tuple[tuple[_Monomial, int], ...]:
    if isinstance(dim, SymbolicDim):
        return dim.terms
    return (((), dim),) if dim else ()


def _atom_depth(atom: _Atom) -> int:
    return 0 if isinstance(atom, _Symbol) else 1 + max(_depth(atom.numerator), _depth(atom.denominator))


def _depth(dim: "int | SymbolicDim") -> int:
    return 0 if isinstance(dim, int) else dim.depth


def _atom_key(atom: _Atom) -> tuple[int, str]:
    return (0, atom.name) if isinstance(atom, _Symbol) else (1, _format_atom(atom))


def _monomial_key(monomial: _Monomial) -> tuple[int, list[tuple[int, str]]]:
    return len(monomial), [_atom_key(atom) for atom in monomial]


def _from_terms(terms: Iterable[tuple[_Monomial, int]]) -> "int | SymbolicDim":
    total: dict[_Monomial, int] = {}
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
    if any(abs(coefficient) > _LARGEST for _, coefficient in kept):
        raise DimError("a coefficient of a dim's expression is beyond 2**63 - 1")
    kept.sort(key=lambda term: _monomial_key(term[0]))
    return SymbolicDim(tuple(kept))


def _divide(numerator: "Dim", denominator: "Dim") -> tuple["Dim", "Dim"]:
    """Floor division and remainder: the terms that `denominator` divides exactly are split off first."""
    if denominator == 0:
        raise ZeroDivisionError(f"the dim {numerator!r} is divided by zero")
    if numerator == denominator:
        return 1, 0
    divisor = _terms(denominator)
    if len(divisor) != 1:
        return _stuck(numerator, denominator)
    factors, scale = divisor[0]
    exact: list[tuple[_Monomial, int]] = []
    rest: list[tuple[_Monomial, int]] = []
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


def _stuck(numerator: "Dim", denominator: "Dim") -> tuple["Dim", "Dim"]:
    if max(_depth(numerator), _depth(denominator)) >= _DEEPEST:
        raise DimError(f"a dim's divisions are nested more than {_DEEPEST} deep")
    return tuple(SymbolicDim((((_Division(kind, numerator, denominator),), 1),)) for kind in ("floordiv", "mod"))  # pyright: ignore[reportReturnType]


def _remove_factors(monomial: _Monomial, factors: _Monomial) -> _Monomial | None:
    remaining = list(monomial)
    for factor in factors:
        if factor not in remaining:
            return None
        remaining.remove(factor)
    return tuple(remaining)


def _format_term(monomial: _Monomial, coefficient: int) -> str:
    factors = [_format_atom(atom) for atom in monomial]
    if coefficient != 1 or not factors:
        factors.insert(0, str(coefficient))
    return "*".join(factors)


def _format_atom(atom: _Atom) -> str:
    if isinstance(atom, _Symbol):
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
    return SymbolicDim((((_Symbol(name),), 1),))


def dim_from_json(value: object, depth: int = 0) -> "int | SymbolicDim":
    """Read a dim from its JSON form (see the module's docstring).

    Raises:
        DimError: the value is not a dim, or is nested too deep, or grows too large.
    """
    if isinstance(value, SymbolicDim):
        return value
    if isinstance(value, str):
        return symbol(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if abs(value) > _LARGEST:
            raise DimError(f"a dim is at most 2**63 - 1, not {show_value(value)}")
        return value
    if isinstance(value, dict) and len(cast("dict[str, object]", value)) == 1:
        ((kind, arguments),) = cast("dict[str, object]", value).items()
        if depth >= _DEEPEST_JSON:
            raise DimError(f"a dim's expression is nested at most {_DEEPEST_JSON} deep")
        if isinstance(arguments, list | tuple):
            operands = [dim_from_json(argument, depth + 1) for argument in cast("list[object]", arguments)]
            return _apply(kind, operands)
    raise DimError(
        'a dim is an integer, a symbol, or {"add"|"mul"|"floordiv"|"mod": [dims]}, not '
        + show_value(cast("object", value))
    )


def _apply(kind: str, operands: "list[int | SymbolicDim]") -> "int | SymbolicDim":
    if kind in ("floordiv", "mod") and len(operands) == 2:
        if operands[1] == 0:
            raise DimError(f'a dim\'s "{kind}" divides by zero')
        return operands[0] // operands[1] if kind == "floordiv" else operands[0] % operands[1]
    if kind in ("add", "mul") and len(operands) >= 2:
        result = operands[0]
        for operand in operands[1:]:
            result = result + operand if kind == "add" else result * operand
        if isinstance(result, int) and abs(result) > _LARGEST:
            raise DimError("a dim is at most 2**63 - 1")
        return result
    raise DimError(
        'a dim\'s expression is "add" or "mul" of at least two dims, or "floordiv" or "mod" of two; not '
        f"{show_value(kind)} of {len(operands)}"
    )


def dim_to_json(dim: "int | SymbolicDim") -> Any:
    """Write a dim in its JSON form; `dim_from_json` reads the same dim back."""
    if isinstance(dim, int):
        return dim
    terms = [_term_to_json(monomial, coefficient) for monomial, coefficient in reversed(dim.terms)]
    return terms[0] if len(terms) == 1 else {"add": terms}


def _term_to_json(monomial: _Monomial, coefficient: int) -> Any:
    factors = [_atom_to_json(atom) for atom in monomial]
    if coefficient != 1 or not factors:
        factors.append(coefficient)
    return factors[0] if len(factors) == 1 else {"mul": factors}


def _atom_to_json(atom: _Atom) -> Any:
    if isinstance(atom, _Symbol):
        return atom.name
    return {atom.kind: [dim_to_json(atom.numerator), dim_to_json(atom.denominator)]}


def bind_dim(dim: "int | SymbolicDim", values: Mapping[str, int]) -> int:
    """Replace every symbol by its value.

    Raises:
        KeyError: a symbol has no value in `values`.
        ZeroDivisionError: a floor division or remainder by a dim that turns out to be zero.
    """
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        product = coefficient
        for atom in monomial:
            product *= _bind_atom(atom, values)
        total += product
    return total


def _bind_atom(atom: _Atom, values: Mapping[str, int]) -> int:
    if isinstance(atom, _Symbol):
        return values[atom.name]
    numerator, denominator = bind_dim(atom.numerator, values), bind_dim(atom.denominator, values)
    return numerator // denominator if atom.kind == "floordiv" else numerator % denominator


def symbols_of(dim: "int | SymbolicDim") -> frozenset[str]:
    """The names of the symbols that a dim contains."""
    if isinstance(dim, int):
        return frozenset()
    names: set[str] = set()
    for monomial, _ in dim.terms:
        for atom in monomial:
            if isinstance(atom, _Symbol):
                names.add(atom.name)
            else:
                names |= symbols_of(atom.numerator) | symbols_of(atom.denominator)
    return frozenset(names)


def element_count(shape: "Iterable[int | SymbolicDim]") -> "int | SymbolicDim":
    """The product of the dims: how many elements an array of this shape has."""
    count: int | SymbolicDim = 1
    for dim in shape:
        count = count * dim
    return count


def format_shape(shape: "Iterable[int | SymbolicDim]") -> str:
    """A shape as messages show it: `[batch, 3]`."""
    return f"[{', '.join(map(str, shape))}]"


def _validate(value: object) -> "int | SymbolicDim":
    try:
        return dim_from_json(value)
    except ValueError as error:
        raise PydanticCustomError("dim", "{reason}", {"reason": str(error)}) from None


_JSON_SCHEMA: dict[str, Any] = {
    "title": "Dim",
    "oneOf": [
        {"type": "integer"},
        {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,63}$"},
        {
            "type": "object",
            "minProperties": 1,
            "maxProperties": 1,
            "additionalProperties": False,
            "properties": {
                "add": {"type": "array", "minItems": 2},
                "mul": {"type": "array", "minItems": 2},
                "floordiv": {"type": "array", "minItems": 2, "maxItems": 2},
                "mod": {"type": "array", "minItems": 2, "maxItems": 2},
            },
        },
    ],
}

Dim: TypeAlias = Annotated[
    int | SymbolicDim,
    # A plain int, by far the most frequent dim, is recognised without a call into Python.
    GetPydanticSchema(
        lambda _source, _handler: core_schema.union_schema(
            [
                core_schema.int_schema(strict=True, ge=-_LARGEST, le=_LARGEST),
                core_schema.no_info_plain_validator_function(_validate),
            ],
            mode="left_to_right",
        )
    ),
    PlainSerializer(dim_to_json),
    WithJsonSchema(_JSON_SCHEMA),
]
"""A dimension: an `int`, or a `SymbolicDim`."""
