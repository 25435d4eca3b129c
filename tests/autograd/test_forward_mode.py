"""What `jvp` and `hessian_vector_product` promise about the documents that they make, and what they refuse."""

from typing import Any, ClassVar, Literal

import numpy as np
import pytest

import asg_executor
from asg_autograd import (
    DisconnectedError,
    NotDifferentiableError,
    TransformError,
    grad,
    hessian_vector_product,
    jvp,
    lower,
    vjp,
)
from asg_schema.composite import Composite
from asg_schema.document import Document, Input, Output
from asg_schema.dtype import DType
from asg_schema.editing import Editor, Value
from asg_schema.op import Op, Operand
from asg_schema.ops.creation import Full
from asg_schema.ops.elementwise_functions import Sin, Tanh
from asg_schema.ops.reduction import Sum
from asg_schema.roles import TangentRole
from asg_schema.tensor_type import TensorType

SOURCE: dict[str, Any] = {
    "asg": 1,
    "name": "model",
    "inputs": [
        {"id": "x", "dtype": "float64", "shape": ["batch", 3]},
        {"id": "index", "dtype": "int32", "shape": ["batch"]},
        {"id": "unused", "dtype": "float64", "shape": ["batch", 2]},
    ],
    "parameters": [
        {"id": "weight", "dtype": "float64", "shape": [3]},
        {"id": "running", "dtype": "float64", "shape": [3], "trainable": False},
    ],
    "nodes": [
        {"id": "scaled", "op": "multiply", "inputs": ["x", "weight"]},
        {"id": "dead", "op": "sin", "inputs": ["scaled"], "metadata": {"from": "a note"}},
        {"id": "curved", "op": "tanh", "inputs": ["scaled"]},
        {"id": "total", "op": "sum", "inputs": ["curved"]},
        {"id": "best", "op": "argmax", "inputs": ["curved"]},
        {"id": "moving", "op": "mean", "inputs": ["scaled"], "axis": [0]},
        {"id": "next", "op": "add", "inputs": ["running", "moving"]},
        {"id": "rows", "op": "take", "inputs": ["unused", "index"]},
    ],
    "outputs": [
        {"name": "loss", "value": "total"},
        {"name": "curved", "value": "curved"},
        {"name": "best", "value": "best"},
        {"name": "running", "value": "next", "role": {"kind": "state_update", "of": "running"}},
        {"name": "rows", "value": "rows"},
    ],
    "metadata": {"note": "kept"},
}
MODEL = Document.from_dict(SOURCE)


def test_the_forward_document_stands_first_and_unchanged() -> None:
    for result in (jvp(MODEL), hessian_vector_product(MODEL)):
        assert result.nodes[: len(MODEL.nodes)] == MODEL.nodes
        assert result.inputs[: len(MODEL.inputs)] == MODEL.inputs
        assert result.outputs[: len(MODEL.outputs)] == MODEL.outputs
        assert result.parameters == MODEL.parameters
        assert (result.name, result.metadata) == ("model", {"note": "kept"})
    assert Document.from_dict(SOURCE) == MODEL


def test_tangents_come_in_for_names_and_go_out_for_floating_outputs() -> None:
    result = jvp(MODEL, ["weight", "x"])
    added = result.inputs[len(MODEL.inputs) :]
    assert [(item.id, item.role) for item in added] == [
        (f"tangent.{name}", TangentRole(of=name)) for name in ("weight", "x")
    ]
    assert [item.type for item in added] == [MODEL.types[name] for name in ("weight", "x")]
    outputs = result.outputs[len(MODEL.outputs) :]
    assert [(item.name, item.role) for item in outputs] == [
        (f"tangent.{name}", TangentRole(of=name)) for name in ("loss", "curved", "running", "rows")
    ]
    values = [MODEL.types[item.value] for item in MODEL.outputs if item.name != "best"]
    assert [result.types[item.value] for item in outputs] == values


def test_outputs_may_be_chosen() -> None:
    assert [item.name for item in jvp(MODEL, outputs=["curved", "loss"]).outputs[5:]] == [
        "tangent.curved",
        "tangent.loss",
    ]
    assert [item.name for item in jvp(MODEL, "x", "loss").outputs[5:]] == ["tangent.loss"]


