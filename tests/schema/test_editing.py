"""The editor: what it appends, under which ids, and what it refuses."""

from typing import Any

import pytest

from asg_schema import OPS, AsgError, Document, DocumentError, DType, Editor, Input, Output, Parameter, Value, symbol
from asg_schema.op import Op
from asg_schema.ops.creation import Iota
from asg_schema.ops.elementwise import Add
from asg_schema.ops.elementwise_functions import Exp
from asg_schema.ops.layout import Concat
from asg_schema.ops.reduction import Sum


@pytest.fixture
def editor() -> Editor:
    return Editor()


@pytest.fixture
def x(editor: Editor) -> Value:
    return editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(symbol("n"), 3)))


def test_python_operators_write_nodes(editor: Editor, x: Value) -> None:
    _ = (2 - x) / (x**2 + 1) @ (-(1.5 * x) + 3 / x - 2**x).editor.full((3, 4), 1.0, DType.FLOAT32)
    assert [node.name for node in editor.nodes if node.name != "full"] == [
        *("subtract", "pow", "add", "divide", "multiply", "negative", "divide", "add", "pow", "subtract", "matmul"),
    ]
    assert str(editor.types["matmul"]) == "float32[n, 4]"
    assert repr(x) == "Value('x', float32[n, 3])"
    assert (x.dtype, x.shape, x.rank) == (DType.FLOAT32, (symbol("n"), 3), 2)


def test_ids_are_fresh_and_stand_in_the_scope(editor: Editor, x: Value) -> None:
    assert [Exp.of(x).id for _ in range(3)] == ["exp", "exp_1", "exp_2"]
    editor.scope = "encoder."
    assert [Exp.of(x).id for _ in range(2)] == ["encoder.exp", "encoder.exp_1"]
    editor.scope = ""
    editor.emit(Exp, (x,), {}, id="exp_3")
    assert Exp.of(x).id == "exp_4"


def test_an_editor_makes_handles_of_its_own_class() -> None:
    class Handle(Value):
        """A handle with a mark."""

    editor = Editor(Handle)
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    assert type(x) is type(Exp.of(x)) is type(x + 1) is type(editor.value("exp")) is Handle


def test_a_loaded_document_is_extended(editor: Editor, x: Value) -> None:
    editor.add_parameter(Parameter(id="w", dtype=DType.FLOAT32, shape=(3,)))
    editor.add_output(Output(name="y", value=(x + editor.value("w")).id))
    document = editor.document("first", {"by": "a test"})
    assert document.metadata == {"by": "a test"}

    second = Editor()
    second.load(document)
    second.add_output(Output(name="z", value=Exp.of(second.value("add")).id))
    extended = second.document("second")
    assert [node.id for node in extended.nodes] == ["add", "exp"]
    assert [node.id for node in document.nodes] == ["add"]
    assert Document.from_json(extended.to_json()).types == extended.types


def refuse(error: type[AsgError], message: str) -> Any:
    return pytest.raises(error, match=message)


def test_what_breaks_a_rule_is_refused_and_leaves_no_trace(editor: Editor, x: Value) -> None:
    with refuse(DocumentError, r'/nodes/0/axis: node "sum" \(sum\): axis 2 is out of range for "x" float32\[n, 3\]'):
        Sum.of(x, axis=(2,))
    with refuse(
        DocumentError, r'/nodes/0/axes: node "sum" \(sum\): there is no field "axes" here; did you mean "axis"'
    ):
        Sum.of(x, axes=(0,))
    with refuse(DocumentError, r'/nodes/0/axis: node "sum" \(sum\): axis is "0"; a list is needed'):
        Sum.of(x, axis="0")
    with refuse(DocumentError, r'/nodes/0/shape: node "iota" \(iota\): the field "shape" is missing'):
        editor.emit(Iota, (), {"dtype": "int64"})
    with refuse(DocumentError, r'/nodes/0/id: node "2" \(exp\): id is "2"; an id is'):
        editor.emit(Exp, (x,), {}, id="2")
    assert editor.nodes == []
    assert list(editor.types) == ["x"]


