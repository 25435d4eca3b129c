"""What `rename` renames, what follows, and what it refuses."""

from collections.abc import Mapping
from typing import Any

import pytest

from asg_autograd import Renamed, TransformError, grad, rename, vjp
from asg_schema import Document
from asg_schema.roles import CotangentRole, GradientRole, StateUpdateRole, TangentRole

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [
        {"id": "x", "dtype": "float32", "shape": ["batch", "n"]},
        {"id": "tangent.x", "dtype": "float32", "shape": ["batch", "n"], "role": {"kind": "tangent", "of": "x"}},
    ],
    "parameters": [
        {"id": "block.weight", "dtype": "float32", "shape": [3]},
        {"id": "block.inner/scale", "dtype": "float32", "shape": []},
        {"id": "block.mean", "dtype": "float32", "shape": [], "trainable": False},
    ],
    "nodes": [
        {"id": "block.best", "op": "top_k", "inputs": ["x"], "k": 3, "metadata": {"note": "kept"}},
        {"id": "block.scaled", "op": "multiply", "inputs": ["block.best", "block.weight"]},
        {"id": "index", "op": "astype", "inputs": ["block.best:1"], "dtype": "float32"},
        {"id": "sized", "op": "broadcast_to", "inputs": ["block.inner/scale"], "shape": [{"mul": ["batch", 2]}]},
        {"id": "total", "op": "sum", "inputs": ["block.scaled"]},
        {"id": "loss", "op": "multiply", "inputs": ["total", "block.inner/scale"]},
    ],
    "outputs": [
        {"name": "loss", "value": "loss", "role": {"kind": "metric"}},
        {"name": "indices", "value": "block.best:1"},
        {"name": "block.mean", "value": "total", "role": {"kind": "state_update", "of": "block.mean"}},
        {"name": "tangent.loss", "value": "total", "role": {"kind": "tangent", "of": "loss"}},
    ],
    "metadata": {"note": "kept"},
}
MODEL = Document.from_dict(SOURCE)


def checked(document: Document) -> Document:
    """The document, once it has been read back as an equal one."""
    again = Document.from_json(document.to_json())
    assert again == document
    assert again.types == document.types
    return document


def everything(document: Document) -> set[str]:
    return {*document.types, *(item.name for item in document.outputs)}


def test_ids_and_references() -> None:
    renamed = checked(rename(MODEL, {"block.best": "best", "x": "features"}))
    nodes = {node.id: node for node in renamed.nodes}
    assert nodes["best"].inputs == ("features",)
    assert nodes["best"].metadata == {"note": "kept"}
    assert nodes["block.scaled"].inputs == ("best", "block.weight")
    assert nodes["index"].inputs == ("best:1",)
    assert {item.name: item.value for item in renamed.outputs}["indices"] == "best:1"
    assert (renamed.name, renamed.metadata) == (MODEL.name, MODEL.metadata)


def test_roles_follow_and_so_do_names_of_derivatives() -> None:
    renamed = checked(rename(MODEL, {"x": "features", "loss": "objective", "block.mean": "mean"}))
    assert renamed.inputs[1].id == "tangent.features"
    assert renamed.inputs[1].role == TangentRole(of="features")
    outputs = {item.name: item.role for item in renamed.outputs}
    assert outputs["mean"] == StateUpdateRole(of="mean")
    assert outputs["tangent.objective"] == TangentRole(of="objective")
    assert "objective" in renamed.types
    given = rename(MODEL, {"x": "features", "tangent.x": "direction"})
    assert given.inputs[1].id == "direction"
    assert given.inputs[1].role == TangentRole(of="features")


def test_only_one_of_those_that_have_a_name() -> None:
    renamed = checked(rename(MODEL, {"loss": "objective"}, only="output"))
    assert [item.name for item in renamed.outputs] == ["objective", "indices", "block.mean", "tangent.objective"]
    assert "loss" in renamed.types
    assert rename(MODEL, {"loss": "objective"}, only=["node", "input"]).outputs[0].value == "objective"
    assert rename(MODEL, {"loss": "objective"}, only="node").outputs[0].name == "loss"