def test_only_nodes_on_a_path_are_visited() -> None:
    added = jvp(MODEL, "x", "loss").nodes[len(MODEL.nodes) :]
    assert [node.id for node in added] == [
        "tangent.scaled.multiply",
        "tangent.curved.multiply",
        "tangent.full_1",
        "tangent.curved.subtract",
        "tangent.curved.multiply_1",
        "tangent.total.sum",
    ]


def test_no_metadata_and_no_dead_node_is_added() -> None:
    for result in (jvp(MODEL), hessian_vector_product(MODEL)):
        added = result.nodes[len(MODEL.nodes) :]
        used = {reference for node in result.nodes for reference in node.inputs}
        used |= {item.value for item in result.outputs}
        assert all(node.metadata is None and node.id in used for node in added)
        assert set(result.types) == {item.id for item in (*result.inputs, *result.parameters, *result.nodes)}


def test_taken_names_are_numbered() -> None:
    once = jvp(MODEL, "weight", "loss")
    twice = jvp(once, ["weight", "x"], ["loss", "tangent.loss"])
    assert [item.id for item in twice.inputs[3:]] == ["tangent.weight", "tangent2.weight", "tangent.x"]
    assert [item.name for item in twice.outputs[5:]] == ["tangent.loss", "tangent2.loss", "tangent.tangent.loss"]
    assert [item.role for item in twice.outputs[6:]] == [TangentRole(of="loss"), TangentRole(of="tangent.loss")]
    products = hessian_vector_product(hessian_vector_product(MODEL))
    assert [item.name for item in products.outputs[5:]] == ["hvp.weight", "hvp2.weight"]
    assert [item.id for item in products.inputs[3:]] == ["tangent.weight", "tangent2.weight"]


def test_results_are_valid_documents_that_survive_json() -> None:
    for result in (jvp(MODEL), jvp(jvp(MODEL, "x")), hessian_vector_product(MODEL, wrt=["x", "weight", "unused"])):
        read = Document.from_json(result.to_json())
        assert read == result
        assert read.types == result.types
        assert read.digest == result.digest


def test_the_result_is_determined() -> None:
    assert jvp(MODEL).to_json() == jvp(Document.from_dict(SOURCE)).to_json()


def test_disconnected_zero() -> None:
    result = jvp(MODEL, "unused")
    nodes = {node.id: node for node in result.nodes}
    for name in ("tangent.loss", "tangent.curved", "tangent.running"):
        node = nodes[next(item.value for item in result.outputs if item.name == name)]
        assert isinstance(node, Full)
        assert node.value == 0.0


def test_disconnected_drop() -> None:
    result = jvp(MODEL, "unused", disconnected="drop")
    assert [item.name for item in result.outputs[5:]] == ["tangent.rows"]
    assert [item.name for item in hessian_vector_product(MODEL, "loss", "unused", "drop").outputs] == [
        item.name for item in MODEL.outputs
    ]


def test_disconnected_error() -> None:
    with pytest.raises(
        DisconnectedError, match=r'^output "loss" float64\[\] does not depend differentiably on any of "unused"$'
    ):
        jvp(MODEL, ["unused"], disconnected="error")
    with pytest.raises(
        DisconnectedError,
        match=r'^output "loss" does not depend differentiably on "unused" float64\[batch, 2\]: nothing ',
    ):
        hessian_vector_product(MODEL, wrt=["unused"], disconnected="error")


def test_a_gradient_that_does_not_move_is_disconnected() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(2,)))
    editor.add_output(Output(name="loss", value=Sum.of(x).id))
    linear = editor.document()
    with pytest.raises(
        DisconnectedError,
        match=r'^the gradient of "loss" by "x" float64\[2\] does not depend differentiably on any of "x"$',
    ):
        hessian_vector_product(linear, wrt=["x"], disconnected="error")
    assert hessian_vector_product(linear, wrt=["x"], disconnected="drop").outputs == linear.outputs
    zero = hessian_vector_product(linear, wrt=["x"])
    product = asg_executor.run(zero, {"x": np.ones(2), "tangent.x": np.ones(2)})["hvp.x"]
    np.testing.assert_array_equal(product, np.zeros(2))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"outputs": ["los"]}, 'the document has no output "los"; did you mean "loss"?'),
        ({"outputs": ["best"]}, 'output "best" int64[] cannot be differentiated; a floating-point dtype is needed'),
        ({"outputs": []}, "outputs is empty; at least one name is needed"),
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
        jvp(MODEL, **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"of": "los"}, 'the document has no output "los"; did you mean "loss"?'),
        (
            {"of": "curved"},
            'output "curved" float64[batch, 3] is not a scalar; a gradient needs rank 0: take its mean or sum, or use '
            "vjp",
        ),
        ({"wrt": ["wieght"]}, 'wrt: "wieght" is not the name of an input or a parameter; did you mean "weight"?'),
        ({"disconnected": "none"}, 'disconnected is \'none\'; "zero", "drop" or "error" is needed'),
    ],
)
def test_refusals_of_products(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        hessian_vector_product(MODEL, **arguments)
    assert str(caught.value) == message


def test_a_document_without_a_floating_output() -> None:
    editor = Editor()
    editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(2,)))
    with pytest.raises(TransformError, match="the document has no floating-point output; none can be differentiated"):
        jvp(editor.document(), "x")


