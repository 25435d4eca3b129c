"""The algebra of dims against evaluating the expression with numbers."""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from asg_schema.dims import (
    Dim,
    SymbolicDim,
    bind_dim,
    dim_from_json,
    dim_to_json,
    element_count,
    format_shape,
    symbol,
    symbols_of,
)
from asg_schema.errors import DimError

Json: TypeAlias = Any

NAMES = ("batch", "n", "m")
OPERATIONS: Mapping[str, Callable[[int, int], int]] = {
    "add": lambda a, b: a + b,
    "mul": lambda a, b: a * b,
    "floordiv": lambda a, b: a // b,
    "mod": lambda a, b: a % b,
}

leaves: st.SearchStrategy[Json] = st.one_of(st.integers(-5, 9), st.sampled_from(NAMES))


def _combine(inner: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.tuples(st.sampled_from(tuple(OPERATIONS)), inner, inner).map(lambda drawn: {drawn[0]: [*drawn[1:]]})


expressions: st.SearchStrategy[Json] = st.recursive(leaves, _combine, max_leaves=6)
values = st.fixed_dictionaries({name: st.integers(1, 30) for name in NAMES})


def evaluate(expression: Json, bound: Mapping[str, int]) -> int:
    if isinstance(expression, str):
        return bound[expression]
    if isinstance(expression, int):
        return expression
    ((kind, (a, b)),) = expression.items()
    return OPERATIONS[kind](evaluate(a, bound), evaluate(b, bound))


def read(expression: Json) -> Dim:
    try:
        return dim_from_json(expression)
    except DimError as error:
        assume("divides by zero" not in str(error))
        raise


@given(expressions, values)
def test_the_canonical_form_has_the_value_of_the_expression(expression: Json, bound: dict[str, int]) -> None:
    try:
        expected = evaluate(expression, bound)
    except ZeroDivisionError:
        assume(False)
        return
    assert bind_dim(read(expression), bound) == expected


@given(expressions)
def test_a_dim_reads_back_from_its_json(expression: Json) -> None:
    dim = read(expression)
    written = json.loads(json.dumps(dim_to_json(dim)))
    assert dim_from_json(written) == dim
    assert dim_to_json(dim_from_json(written)) == written


@given(expressions, expressions, expressions)
def test_equal_polynomials_are_one_value(x: Json, y: Json, z: Json) -> None:
    a, b, c = read(x), read(y), read(z)
    for left, right in (
        (a + b, b + a),
        (a * b, b * a),
        ((a + b) + c, a + (b + c)),
        ((a * b) * c, a * (b * c)),
        (a * (b + c), a * b + a * c),
        (a - a, 0),
        (a + 0, a),
        (a * 1, a),
    ):
        assert left == right
        assert hash(left) == hash(right)
        assert json.dumps(dim_to_json(left)) == json.dumps(dim_to_json(right))


@given(expressions, expressions)
def test_quotient_and_remainder_make_up_the_numerator(x: Json, y: Json) -> None:
    a, b = read(x), read(y)
    assume(b != 0)
    bound = {"batch": 7, "n": 3, "m": 5}
    try:
        denominator = bind_dim(b, bound)
        numerator = bind_dim(a, bound)
    except ZeroDivisionError:
        assume(False)
        return
    assume(denominator != 0)
    assert bind_dim(a // b, bound) * denominator + bind_dim(a % b, bound) == numerator


n, m = symbol("n"), symbol("m")


@pytest.mark.parametrize(
    ("dim", "expected"),
    [
        ((n + 1) * 4, 4 * n + 4),
        ((4 * n + 4) // 4, n + 1),
        ((4 * n + 6) // 4, n + 1),
        ((4 * n + 6) % 4, 2),
        (n * m // n, m),
        (n * m % n, 0),
        ((n * m + m) // m, n + 1),
        (n // n, 1),
        (3 - n + n, 3),
        (7 // symbol("one") * 0, 0),
    ],
)
def test_simplification(dim: Dim, expected: Dim) -> None:
    assert dim == expected


def test_the_json_form_is_canonical() -> None:
    assert dim_to_json(4 * n * n + n * m - 3) == {"add": [{"mul": ["n", "n", 4]}, {"mul": ["m", "n"]}, -3]}
    assert dim_to_json((n + 1) // 2) == {"floordiv": [{"add": ["n", 1]}, 2]}
    assert str((n + 1) // 2 + 1) == "((n + 1) // 2) + 1"


def test_symbols_and_binding() -> None:
    dim = (n + 1) // m + 4
    assert isinstance(dim, SymbolicDim)
    assert symbols_of(dim) == {"n", "m"}
    with pytest.raises(KeyError, match="m"):
        bind_dim(dim, {"n": 1})
    with pytest.raises(ZeroDivisionError):
        bind_dim(dim, {"n": 1, "m": 0})
    assert element_count(()) == 1
    assert element_count((2, n, n)) == 2 * n * n
    assert format_shape((2, n)) == "[2, n]"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (True, "a dim is an integer, a symbol, or .*, not true"),
        (1.5, "a dim is an integer, .* not 1.5"),
        (None, "a dim is an integer, .* not null"),
        ([1], "a dim is an integer, .* not a list"),
        ({}, "a dim is an integer, .* not an object"),
        ({"add": [1, 2], "mul": [1, 2]}, "a dim is an integer, .* not an object"),
        ({"add": [1]}, 'not "add" of 1'),
        ({"sub": [1, 2]}, 'not "sub" of 2'),
        ({"mod": [1, 2, 3]}, 'not "mod" of 3'),
        ({"floordiv": ["n", 0]}, 'a dim\'s "floordiv" divides by zero'),
        ("2n", 'a dim\'s symbol is a letter or _ .*, not "2n"'),
        ("n" * 65, "at most 64"),
        (2**63, r"a dim is at most 2\*\*63 - 1"),
        ({"mul": [2**62, 2]}, r"a dim is at most 2\*\*63 - 1"),
        ({"mul": ["n", 2**62, 2]}, r"a coefficient .* beyond 2\*\*63 - 1"),
        ({"mul": ["n"] * 65}, "more than 64 factors"),
        ({"add": [f"s{i}" for i in range(129)]}, "more than 128 terms"),
        ({"mul": [{"add": [f"a{i}", f"b{i}"]} for i in range(60)]}, "more than 128 terms"),
    ],
)
def test_what_is_no_dim_is_refused(source: Json, message: str) -> None:
    with pytest.raises(DimError, match=message):
        dim_from_json(source)


def test_expressions_are_nested_at_most_so_deep() -> None:
    source: Json = "n"
    for _ in range(129):
        source = {"add": [source, 1]}
    with pytest.raises(DimError, match="nested at most 128 deep"):
        dim_from_json(source)


def test_inference_cannot_nest_divisions_without_end() -> None:
    deepest: Dim = n
    for _ in range(32):
        deepest = (deepest + 1) // 2
    assert dim_from_json(json.loads(json.dumps(dim_to_json(deepest)))) == deepest
    with pytest.raises(DimError, match="nested more than 32 deep"):
        _ = (deepest + 1) // 2
