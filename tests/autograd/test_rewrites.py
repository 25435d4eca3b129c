"""Each rewrite, and what must not be rewritten."""

import math
from itertools import pairwise

import numpy as np
import pytest

import asg_executor
from asg_autograd.rewrites import Candidate, Rewrite, rewrites
from asg_autograd.simplifying_editor import SimplifyingEditor
from asg_schema.document import Document, Input, Output, Parameter
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.op import Op
from asg_schema.op_table import OPS
from asg_schema.ops.control import Barrier
from asg_schema.ops.creation import Constant, Full, Iota
from asg_schema.ops.elementwise_functions import Exp, Sin
from asg_schema.ops.layout import BroadcastTo
from asg_schema.ops.random import RngBits
from asg_schema.ops.reduction import Sum
from transform_harness.rewrite_cases import (
    CASES,
    Build,
    N,
    transpose,
)


@pytest.fixture
def editor() -> SimplifyingEditor:
    return SimplifyingEditor()


@pytest.fixture
def x(editor: SimplifyingEditor) -> Value:
    return editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(N, 3)))


@pytest.fixture
def y(editor: SimplifyingEditor) -> Value:
    return editor.add_input(Input(id="y", dtype=DType.FLOAT32, shape=(N, 3)))


def form(value: Value) -> str:
    """How a value is computed, as nested calls of ops."""
    editor = value.editor
    assert isinstance(editor, SimplifyingEditor)
    node = editor.definition(value)
    if node is None:
        return value.id
    if isinstance(node, Full | Constant):
        shown = list(node.value) if isinstance(node.value, tuple) else node.value
        return f"{shown}{list(node.shape) if node.shape else ''}"
    return f"{node.name}({', '.join(form(editor.value(reference)) for reference in node.inputs)})"


@pytest.mark.parametrize(("build", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_form(build: Build, expected: str, x: Value, y: Value) -> None:
    found = form(build(x, y))
    assert found == expected or (expected.endswith("(") and found.startswith(expected))


_ROUNDED_OTHERWISE = {
    "transpose of a product",
    "sum of what is repeated",
    "sum over one of two axes along which a value is repeated",
    "sum over the second of two axes along which a value is repeated",
    "einsum of a transposed",
    "an einsum transposed",
}


@pytest.mark.parametrize(("name", "build"), [case[:2] for case in CASES], ids=[case[0] for case in CASES])
def test_no_value_changes(name: str, build: Build) -> None:
    """With NaN, infinities, zeros of both signs, and numbers large and small; only the sign of a zero may differ."""
    generator = np.random.default_rng(0)
    awkward = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, 3e38, -3e38, 1.0]
    arrays = [generator.permutation(np.array(awkward, np.float32)).reshape(3, 3) for _ in range(20)]
    arrays += [generator.normal(size=(3, 3)).astype(np.float32) for _ in range(2)]
    documents: list[Document] = []
    for editor in (Editor(), SimplifyingEditor()):
        values = [editor.add_input(Input(id=id, dtype=DType.FLOAT32, shape=(N, 3))) for id in "xy"]
        editor.add_output(Output(name="result", value=build(*values).id))
        documents.append(editor.document())
    for x, y in pairwise(arrays):
        before, after = (asg_executor.run(document, {"x": x, "y": y})["result"] for document in documents)
        if name in _ROUNDED_OTHERWISE:
            np.testing.assert_allclose(after, before, rtol=1e-6)
        else:
            np.testing.assert_array_equal(after, before)


def test_every_rule_is_exercised_by_a_case(monkeypatch: pytest.MonkeyPatch) -> None:
    fired: set[str] = set()
    rules = {rule.__name__: rule for table in rewrites.values() for listed in table.values() for rule in listed}

    def watched(rule: Rewrite) -> Rewrite:
        def apply(node: Op, at: Candidate) -> Value | None:
            result = rule(node, at)
            if result is not None:
                fired.add(rule.__name__)
            return result

        return apply

    for op, table in rewrites.items():
        watching = {source: [watched(rule) for rule in listed] for source, listed in table.items()}
        monkeypatch.setitem(rewrites, op, watching)
    for _, build, _ in CASES:
        editor = SimplifyingEditor()
        build(*(editor.add_input(Input(id=id, dtype=DType.FLOAT32, shape=(N, 3))) for id in "xy"))
    assert fired == set(rules)


def test_the_value_has_the_type_of_what_it_stands_for(x: Value, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(node: Op, at: Candidate) -> Value | None:
        return Sum.of(at.x)

    monkeypatch.setitem(rewrites, Exp, {None: [wrong]})
    with pytest.raises(TypeError, match=r"made float32\[\] of exp float32\[n, 3\]"):
        Exp.of(x)


def test_equal_nodes_are_one(editor: SimplifyingEditor, x: Value) -> None:
    assert Sin.of(x).id == Sin.of(x).id
    assert Sum.of(x, axis=(1,)).id == Sum.of(x, axis=[1]).id
    assert Sum.of(x, axis=(1,)).id != Sum.of(x, axis=(1,), keepdims=True).id
    assert Sum.of(x, keepdims=False).id == Sum.of(x).id
    assert len(editor.nodes) == 4


def test_a_product_that_is_used_is_not_computed_again_transposed(editor: SimplifyingEditor, x: Value, y: Value) -> None:
    product = transpose(x) @ y
    used = Exp.of(product)
    assert form(transpose(product)) == "permute_dims(matmul(permute_dims(x), y))"
    assert form(transpose(used)) == "permute_dims(exp(matmul(permute_dims(x), y)))"
    reloaded = SimplifyingEditor()
    reloaded.load(editor.document())
    assert form(transpose(reloaded.value(product.id))) == "permute_dims(matmul(permute_dims(x), y))"


def test_nodes_of_a_loaded_document_are_used_and_kept() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float32", "shape": [3]}],
            "nodes": [
                {"id": "one", "op": "sin", "inputs": ["x"]},
                {"id": "two", "op": "sin", "inputs": ["x"]},
                {"id": "half", "op": "full", "dtype": "float32", "shape": [], "value": 0.5},
            ],
        }
    )
    editor = SimplifyingEditor()
    editor.load(document)
    x = editor.value("x")
    assert Sin.of(x).id == "one"
    assert x.scalar(0.5).id == "half"
    assert tuple(editor.nodes) == document.nodes


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (0.0, -0.0, False),
        (0.0, 0.0, True),
        (math.nan, math.nan, True),
        (math.nan, float("nan"), True),
        (math.inf, -math.inf, False),
        (1, 1.0, True),
        (0.1, 0.1 + 1e-18, True),
        (0.1, 0.1 + 1e-16, False),
    ],
)
def test_constants_are_one_where_no_op_can_tell_them_apart(
    editor: SimplifyingEditor, first: float, second: float, same: bool
) -> None:
    one, other = (editor.full((), value, DType.FLOAT32) for value in (first, second))
    assert (one.id == other.id) is same