def test_names_that_would_be_too_long() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x" * 250, dtype=DType.FLOAT64, shape=()))
    editor.add_output(Output(name="y", value=Sin.of(x).id))
    with pytest.raises(TransformError, match="an id of 258 characters; at most 255 are allowed"):
        jvp(editor.document(), [x.id])
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=()))
    editor.add_output(Output(name="y" * 250, value=Sin.of(x).id))
    with pytest.raises(TransformError, match="would have 258 characters; at most 255 are allowed"):
        jvp(editor.document(), ["x"])


class _Sealed(Op):
    """An op without a derivative; no document can hold it."""

    op: Literal["sealed"] = "sealed"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    def infer(self, operands: Any) -> tuple[TensorType, ...]:
        return (operands[0],)


class _Holding(Composite):
    """An op whose expansion holds one without a derivative."""

    op: Literal["holding"] = "holding"
    operands: ClassVar[tuple[Operand, ...]] = (Operand("x"),)

    def infer(self, operands: Any) -> tuple[TensorType, ...]:
        return (operands[0],)

    def expand(self, operands: Any) -> tuple[Value, ...]:
        return (Sin.of(_Sealed.of(operands[0])),)


@pytest.mark.parametrize(
    ("op", "said"), [(_Sealed, "sealed"), (_Holding, "holding, in whose expansion is sealed")], ids=["op", "composite"]
)
def test_a_path_through_an_op_without_a_derivative_is_named(op: type[Op], said: str) -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(2,)))
    (before,) = editor.emit(Sin, (x,), {}, id="before")
    (within,) = editor.emit(op, (before,), {}, id="block")
    (after,) = editor.emit(Tanh, (within,), {}, id="after")
    editor.add_output(Output(name="y", value=after.id))
    editor.add_output(Output(name="beside", value=before.id))
    document = editor.document()
    with pytest.raises(NotDifferentiableError) as caught:
        jvp(document, ["x"])
    assert caught.value.node == "block"
    assert caught.value.path == ("x", "before", "block", "after")
    assert str(caught.value).startswith(f'node "block" ({said}) has no derivative')
    assert [item.name for item in jvp(document, ["x"], ["beside"]).outputs[2:]] == ["tangent.beside"]


def test_a_result_that_has_no_derivative_does_no_harm_where_it_is_not_used() -> None:
    source = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float64", "shape": [3, 2]}],
        "nodes": [
            {"id": "parts", "op": "svd", "inputs": ["x"], "full_matrices": True},
            {"id": "size", "op": "sum", "inputs": ["parts:1"]},
            {"id": "turn", "op": "sum", "inputs": ["parts"]},
        ],
        "outputs": [{"name": "size", "value": "size"}, {"name": "turn", "value": "turn"}],
    }
    document = Document.from_dict(source)
    x = np.array([[1.0, 2.0], [3.0, 5.0], [8.0, -1.0]])
    moved = asg_executor.run(jvp(document, "x", "size"), {"x": x, "tangent.x": x}, outputs=["tangent.size", "size"])
    np.testing.assert_allclose(moved["tangent.size"], moved["size"])  # linear along x itself
    for differentiate in (lambda: jvp(document, "x"), lambda: vjp(document, ["size", "turn"], "x")):
        with pytest.raises(NotDifferentiableError, match=r"x -> parts -> turn") as caught:
            differentiate()
        assert "without it they have a derivative" in caught.value.reason


