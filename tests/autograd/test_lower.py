"""What `lower` keeps, how it names what it adds, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asg_autograd import TransformError, grad, lower
from asg_schema import Composite, Document

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "classifier",
    "inputs": [
        {"id": "x", "dtype": "float64", "shape": ["batch", 4]},
        {"id": "target", "dtype": "int64", "shape": ["batch"]},
    ],
    "parameters": [{"id": "weight", "dtype": "float64", "shape": [4, 4]}],
    "nodes": [
        {"id": "first", "op": "softmax", "inputs": ["x"]},
        {"id": "again", "op": "softmax", "inputs": ["x"]},
        {"id": "scores", "op": "linear", "inputs": ["first", "weight"]},
        {"id": "loss.log_softmax.max", "op": "sin", "inputs": ["scores"]},
        {"id": "loss", "op": "cross_entropy", "inputs": ["scores", "target"], "metadata": {"layer": "head"}},
        {"id": "dead", "op": "gelu", "inputs": ["x"]},
        {"id": "idle", "op": "exp", "inputs": ["x"]},
        {"id": "total", "op": "add", "inputs": ["again", "loss.log_softmax.max"]},
    ],
    "outputs": [
        {"name": "loss", "value": "loss", "role": {"kind": "metric"}},
        {"name": "first", "value": "again"},
        {"name": "total", "value": "total"},
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


def test_the_interface_and_what_is_no_composite_stay() -> None:
    lowered = checked(lower(MODEL))
    assert (lowered.inputs, lowered.parameters) == (MODEL.inputs, MODEL.parameters)
    assert (lowered.name, lowered.metadata) == ("classifier", {"note": "kept"})
    assert [(item.name, item.role) for item in lowered.outputs] == [(item.name, item.role) for item in MODEL.outputs]
    nodes = {node.id: node for node in lowered.nodes}
    assert not any(isinstance(node, Composite) for node in lowered.nodes)
    for id in ("loss.log_softmax.max", "idle"):
        assert nodes[id] == next(node for node in MODEL.nodes if node.id == id)


def test_what_is_added_is_named_after_the_composite() -> None:
    lowered = lower(MODEL)
    nodes = {node.id: node for node in lowered.nodes}
    assert nodes["first"].name == "divide"
    assert nodes["first"].inputs == ("first.exp", "first.sum")
    assert nodes["loss"].metadata == {"layer": "head"}
    assert "loss.log_softmax.exp" in nodes
    # A node of the document had the id that the maximum within the loss would have had.
    assert nodes["loss.log_softmax.max"].name == "sin"
    assert nodes["loss.log_softmax.max_1"].name == "max"


def test_nothing_is_computed_twice_and_nothing_that_is_not_needed() -> None:
    lowered = lower(MODEL)
    ids = [node.id for node in lowered.nodes]
    assert not any(id.startswith(("again", "dead")) for id in ids)
    assert {item.name: item.value for item in lowered.outputs}["first"] == "first"
    assert next(node for node in lowered.nodes if node.id == "total").inputs[0] == "first"


def test_only_those_that_are_named() -> None:
    lowered = checked(lower(MODEL, ops="cross_entropy"))
    assert {node.name for node in lowered.nodes if isinstance(node, Composite)} == {
        "softmax",
        "linear",
        "log_softmax",
        "nll",
        "gelu",
    }
    further = lower(lowered, ops=["log_softmax", "nll"])
    assert {node.name for node in further.nodes if isinstance(node, Composite)} >= {"softmax", "linear", "gelu"}
    assert lower(lower(MODEL)) == lower(MODEL)


def test_several_results() -> None:
    document = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "x", "dtype": "float64", "shape": [2, 5]}],
            "nodes": [
                {"id": "best", "op": "top_k", "inputs": ["x"], "k": 2},
                {"id": "y", "op": "exp", "inputs": ["best"]},
            ],
            "outputs": [{"name": "values", "value": "y"}, {"name": "indices", "value": "best:1"}],
        }
    )
    lowered = checked(lower(document))
    assert {item.name: lowered.types[item.value] for item in lowered.outputs} == {
        item.name: document.types[item.value] for item in document.outputs
    }
    assert all(node.id.startswith("best.") or node.id == "y" for node in lowered.nodes)


def test_it_computes_the_same_and_so_does_its_gradient(run: Callable[..., dict[str, Any]]) -> None:
    generator = np.random.default_rng(0)
    values = {
        "x": generator.normal(size=(3, 4)),
        "weight": generator.normal(size=(4, 4)),
        "target": np.array([0, 3, 1]),
    }
    wanted = [item.name for item in grad(MODEL).outputs]
    expected = run(grad(MODEL), values, wanted)
    for document in (grad(lower(MODEL)), lower(grad(MODEL)), checked(lower(grad(lower(MODEL))))):
        found = run(document, values, wanted)
        for name in wanted:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-15)


def test_long_ids_stay_ids() -> None:
    source = {**SOURCE, "nodes": [{**node, "id": node["id"].replace("loss", "l" * 230)} for node in SOURCE["nodes"]]}
    source["outputs"] = [{**item, "value": item["value"].replace("loss", "l" * 230)} for item in SOURCE["outputs"]]
    source["nodes"][-1]["inputs"] = ["again", "l" * 230 + ".log_softmax.max"]
    checked(lower(Document.from_dict(source)))


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ("softmx", 'ops: there is no op "softmx"; did you mean "softmax"?'),
        (["softmax", "add"], 'ops: "add" is a primitive; only a composite has an expansion'),
        ([], "ops is empty; name at least one composite, or leave it out for all of them"),
    ],
)
def test_what_cannot_be_lowered_is_said(ops: Any, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        lower(MODEL, ops=ops)
    assert str(caught.value) == message
