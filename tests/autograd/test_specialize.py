"""What `specialize` replaces, what it keeps, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asg_autograd import TransformError, grad, specialize
from asg_schema import DimError, Document, symbol
from asg_schema.dims import substitute_dim

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "pairs",
    "inputs": [
        {"id": "x", "dtype": "float64", "shape": ["batch", "length"]},
        {"id": "y", "dtype": "float64", "shape": ["length"]},
        {"id": "half", "dtype": "float64", "shape": [{"floordiv": ["length", 2]}]},
    ],
    "parameters": [{"id": "weight", "dtype": "float64", "shape": []}],
    "nodes": [
        {"id": "scaled", "op": "multiply", "inputs": ["x", "weight"]},
        {"id": "flat", "op": "reshape", "inputs": ["scaled"], "shape": [{"mul": ["batch", "length"]}]},
        {"id": "wide", "op": "broadcast_to", "inputs": ["y"], "shape": ["batch", "length"]},
        {"id": "even", "op": "slice", "inputs": ["y"], "start": [0], "stop": [{"floordiv": ["length", 2]}]},
        {"id": "small", "op": "multiply", "inputs": ["even", "half"]},
        {"id": "size", "op": "dim_size", "inputs": ["x"], "axis": 0},
        {"id": "loss", "op": "mean", "inputs": ["flat"]},
    ],
    "outputs": [
        {"name": "loss", "value": "loss", "role": {"kind": "metric"}},
        {"name": "wide", "value": "wide"},
        {"name": "small", "value": "small"},
        {"name": "size", "value": "size"},
    ],
    "metadata": {"note": "kept"},
}
MODEL = Document.from_dict(SOURCE)


def checked(document: Document) -> Document:
    """The document, once it has been read back as an equal one."""
    again = Document.from_json(document.to_json())
    assert again == document
    assert again.types == document.types
    assert again.digest == document.digest
    return document


def test_sizes_go_into_every_shape() -> None:
    fixed = checked(specialize(MODEL, batch=3, length=5))
    assert {name: str(type) for name, type in fixed.types.items() if name not in ("weight", "size", "loss")} == {
        "x": "float64[3, 5]",
        "y": "float64[5]",
        "half": "float64[2]",
        "scaled": "float64[3, 5]",
        "flat": "float64[15]",
        "wide": "float64[3, 5]",
        "even": "float64[2]",
        "small": "float64[2]",
    }
    assert "batch" not in fixed.to_json()
    assert "length" not in fixed.to_json()
    assert [node.id for node in fixed.nodes] == [node.id for node in MODEL.nodes]
    assert (fixed.parameters, fixed.outputs, fixed.name, fixed.metadata) == (
        MODEL.parameters,
        MODEL.outputs,
        "pairs",
        {"note": "kept"},
    )


def test_one_after_the_other_is_the_same_as_both_at_once() -> None:
    assert specialize(specialize(MODEL, batch=3), length=5) == specialize(MODEL, length=5, batch=3)
    assert specialize(MODEL) == MODEL


def test_symbols_become_others_all_at_once() -> None:
    swapped = checked(specialize(MODEL, batch="length", length="batch"))
    assert str(swapped.types["x"]) == "float64[length, batch]"
    assert specialize(swapped, batch="length", length="batch") == MODEL
    assert str(specialize(MODEL, batch="length").types["flat"]) == "float64[length*length]"
    assert str(checked(specialize(MODEL, length=symbol("n") * 2)).types["small"]) == "float64[n]"


def test_it_computes_the_same(run: Callable[..., dict[str, Any]], values: Callable[..., dict[str, Any]]) -> None:
    point = {**values(MODEL, batch=3, length=6, **{"(length // 2)": 3})}
    for document in (MODEL, grad(MODEL)):
        names = [item.name for item in document.outputs]
        expected = run(document, point, names)
        found = run(specialize(document, batch=3, length=6), point, names)
        for name in names:
            np.testing.assert_array_equal(found[name], expected[name])


def test_a_gradient_document_has_the_types_of_the_gradient_of_the_specialized_one() -> None:
    first = grad(specialize(MODEL, batch=3, length=6))
    second = checked(specialize(grad(MODEL), batch=3, length=6))
    assert [(item, first.types[item.value]) for item in first.outputs[:4]] == [
        (item, second.types[item.value]) for item in second.outputs[:4]
    ]
    assert [item.role for item in first.outputs] == [item.role for item in second.outputs]


@pytest.mark.parametrize(
    ("symbols", "message"),
    [
        ({"bach": 3}, 'the document has no symbol "bach"; did you mean "batch"?'),
        ({"x": 3}, 'the document has no symbol "x"; its symbols are batch, length'),
        ({"batch": -1}, "batch is -1; a size of at least 0, or a symbol, is needed"),
        ({"batch": True}, 'batch: a dim is an integer, a symbol, or {"add"|"mul"|"floordiv"|"mod": [dims]}, not true'),
        (
            {"batch": "not a name"},
            'batch: a dim\'s symbol is a letter or _ followed by letters, digits or _ (at most 64), not "not a name"',
        ),
        (
            {"batch": 2**40, "length": 2**40},
            'node "flat" (reshape): a dim is at most 2**63 - 1, not 1208925819614629174706176',
        ),
    ],
)
def test_what_is_refused(symbols: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        specialize(MODEL, **symbols)
    assert str(caught.value) == message


def test_a_rule_that_does_not_hold_for_the_size_names_the_node() -> None:
    source = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch", "length"]}],
        "nodes": [{"id": "cut", "op": "slice", "inputs": ["x"], "start": [0, 0], "stop": ["batch", 4]}],
        "outputs": [{"name": "cut", "value": "cut"}],
    }
    document = Document.from_dict(source)
    with pytest.raises(TransformError) as caught:
        specialize(document, length=3)
    assert str(caught.value).startswith(
        'with length = 3 the document is not valid:\n/nodes/0/stop: node "cut" (slice): '
    )


def test_a_division_by_zero_names_what_it_is_of() -> None:
    source = {
        "asg": 1,
        "inputs": [
            {"id": "n", "dtype": "float32", "shape": ["n"]},
            {"id": "x", "dtype": "float32", "shape": [{"floordiv": [4, "n"]}]},
        ],
        "outputs": [{"name": "x", "value": "x"}],
    }
    with pytest.raises(TransformError, match=r'input "x" float32\[\(4 // n\)\]: .*divided by zero|division'):
        specialize(Document.from_dict(source), n=0)


def test_dims_are_substituted_within_divisions() -> None:
    n, m = symbol("n"), symbol("m")
    dim = (n * 2 + m) // 3 + n % m
    assert substitute_dim(dim, {"n": 4}) == (m + 8) // 3 + 4 % m
    assert substitute_dim(dim, {"n": m, "m": n}) == (m * 2 + n) // 3 + m % n
    assert substitute_dim(dim, {"n": 4, "m": 3}) == 11 // 3 + 4 % 3
    assert substitute_dim(dim, {"other": 4}) is dim
    with pytest.raises(DimError):
        substitute_dim(n * n, {"n": 2**62})
