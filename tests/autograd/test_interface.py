"""What `grad` and `vjp` promise about the documents that they make, and what they refuse."""

from inspect import ismodule
from typing import Any, ClassVar, Literal

import pytest

import asg_autograd
from asg_autograd import DisconnectedError, NotDifferentiableError, TransformError, grad, vjp
from asg_schema.composite import Composite
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.errors import AsgError
from asg_schema.op import Op, Operand
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise import Floor
from asg_schema.ops.elementwise_functions import Polygamma, Sin
from asg_schema.ops.reduction import Sum
from asg_schema.roles import CotangentRole, GradientRole
from asg_schema.tensor_type import TensorType

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [
        {"id": "x", "dtype": "float32", "shape": ["batch", 3]},
        {"id": "index", "dtype": "int32", "shape": ["batch"]},
        {"id": "unused", "dtype": "float32", "shape": ["batch", 2]},
    ],
    "parameters": [
        {"id": "weight", "dtype": "float32", "shape": [3]},
        {"id": "frozen", "dtype": "float32", "shape": [3], "trainable": False},
        {"id": "idle", "dtype": "float32", "shape": [4]},
    ],
    "nodes": [
        {"id": "scaled", "op": "multiply", "inputs": ["x", "weight"]},
        {"id": "grad.scaled.multiply", "op": "exp", "inputs": ["scaled"]},
        {"id": "dead", "op": "sin", "inputs": ["scaled"], "metadata": {"from": "a note"}},
        {"id": "shifted", "op": "add", "inputs": ["grad.scaled.multiply", "frozen"]},
        {"id": "total", "op": "sum", "inputs": ["shifted"]},
        {"id": "best", "op": "argmax", "inputs": ["shifted"]},
    ],
    "outputs": [
        {"name": "loss", "value": "total", "role": {"kind": "metric"}},
        {"name": "shifted", "value": "shifted"},
        {"name": "best", "value": "best"},
    ],
    "metadata": {"note": "kept"},
}
MODEL = Document.from_dict(SOURCE)


def test_the_forward_document_stands_first_and_unchanged() -> None:
    result = grad(MODEL)
    assert result.nodes[: len(MODEL.nodes)] == MODEL.nodes
    assert result.outputs[: len(MODEL.outputs)] == MODEL.outputs
    assert (result.inputs, result.parameters) == (MODEL.inputs, MODEL.parameters)
    assert (result.name, result.metadata) == ("model", {"note": "kept"})
    assert Document.from_dict(SOURCE) == MODEL


def test_all_gradients_come_in_one_document_with_roles() -> None:
    result = grad(MODEL)
    added = result.outputs[len(MODEL.outputs) :]
    assert [(item.name, item.role) for item in added] == [
        (f"grad.{name}", GradientRole(of="loss", wrt=name)) for name in ("weight", "idle")
    ]
    assert [result.types[item.value] for item in added] == [MODEL.types[name] for name in ("weight", "idle")]


def test_no_metadata_and_no_dead_node_is_added() -> None:
    result = grad(MODEL)
    added = result.nodes[len(MODEL.nodes) :]
    used = {reference for node in result.nodes for reference in node.inputs} | {item.value for item in result.outputs}
    assert all(node.metadata is None and node.id in used for node in added)
    assert set(result.types) == {item.id for item in (*result.inputs, *result.parameters, *result.nodes)}


def test_ids_never_clash_and_say_what_they_belong_to() -> None:
    result = grad(MODEL)
    added = [node.id for node in result.nodes[len(MODEL.nodes) :]]
    assert len(set(result.types)) == len(result.types)
    assert all(id.startswith("grad2.") for id in added), "grad. is taken by a node of the model"
    assert any(id.startswith("grad2.scaled.multiply") for id in added)


def test_wrt_names_inputs_and_parameters_in_order() -> None:
    result = grad(MODEL, wrt=["frozen", "x"])
    assert [item.name for item in result.outputs[3:]] == ["grad.frozen", "grad.x"]
    assert grad(MODEL, wrt="x").outputs[3].name == "grad.x"


def test_taken_names_are_numbered() -> None:
    result = grad(MODEL, wrt=["weight"])
    again = grad(result, wrt=["weight", "x"])
    assert [item.name for item in again.outputs[3:]] == ["grad.weight", "grad2.weight", "grad.x"]
    once_more = grad(again, wrt=["weight"])
    assert once_more.outputs[-1].name == "grad3.weight"
    assert once_more.outputs[-1].value == once_more.outputs[3].value, "the same gradient is not computed again"