def test_constants_of_different_dtypes_are_different(editor: SimplifyingEditor) -> None:
    kinds = [(True, DType.BOOL), (1, DType.INT32), (1, DType.INT64), (1.0, DType.FLOAT32), (1.0, DType.FLOAT64)]
    ids = {editor.full((), value, dtype).id for value, dtype in kinds}
    assert len(ids) == len(kinds)


def test_barriers_are_never_merged(editor: SimplifyingEditor, x: Value) -> None:
    first, second = Barrier.of(x), Barrier.of(x)
    assert first.id != second.id
    assert Sin.of(first).id != Sin.of(second).id
    reloaded = SimplifyingEditor()
    reloaded.load(editor.document())
    assert Barrier.of(reloaded.value("x")).id not in (first.id, second.id)


def test_random_bits_of_one_key_are_one(editor: SimplifyingEditor) -> None:
    key = editor.add_input(Input(id="key", dtype=DType.UINT32, shape=(2,)))
    assert RngBits.of(key, shape=(3,)).id == RngBits.of(key, shape=(3,)).id
    assert RngBits.of(key, shape=(3,)).id != RngBits.of(key, shape=(3,), offset=3).id


def test_ops_without_operands_are_merged_too(editor: SimplifyingEditor) -> None:
    first, second = (editor.emit(Iota, (), {"dtype": DType.INT64, "shape": (3,)})[0] for _ in range(2))
    assert first.id == second.id


def test_a_long_chain_of_broadcasts_is_followed_without_recursion() -> None:
    editor = Editor()
    x: Value = editor.add_parameter(Parameter(id="x", dtype=DType.FLOAT32, shape=()))
    for _ in range(5_000):
        x = BroadcastTo.of(x, shape=())
    simplifying = SimplifyingEditor()
    simplifying.load(editor.document())
    assert form(BroadcastTo.of(simplifying.value(x.id), shape=(2,))) == "broadcast_to(x)"


def test_rules_are_for_ops_of_the_format() -> None:
    assert set(rewrites) <= set(OPS.values())