def test_state_updates_and_integers(run: Any) -> None:
    """The tangent of a state update is not committed, and what passes through integers does not move."""
    generator = np.random.default_rng(0)
    point = {
        "x": generator.normal(size=(4, 3)),
        "index": np.array([1, 0, 3, 3], np.int32),
        "unused": generator.normal(size=(4, 2)),
        "weight": generator.normal(size=3),
        "running": generator.normal(size=3),
        "tangent.running": generator.normal(size=3),
        "tangent.unused": generator.normal(size=(4, 2)),
    }
    result = jvp(MODEL, ["running", "unused"])
    found = run(result, point, ["tangent.running", "tangent.rows", "tangent.loss"])
    np.testing.assert_array_equal(found["tangent.running"], point["tangent.running"])
    np.testing.assert_array_equal(found["tangent.rows"], point["tangent.unused"][[1, 0, 3, 3]])
    assert found["tangent.loss"] == 0


def test_what_is_stopped_or_rounded_does_not_move() -> None:
    source = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float64", "shape": [2]}],
        "nodes": [
            {"id": "held", "op": "stop_gradient", "inputs": ["x"]},
            {"id": "product", "op": "multiply", "inputs": ["x", "held"]},
            {"id": "whole", "op": "astype", "inputs": ["x"], "dtype": "int64"},
            {"id": "rounded", "op": "astype", "inputs": ["whole"], "dtype": "float64"},
            {"id": "steps", "op": "multiply", "inputs": ["x", "rounded"]},
            {"id": "floor", "op": "floor", "inputs": ["x"]},
        ],
        "outputs": [{"name": name, "value": name} for name in ("product", "steps", "floor", "whole")],
    }
    document = jvp(Document.from_dict(source), "x")
    x, t = np.array([3.5, -5.5]), np.array([0.5, 2.0])
    found = asg_executor.run(document, {"x": x, "tangent.x": t})
    np.testing.assert_array_equal(found["tangent.product"], t * x)
    np.testing.assert_array_equal(found["tangent.steps"], t * [3.0, -5.0])
    np.testing.assert_array_equal(found["tangent.floor"], np.zeros(2))
    assert "tangent.whole" not in found


def test_an_output_that_is_an_input_moves_as_it_does() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=(2,)))
    editor.add_output(Output(name="y", value=x.id))
    result = jvp(editor.document(), "x")
    assert [(item.name, item.value) for item in result.outputs] == [("y", "x"), ("tangent.y", "tangent.x")]


def test_long_ids_do_not_grow_beyond_their_limit() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT64, shape=()))
    (y,) = editor.emit(Sin, (x,), {}, id="s" * 240)
    editor.add_output(Output(name="y", value=y.id))
    document = editor.document()
    for order in range(4):
        document = jvp(document, "x", document.outputs[-1].name)
        assert len(document.outputs) == order + 2
    assert Document.from_json(document.to_json()) == document


def test_transforms_take_each_others_documents() -> None:
    first = jvp(MODEL, "x", "loss")
    results = [
        grad(first, of="tangent.loss", wrt=["x", "tangent.x"]),
        jvp(grad(MODEL), "weight"),
        hessian_vector_product(first, of="tangent.loss", wrt="x"),
        lower(hessian_vector_product(grad(MODEL))),
    ]
    for result in results:
        assert Document.from_json(result.to_json()) == result


def test_the_gradient_is_not_computed_twice_where_it_is_an_output() -> None:
    nodes = hessian_vector_product(grad(MODEL)).nodes
    computed = [repr((node.name, node.inputs, node.attribute_json())) for node in nodes]
    assert len(set(computed)) == len(computed)


def chain(length: int) -> Document:
    editor = Editor()
    x: Value = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=()))
    start = x
    for _ in range(length // 4):
        x = Tanh.of(Sin.of(x) * start + x)
    editor.add_output(Output(name="loss", value=x.id))
    return editor.document()


def test_a_chain_of_100_000_nodes_is_differentiated_without_recursion() -> None:
    document = chain(100_000)
    result = jvp(document, wrt=["x"])
    assert result.nodes[:100_000] == document.nodes
    # Each round of four nodes costs nine: tanh 3, sine 2, product 3 and sum 1.
    assert len(result.nodes) - len(document.nodes) <= 2.5 * len(document.nodes)
