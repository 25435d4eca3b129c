"""Dims: a `Dim` is an `int` or a `SymbolicDim` (see `asg_schema.symbolic_dim`).

In JSON a dim is an integer, a symbol's name, or an object with one key: `{"add": [...]}`, `{"mul": [...]}`,
`{"floordiv": [a, b]}`, `{"mod": [a, b]}`.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, TypeAlias, cast

from pydantic import GetPydanticSchema, PlainSerializer, WithJsonSchema
from pydantic_core import PydanticCustomError, core_schema

from asg_schema.errors import DimError
from asg_schema.symbolic_dim import LARGEST_DIM, Atom, Monomial, Symbol, SymbolicDim, sum_of, symbol
from asg_schema.wire import show_value

__all__ = [
    "Dim",
    "SymbolicDim",
    "bind_dim",
    "dim_from_json",
    "dim_to_json",
    "element_count",
    "format_shape",
    "substitute_dim",
    "symbol",
    "symbols_of",
]

_DEEPEST_JSON = 128  # one level of divisions takes three objects


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
        if abs(value) > LARGEST_DIM:
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
        result = sum_of(operands) if kind == "add" else math.prod(operands[1:], start=operands[0])
        if isinstance(result, int) and abs(result) > LARGEST_DIM:
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


def _term_to_json(monomial: Monomial, coefficient: int) -> Any:
    factors = [_atom_to_json(atom) for atom in monomial]
    if coefficient != 1 or not factors:
        factors.append(coefficient)
    return factors[0] if len(factors) == 1 else {"mul": factors}


def _atom_to_json(atom: Atom) -> Any:
    if isinstance(atom, Symbol):
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


def _bind_atom(atom: Atom, values: Mapping[str, int]) -> int:
    if isinstance(atom, Symbol):
        return values[atom.name]
    numerator, denominator = bind_dim(atom.numerator, values), bind_dim(atom.denominator, values)
    return numerator // denominator if atom.kind == "floordiv" else numerator % denominator


def substitute_dim(dim: "int | SymbolicDim", values: "Mapping[str, int | SymbolicDim]") -> "int | SymbolicDim":
    """Replace symbols by dims, all at once; a symbol without one stays.

    Raises:
        ZeroDivisionError: a floor division or remainder by a dim that turns out to be zero.
        DimError: the result is beyond 2**63 - 1, or too large an expression.
    """
    if isinstance(dim, int) or values.keys().isdisjoint(symbols_of(dim)):
        return dim
    terms: list[int | SymbolicDim] = []
    for monomial, coefficient in dim.terms:
        product: int | SymbolicDim = coefficient
        for atom in monomial:
            product = product * _substitute_atom(atom, values)
        terms.append(product)
    result = sum_of(terms)
    if isinstance(result, int) and abs(result) > LARGEST_DIM:
        raise DimError(f"a dim is at most 2**63 - 1, not {show_value(result)}")
    return result


def _substitute_atom(atom: Atom, values: "Mapping[str, int | SymbolicDim]") -> "int | SymbolicDim":
    if isinstance(atom, Symbol):
        return values[atom.name] if atom.name in values else symbol(atom.name)
    numerator, denominator = substitute_dim(atom.numerator, values), substitute_dim(atom.denominator, values)
    return numerator // denominator if atom.kind == "floordiv" else numerator % denominator


def symbols_of(dim: "int | SymbolicDim") -> frozenset[str]:
    """The names of the symbols that a dim contains."""
    if isinstance(dim, int):
        return frozenset()
    names: set[str] = set()
    for monomial, _ in dim.terms:
        for atom in monomial:
            if isinstance(atom, Symbol):
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
                core_schema.int_schema(strict=True, ge=-LARGEST_DIM, le=LARGEST_DIM),
                core_schema.no_info_plain_validator_function(_validate),
            ],
            mode="left_to_right",
        )
    ),
    PlainSerializer(dim_to_json),
    WithJsonSchema(_JSON_SCHEMA),
]
"""A dimension: an `int`, or a `SymbolicDim`."""