def test_ids_and_names_that_are_taken_are_refused(editor: Editor, x: Value) -> None:
    item = Input(id="x", dtype=DType.FLOAT32, shape=())
    with refuse(AsgError, 'the id "x" is taken in this graph; ids are unique'):
        editor.add_input(item)
    with refuse(AsgError, 'the id "x" is taken'):
        editor.add_parameter(Parameter(id="x", dtype=DType.FLOAT32, shape=()))
    with refuse(AsgError, 'the id "x" is taken'):
        editor.emit(Exp, (x,), {}, id="x")
    with refuse(AsgError, 'the id "x" is taken'):
        editor.append(Exp(id="x", inputs=("x",)))
    editor.add_output(Output(name="y", value="x"))
    with refuse(AsgError, 'the graph already has an output "y"'):
        editor.add_output(Output(name="y", value="x"))
    assert len(editor.inputs) == len(editor.outputs) == 1


def test_values_that_are_not_of_the_graph_are_refused(editor: Editor, x: Value) -> None:
    other = Editor().add_input(Input(id="other", dtype=DType.FLOAT32, shape=()))
    with refuse(AsgError, 'add: "other" belongs to another graph'):
        Add.of(x, other)
    with refuse(AsgError, "concat: arrays is missing although an operand after it is given"):
        Concat.of(x, None, x)
    with refuse(AsgError, r'node "e" \(exp\): there is no value "missing" in this graph'):
        editor.append(Exp(id="e", inputs=("missing",)))
    with refuse(AsgError, 'output "y": there is no value "missing" in this graph'):
        editor.add_output(Output(name="y", value="missing"))
    with pytest.raises(KeyError, match="missing"):
        editor.value("missing")
    with pytest.raises(TypeError, match="add: the first operand is missing"):
        Add.of(None, x)


def test_a_document_has_a_name_and_metadata_that_go_into_json(editor: Editor) -> None:
    with refuse(DocumentError, '/name: name is ""; a name has 1 to 255 characters'):
        editor.document("")
    with refuse(DocumentError, "/metadata/a: a is .*; a JSON value is needed"):
        editor.document("a", {"a": object()})


@pytest.mark.parametrize("op", [op for op in OPS.values() if not op.attributes])
def test_a_trusted_node_is_the_node_that_pydantic_makes(op: type[Op]) -> None:
    trusted, checked = op.trusted("y", ("a", "b")), op(id="y", inputs=("a", "b"))
    assert trusted == checked
    assert hash(trusted) == hash(checked)
    assert repr(trusted) == repr(checked)
    assert trusted.to_json() == checked.to_json()
    assert trusted.model_fields_set == checked.model_fields_set
    assert trusted.model_copy(update={"metadata": {"by": "a test"}}) == op(
        id="y", inputs=("a", "b"), metadata={"by": "a test"}
    )
    assert trusted.metadata is None
    assert op.trusted("z", ()).model_fields_set == {"id", "inputs"}


def test_an_id_that_a_scope_spoils_is_refused(editor: Editor, x: Value) -> None:
    for scope in ("two words.", "1.", "x" * 254 + "."):
        editor.scope = scope
        with pytest.raises(DocumentError, match="an id is a letter or _ followed by"):
            Exp.of(x)
    assert editor.nodes == []


def test_what_an_op_yields_for_the_same_types_is_inferred_once(
    editor: Editor, x: Value, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Op] = []
    rule = Add.infer

    def counted(node: Add, operands: Any) -> Any:
        calls.append(node)
        return rule(node, operands)

    monkeypatch.setattr(Add, "infer", counted)
    y = x
    for _ in range(5):
        y = y + x
    z = y + editor.add_input(Input(id="row", dtype=DType.FLOAT32, shape=(3,)))
    assert [node.id for node in calls] == ["add", "add_5"]
    assert y.type is x.type
    assert str(z.type) == "float32[n, 3]"
    calls.clear()
    editor.add_output(Output(name="z", value=z.id))
    assert Document.from_json(editor.document().to_json()).types == editor.types
    assert len(calls) == 2