def test_vjp_brings_cotangents_of_the_outputs_types() -> None:
    result = vjp(MODEL, ["shifted", "loss"], ["weight"])
    added = result.inputs[len(MODEL.inputs) :]
    assert [(item.id, item.role) for item in added] == [
        ("cotangent.shifted", CotangentRole(of="shifted")),
        ("cotangent.loss", CotangentRole(of="loss")),
    ]
    assert [item.type for item in added] == [MODEL.types["shifted"], MODEL.types["total"]]
    assert [(item.name, item.role) for item in result.outputs[3:]] == [("grad.weight", None)]


def test_taken_cotangents_are_numbered() -> None:
    once = vjp(MODEL, "shifted", ["weight"])
    twice = vjp(once, "shifted", ["weight"])
    assert [item.id for item in twice.inputs[3:]] == ["cotangent.shifted", "cotangent2.shifted"]


def test_results_are_valid_documents_that_survive_json() -> None:
    for result in (grad(MODEL), grad(MODEL, wrt=["x", "unused"]), vjp(MODEL, "shifted", "trainable")):
        read = Document.from_json(result.to_json())
        assert read == result
        assert read.types == result.types
        assert read.digest == result.digest


def test_the_result_is_determined() -> None:
    assert grad(MODEL).to_json() == grad(Document.from_dict(SOURCE)).to_json()


def test_disconnected_zero() -> None:
    result = grad(MODEL, wrt=["unused", "idle"])
    nodes = {node.id: node for node in result.nodes}
    for item in result.outputs[3:]:
        node = nodes[item.value]
        assert isinstance(node, Full)
        assert node.value == 0.0
    assert result.types[result.outputs[3].value] == MODEL.types["unused"]


def test_disconnected_drop() -> None:
    result = grad(MODEL, disconnected="drop")
    assert [item.name for item in result.outputs[3:]] == ["grad.weight"]


def test_disconnected_error() -> None:
    with pytest.raises(
        DisconnectedError,
        match=r'^output "loss" does not depend differentiably on "idle" float32\[4\]: nothing that is',
    ):
        grad(MODEL, disconnected="error")
    with pytest.raises(DisconnectedError, match=r'^none of the outputs "loss", "shifted" depends diff'):
        vjp(MODEL, ["loss", "shifted"], ["unused"], disconnected="error")


def test_a_value_behind_a_step_function_is_disconnected() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(2,)))
    editor.add_output(Output(name="loss", value=Sum.of(Floor.of(x)).id))
    document = editor.document()
    assert grad(document, wrt=["x"], disconnected="drop").outputs == document.outputs
    with pytest.raises(DisconnectedError):
        grad(document, wrt=["x"], disconnected="error")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"of": "los"}, 'the document has no output "los"; did you mean "loss"?'),
        ({"of": "zzz"}, 'the document has no output "zzz"; its outputs are "loss", "shifted", "best"'),
        (
            {"of": "shifted"},
            'output "shifted" float32[batch, 3] is not a scalar; a gradient needs rank 0: take its mean or sum, or use '
            "vjp",
        ),
        ({"of": "best"}, 'output "best" int64[] cannot be differentiated; a floating-point dtype is needed'),
        ({"wrt": ["wieght"]}, 'wrt: "wieght" is not the name of an input or a parameter; did you mean "weight"?'),
        ({"wrt": ["scaled"]}, 'wrt: "scaled" is the result of a node, not an input or a parameter'),
        (
            {"wrt": ["index"]},
            'wrt: "index" int32[batch] cannot be differentiated by; a floating-point dtype is needed',
        ),
        ({"wrt": []}, "wrt is empty; at least one name is needed"),
        ({"disconnected": "none"}, 'disconnected is \'none\'; "zero", "drop" or "error" is needed'),
    ],
)
def test_refusals(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        grad(MODEL, **arguments)
    assert str(caught.value) == message


def test_no_trainable_parameter() -> None:
    document = MODEL.model_copy(update={"parameters": MODEL.parameters[1:2], "nodes": (), "outputs": ()})
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    editor.add_output(Output(name="loss", value=x.id))
    document = editor.document()
    with pytest.raises(TransformError, match="no trainable parameter; name inputs or parameters in wrt"):
        grad(document)


def test_vjp_refuses_what_it_cannot_seed() -> None:
    with pytest.raises(TransformError, match="outputs is empty"):
        vjp(MODEL, [], ["x"])
    with pytest.raises(TransformError, match=r'output "best" int64\[\] cannot be differentiated'):
        vjp(MODEL, ["best"], ["x"])


def test_an_output_whose_cotangent_cannot_be_named() -> None:
    renamed = MODEL.outputs[0].model_copy(update={"name": "the loss"})
    document = MODEL.model_copy(update={"outputs": (renamed,)})
    assert grad(document, of="the loss").outputs[1].role == GradientRole(of="the loss", wrt="weight")
    with pytest.raises(TransformError, match=r'would be the input "cotangent\.the loss", which is not an id'):
        vjp(document, "the loss")


def test_a_name_that_would_be_too_long() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x" * 253, dtype=DType.FLOAT32, shape=()))
    editor.add_output(Output(name="loss", value=Sin.of(x).id))
    with pytest.raises(TransformError, match="would have 258 characters; at most 255 are allowed"):
        grad(editor.document(), wrt=[x.id])


def test_long_ids_do_not_grow_beyond_their_limit() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    (y,) = editor.emit(Sin, (x,), {}, id="s" * 240)
    editor.add_output(Output(name="loss", value=y.id))
    document = editor.document()
    for order in range(6):
        document = grad(document, of=document.outputs[-1].name, wrt=["x"])
        assert len(document.outputs) == order + 2
    assert Document.from_json(document.to_json()) == document


class _Opaque(Op):
    """An op without a derivative, as a loop of unknown length is; no document can hold it."""

    op: Literal["opaque"] = "opaque"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    def infer(self, operands: Any) -> tuple[TensorType, ...]:
        return (operands[0],)


def opaque_document() -> Document:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(2,)))
    (before,) = editor.emit(Sin, (x,), {}, id="before")
    (opaque,) = editor.emit(_Opaque, (before,), {}, id="sealed")
    (after,) = editor.emit(Sin, (opaque,), {}, id="after")
    (loss,) = editor.emit(Sum, (after,), {}, id="total")
    editor.add_output(Output(name="loss", value=loss.id))
    (beside,) = editor.emit(Sum, (before,), {}, id="beside")
    editor.add_output(Output(name="beside", value=beside.id))
    return editor.document()


