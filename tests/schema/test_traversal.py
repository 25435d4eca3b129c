"""Walking large graphs: no recursion, and only what is needed."""

import pytest

from asg_schema import Document, DType, Editor, Input, Output, dependents, live_nodes, prune
from asg_schema.ops.elementwise import Add
from asg_schema.ops.elementwise_functions import Exp, Sin

LENGTH = 100_000


@pytest.fixture(scope="module")
def chain() -> Document:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(2,)))
    for index in range(LENGTH):
        (x,) = editor.emit(Sin, (x,), {}, id=f"s{index}")
    editor.emit(Exp, (x,), {}, id="dead")
    editor.add_output(Output(name="y", value=x.id))
    return editor.document()


def test_a_long_chain_needs_no_recursion(chain: Document) -> None:
    assert len(live_nodes(chain)) == LENGTH
    assert len(live_nodes(chain, ["s9"])) == 10
    assert len(dependents(chain, ["x"])) == LENGTH + 2
    assert dependents(chain, [f"s{LENGTH - 1}"]) == {f"s{LENGTH - 1}", "dead"}
    assert len(prune(chain).nodes) == LENGTH
    again = Document.from_json(chain.to_json())
    assert len(again.types) == LENGTH + 2
    assert again.digest == chain.digest == prune(chain).digest


def test_pruning_keeps_the_interface_and_forgets_the_rest() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    y = editor.add_input(Input(id="y", dtype=DType.FLOAT32, shape=()))
    editor.add_output(Output(name="a", value=Exp.of(x).id))
    editor.add_output(Output(name="b", value=Add.of(x, y).id))
    document = editor.document("both", {"note": 1})
    pruned = prune(document, ["b"])
    assert [node.id for node in pruned.nodes] == ["add"]
    assert [item.id for item in pruned.inputs] == ["x", "y"]
    assert [output.name for output in pruned.outputs] == ["b"]
    assert (pruned.name, pruned.metadata) == ("both", {"note": 1})
    assert set(pruned.types) == {"x", "y", "add"}
    assert pruned.to_json() == Document.from_json(pruned.to_json()).to_json()
    assert [output.name for output in prune(document, ["b", "a"]).outputs] == ["b", "a"]
    with pytest.raises(KeyError, match="c"):
        prune(document, ["c"])