def test_beginnings() -> None:
    renamed = checked(rename(MODEL, {"block.": "encoder.", "block.inner/": "inner.", "block.best": "top"}))
    assert everything(renamed) == {
        *("x", "tangent.x", "encoder.weight", "inner.scale", "encoder.mean", "top", "top:1", "encoder.scaled"),
        *("index", "sized", "total", "loss", "indices", "tangent.loss"),
    }
    assert {item.id for item in rename(MODEL, {"": "model/"}, only="parameter").parameters} == {
        "model/block.weight",
        "model/block.inner/scale",
        "model/block.mean",
    }
    everywhere = checked(rename(MODEL, {"": "a."}))
    assert {item.name for item in everywhere.outputs} == {"a.loss", "a.indices", "a.block.mean", "a.tangent.loss"}
    assert all(id.startswith("a.") for id in everywhere.types)
    assert checked(rename(everywhere, {"a.": ""})) == MODEL
    # A name that ends so is a whole one where something has it.
    whole = Document.from_dict({"asg": 1, "inputs": [{"id": id, "dtype": "bool", "shape": []} for id in ("a.", "a.b")]})
    assert [item.id for item in rename(whole, {"a.": "c"}).inputs] == ["c", "cb"]


def test_symbols() -> None:
    renamed = checked(rename(MODEL, {"batch": "n", "n": "batch"}))
    assert str(renamed.types["x"]) == "float32[n, batch]"
    assert str(renamed.types["sized"]) == "float32[2*n]"
    assert rename(renamed, {"batch": "n", "n": "batch"}) == MODEL


def test_names_are_exchanged_all_at_once() -> None:
    swapped = checked(rename(MODEL, {"total": "loss", "loss": "total"}, only="node"))
    assert [node.id for node in swapped.nodes[-2:]] == ["loss", "total"]
    assert swapped.nodes[-1].inputs[0] == "loss"
    assert swapped.digest == MODEL.digest


def test_renaming_nodes_keeps_the_digest_and_renaming_the_interface_changes_it() -> None:
    assert rename(MODEL, {"": "n."}, only="node").digest == MODEL.digest
    assert rename(MODEL, {"x": "y"}).digest != MODEL.digest


@pytest.mark.parametrize("names", [{"block.": "encoder."}, {"block.weight": "w", "loss": "objective"}, {"x": "y"}])
def test_it_makes_no_difference_whether_a_gradient_is_taken_before(names: Mapping[str, str]) -> None:
    of = names.get("loss", "loss")
    wrt = ["x", "block.weight", "block.inner/scale"]
    interface: list[Renamed] = ["input", "parameter", "output"]
    first = grad(rename(MODEL, names, only=interface), of, [new_name(name, names) for name in wrt])
    second = rename(grad(MODEL, "loss", wrt), names, only=interface)
    assert checked(second).digest == checked(first).digest
    again = f"grad.{new_name('block.weight', names)}"
    twice = vjp(first, again, [new_name("x", names)])
    assert twice.inputs[-1].role == CotangentRole(of=again)
    before = vjp(grad(MODEL, "loss", wrt), "grad.block.weight", ["x"])
    if "x" not in names:  # an output of vjp has no role that says what it is of
        assert rename(before, names, only=interface).digest == twice.digest
    roles = [item.role for item in second.outputs if isinstance(item.role, GradientRole)]
    assert {role.of for role in roles} == {of}


def new_name(name: str, names: Mapping[str, str]) -> str:
    for old, new in names.items():
        if name == old or (old.endswith(".") and name.startswith(old)):
            return new + name[len(old) :]
    return name


@pytest.mark.parametrize(
    ("names", "only", "message"),
    [
        ({"los": "a"}, None, 'nothing is called "los"; did you mean "loss"?'),
        ({"blok.": "a."}, None, 'no name begins with "blok."'),
        ({"batch": "a"}, "output", '"batch" is the name of a symbol, which "only" leaves out'),
        (
            {"x": "9"},
            None,
            'input "x" cannot become "9"; an id is a letter or _ followed by at most 254 letters, digits, _ . / or -',
        ),
        ({"x": "loss"}, None, '"x" cannot become "loss": "loss" has that id then, too'),
        ({"x": "a", "total": "a"}, None, '"x" cannot become "a": "total" has that id then, too'),
        (
            {"loss": "indices"},
            "output",
            '"loss" cannot become "indices": "indices" has that name of an output then, too',
        ),
        (
            {"indices": "a\nb"},
            None,
            'output "indices" cannot become "a\\nb"; a name has 1 to 255 characters, none of them a control character',
        ),
        (
            {"n": "batch"},
            None,
            'the symbol "n" cannot become "batch", which is another; use specialize to make two symbols one',
        ),
        (
            {"n": "a.b"},
            None,
            'a dim\'s symbol is a letter or _ followed by letters, digits or _ (at most 64), not "a.b"',
        ),
        (
            {"x": "a"},
            "nodes",
            'only: there is no kind of name "nodes"; known are input, parameter, node, output, symbol, function',
        ),
        ({"x": "a"}, [], "only is empty; at least one name is needed"),
    ],
)
def test_what_is_refused(names: dict[str, str], only: Any, message: str) -> None:
    with pytest.raises(TransformError) as caught:
        rename(MODEL, names, only=only)
    assert str(caught.value) == message
