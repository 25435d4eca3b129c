"""What `prune` keeps and drops, and what it refuses."""

from typing import Any

import pytest

from asg_autograd import TransformError, grad, prune
from asg_schema import Document

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [
        {"id": "wide", "dtype": "float32", "shape": [{"mul": ["batch", 2]}]},
        {"id": "x", "dtype": "float32", "shape": ["batch", 3]},
        {"id": "idle", "dtype": "float32", "shape": ["batch", "length"]},
        {"id": "tangent.slope", "dtype": "float32", "shape": [3], "role": {"kind": "tangent", "of": "slope"}},
        {"id": "key", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}},
    ],
    "parameters": [
        {"id": "weight", "dtype": "float32", "shape": [3]},
        {"id": "slope", "dtype": "float32", "shape": [3]},
        {"id": "state", "dtype": "float32", "shape": [], "trainable": False},
    ],
    "nodes": [
        {"id": "scaled", "op": "multiply", "inputs": ["x", "weight"]},
        {"id": "zeros", "op": "full", "dtype": "float32", "shape": ["length"], "value": 0},
        {"id": "loss", "op": "sum", "inputs": ["scaled"]},
        {"id": "one", "op": "full", "dtype": "float32", "shape": [3], "value": 1},
        {"id": "moved", "op": "add", "inputs": ["tangent.slope", "weight"]},
        {"id": "double", "op": "add", "inputs": ["wide", "wide"]},
    ],
    "outputs": [
        {"name": "loss", "value": "loss"},
        {"name": "scaled", "value": "scaled"},
        {"name": "zeros", "value": "zeros"},
        {"name": "moved", "value": "moved"},
        {"name": "double", "value": "double"},
        {"name": "x", "value": "x"},
        {"name": "grad.slope", "value": "one", "role": {"kind": "gradient", "of": "loss", "wrt": "slope"}},
        {"name": "state", "value": "loss", "role": {"kind": "state_update", "of": "state"}},
    ],
    "metadata": {"note": "kept"},
}
MODEL = Document.from_dict(SOURCE)


@pytest.mark.parametrize(
    ("outputs", "inputs", "parameters", "nodes"),
    [
        ("loss", ["x"], ["weight"], ["scaled", "loss"]),
        (["scaled", "loss"], ["x"], ["weight"], ["scaled", "loss"]),
        ("x", ["x"], [], []),
        # The symbol stands in an attribute alone: what says how large it is stays.
        ("zeros", ["idle"], [], ["zeros"]),
        # What an input's role names stays.
        ("moved", ["tangent.slope"], ["weight", "slope"], ["moved"]),
        # `batch` follows most surely from the input that has it as a dim.
        ("double", ["wide", "x"], [], ["double"]),
        # What an output's role names stays although the value does not depend on it.
        ("grad.slope", [], ["slope"], ["one"]),
        ("state", ["x"], ["weight", "state"], ["scaled", "loss"]),
    ],
)
def test_what_is_needed_stays(
    outputs: str | list[str], inputs: list[str], parameters: list[str], nodes: list[str]
) -> None:
    pruned = prune(MODEL, outputs)
    assert Document.from_json(pruned.to_json()) == pruned
    assert Document.from_json(pruned.to_json()).types == pruned.types
    assert [item.id for item in pruned.inputs] == inputs
    assert [item.id for item in pruned.parameters] == parameters
    assert [node.id for node in pruned.nodes] == nodes
    names = [outputs] if isinstance(outputs, str) else outputs
    assert list(pruned.outputs) == [item for item in MODEL.outputs if item.name in names]
    assert (pruned.name, pruned.metadata) == (MODEL.name, MODEL.metadata)
    kept = {(item.id, item) for item in (*MODEL.inputs, *MODEL.parameters, *MODEL.nodes)}
    assert {(item.id, item) for item in (*pruned.inputs, *pruned.parameters, *pruned.nodes)} <= kept


def test_unused_inputs_and_parameters_may_stay() -> None:
    pruned = prune(MODEL, "loss", unused="keep")
    assert (pruned.inputs, pruned.parameters) == (MODEL.inputs, MODEL.parameters)
    assert [node.id for node in pruned.nodes] == ["scaled", "loss"]
    assert Document.from_json(pruned.to_json()) == pruned


def test_without_names_only_what_no_output_needs_goes() -> None:
    pruned = prune(MODEL)
    assert pruned.outputs == MODEL.outputs
    assert "key" not in [item.id for item in pruned.inputs]
    assert pruned.nodes == MODEL.nodes
    assert prune(pruned) == pruned


def test_a_gradient_document_is_pruned_back_to_what_it_was_made_of() -> None:
    document = prune(MODEL, ["loss", "scaled"])
    assert prune(grad(document), ["loss", "scaled"]) == document


@pytest.mark.parametrize(
    ("outputs", "unused", "message"),
    [
        ("los", "drop", 'the document has no output "los"; did you mean "loss"?'),
        ([], "drop", "outputs is empty; at least one name is needed"),
        ("loss", "no", 'unused is \'no\'; "drop" or "keep" is needed'),
    ],
)
def test_what_is_refused(outputs: Any, unused: Any, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        prune(MODEL, outputs, unused=unused)
    assert str(caught.value) == message


def test_an_input_that_is_kept_for_a_symbol_keeps_what_its_own_symbols_need() -> None:
    shapes = [("plain", ["n"]), ("other", ["n", 1]), ("wide", ["length", {"mul": ["n", 2]}]), ("unbound", ["m"])]
    source = {
        "asg": 1,
        "inputs": [{"id": id, "dtype": "float32", "shape": shape} for id, shape in shapes],
        "nodes": [{"id": "zeros", "op": "full", "dtype": "float32", "shape": ["length"], "value": 0}],
        "outputs": [{"name": "zeros", "value": "zeros"}],
    }
    assert [item.id for item in prune(Document.from_dict(source)).inputs] == ["plain", "wide"]