def test_a_path_through_an_op_without_a_derivative_is_named() -> None:
    with pytest.raises(NotDifferentiableError) as caught:
        grad(opaque_document(), wrt=["x"])
    assert caught.value.node == "sealed"
    assert caught.value.path == ("x", "before", "sealed", "after", "total")
    assert 'node "sealed" (opaque) has no derivative' in str(caught.value)
    assert "x -> before -> sealed -> after -> total" in str(caught.value)


class _Wrapped(Composite):
    """An op whose expansion holds one without a derivative."""

    op: Literal["wrapped"] = "wrapped"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    def infer(self, operands: Any) -> tuple[TensorType, ...]:
        return (operands[0],)

    def expand(self, operands: Any) -> tuple[Value, ...]:
        return (Sin.of(_Opaque.of(operands[0])),)


def test_a_composite_whose_expansion_has_no_derivative_is_named_as_it_stands_in_the_document() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    (y,) = editor.emit(_Wrapped, (x,), {}, id="block")
    editor.add_output(Output(name="loss", value=y.id))
    with pytest.raises(NotDifferentiableError) as caught:
        grad(editor.document(), wrt=["x"])
    assert str(caught.value).startswith('node "block" (wrapped, in whose expansion is opaque) has no derivative')
    assert caught.value.path == ("x", "block")


def test_an_op_without_a_derivative_beside_the_path_does_no_harm() -> None:
    assert grad(opaque_document(), of="beside", wrt=["x"]).outputs[-1].name == "grad.x"


def test_a_dim_that_grows_too_large_names_the_node() -> None:
    # The elements of x are counted by a product of 12 · 12 terms.
    batch = [{"add": [f"{axis}{index}" for index in range(12)]} for axis in "ab"]
    source = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": batch}],
        "nodes": [{"id": "loss", "op": "prod", "inputs": ["x"]}],
        "outputs": [{"name": "loss", "value": "loss"}],
    }
    with pytest.raises(TransformError) as caught:
        grad(Document.from_dict(source), wrt=["x"])
    assert (
        str(caught.value) == 'node "loss" (prod) cannot be differentiated: a dim\'s expression has more than 128 terms'
    )


def test_a_slice_with_a_step_beyond_its_operand_has_a_gradient() -> None:
    node = {"id": "y", "op": "slice", "inputs": ["x"], "start": [1, 0], "stop": [5, 5], "step": [2**62, 1]}
    inputs = [{"id": "x", "dtype": "float32", "shape": [5, 5]}]
    outputs = [{"name": "y", "value": "y"}]
    document = vjp(Document.from_dict({"asg": 1, "inputs": inputs, "nodes": [node], "outputs": outputs}), "y", ["x"])
    assert document.types[document.outputs[-1].value].shape == (5, 5)


def test_the_public_names_are_exact() -> None:
    public = {name for name, value in vars(asg_autograd).items() if not name.startswith("_") and not ismodule(value)}
    assert public == set(asg_autograd.__all__)


def test_a_polygamma_beyond_the_last_is_refused_by_name() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    (y,) = editor.emit(Polygamma, (x,), {"n": 100}, id="last")
    editor.add_output(Output(name="loss", value=y.id))
    with pytest.raises(AsgError, match=r'node "grad\.last\.polygamma" \(polygamma\): n is 101'):
        grad(editor.document(), wrt=["x"])
