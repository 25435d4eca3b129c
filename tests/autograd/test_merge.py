"""What `merge` composes, how symbols and names meet, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from asg_autograd import TransformError, grad, merge, rename, vjp
from asg_schema import Document
from asg_schema.roles import GradientRole

ENCODER: dict[str, Any] = {
    "asg": 1,
    "name": "encoder",
    "inputs": [{"id": "x", "dtype": "float64", "shape": ["batch", 3]}],
    "parameters": [{"id": "weight", "dtype": "float64", "shape": [3, 2]}],
    "nodes": [
        {"id": "matmul", "op": "matmul", "inputs": ["x", "weight"]},
        {"id": "code", "op": "tanh", "inputs": ["matmul"]},
        {"id": "best", "op": "top_k", "inputs": ["code"], "k": 1},
    ],
    "outputs": [{"name": "code", "value": "code"}, {"name": "index", "value": "best:1"}],
    "metadata": {"by": "first", "note": "first"},
}
DECODER: dict[str, Any] = {
    "asg": 1,
    "name": "decoder",
    "inputs": [
        {"id": "code", "dtype": "float64", "shape": ["n", 2]},
        {"id": "target", "dtype": "float64", "shape": ["n", 3]},
    ],
    "parameters": [{"id": "kernel", "dtype": "float64", "shape": [2, 3]}],
    "nodes": [
        {"id": "matmul", "op": "matmul", "inputs": ["code", "kernel"]},
        {"id": "error", "op": "subtract", "inputs": ["matmul", "target"]},
        {"id": "squared", "op": "multiply", "inputs": ["error", "error"]},
        {"id": "loss", "op": "mean", "inputs": ["squared"]},
    ],
    "outputs": [{"name": "loss", "value": "loss", "role": {"kind": "metric"}}],
    "metadata": {"note": "second", "more": "second"},
}
FIRST, SECOND = Document.from_dict(ENCODER), Document.from_dict(DECODER)


def checked(document: Document) -> Document:
    """The document, once it has been read back as an equal one."""
    again = Document.from_json(document.to_json())
    assert again == document
    assert again.types == document.types
    return document


def changed(source: dict[str, Any], **fields: Any) -> Document:
    return Document.from_dict({**source, **fields})


def single(shape: list[Any], id: str = "x", dtype: str = "float64") -> Document:
    """A document with one input, which is its output `y`."""
    return Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": id, "dtype": dtype, "shape": shape}],
            "nodes": [{"id": "same", "op": "stop_gradient", "inputs": [id]}] if dtype == "float64" else [],
            "outputs": [{"name": "y", "value": "same" if dtype == "float64" else id}],
        }
    )


def test_the_first_computes_what_the_second_takes(run: Callable[..., dict[str, Any]]) -> None:
    merged = checked(merge(FIRST, SECOND, {"code": "code"}))
    assert [(item.id, str(item.type)) for item in merged.inputs] == [
        ("x", "float64[batch, 3]"),
        ("target", "float64[batch, 3]"),
    ]
    assert [item.id for item in merged.parameters] == ["weight", "kernel"]
    assert [item.name for item in merged.outputs] == ["code", "index", "loss"]
    assert [node.id for node in merged.nodes[:3]] == [node.id for node in FIRST.nodes]
    assert (merged.name, merged.metadata) == ("encoder", {"by": "first", "note": "first", "more": "second"})
    generator = np.random.default_rng(0)
    values = {
        item.id: generator.normal(size=shape)
        for item, shape in zip((*merged.inputs, *merged.parameters), [(4, 3), (4, 3), (3, 2), (2, 3)], strict=True)
    }
    code = run(FIRST, values, ["code"])["code"]
    expected = run(SECOND, {**values, "code": code}, ["loss"])["loss"]
    np.testing.assert_array_equal(run(merged, values, ["loss"])["loss"], expected)


def test_gradients_go_through_what_is_connected(run: Callable[..., dict[str, Any]]) -> None:
    generator = np.random.default_rng(1)
    shapes = {"x": (4, 3), "target": (4, 3), "weight": (3, 2), "kernel": (2, 3)}
    values = {name: generator.normal(size=shape) for name, shape in shapes.items()}
    whole = run(grad(merge(FIRST, SECOND, {"code": "code"})), values, ["grad.weight", "grad.kernel"])
    second = grad(SECOND, wrt=["code", "kernel"])
    code = run(FIRST, values, ["code"])["code"]
    outer = run(second, {**values, "code": code}, ["grad.code", "grad.kernel"])
    pulled = vjp(FIRST, "code", ["weight"])
    inner = run(pulled, {**values, "cotangent.code": outer["grad.code"]}, ["grad.weight"])
    np.testing.assert_allclose(whole["grad.weight"], inner["grad.weight"], rtol=1e-12)
    np.testing.assert_allclose(whole["grad.kernel"], outer["grad.kernel"], rtol=1e-12)


def test_a_result_behind_the_first_and_an_input_can_be_connected() -> None:
    taken = single(["n", 1], "indices", "int64")
    merged = checked(merge(FIRST, taken, {"indices": "index"}))
    assert merged.outputs[-1].value == "best:1"
    assert [item.id for item in merged.inputs] == ["x"]
    passed = checked(merge(single(["n"], "a", "int64"), single(["m"], "b", "int64"), {"b": "y"}, prefix="second."))
    assert [(item.name, item.value) for item in passed.outputs] == [("y", "a"), ("second.y", "a")]


def test_nodes_of_the_same_id_are_numbered() -> None:
    merged = merge(FIRST, SECOND, {"code": "code"})
    assert [node.id for node in merged.nodes[3:]] == ["matmul_1", "error", "squared", "loss"]
    assert merged.nodes[3].inputs == ("code", "kernel")
    assert merged.nodes[4].inputs == ("matmul_1", "target")


def test_a_node_of_the_first_makes_way_for_an_input_of_the_second() -> None:
    second = changed(
        DECODER,
        inputs=[DECODER["inputs"][0], {"id": "best", "dtype": "float64", "shape": ["n", 3]}],
        nodes=[
            {"id": "squared", "op": "multiply", "inputs": ["best", "best"]},
            {"id": "loss", "op": "mean", "inputs": ["squared"]},
        ],
    )
    merged = checked(merge(FIRST, second, {"code": "code"}))
    assert [item.id for item in merged.inputs] == ["x", "best"]
    assert merged.nodes[2].id == "best_1"
    assert {item.name: item.value for item in merged.outputs}["index"] == "best_1:1"


def test_a_prefix_goes_before_what_is_taken() -> None:
    merged = checked(merge(FIRST, FIRST, prefix="again."))
    assert [item.id for item in merged.inputs] == ["x", "again.x"]
    assert [item.id for item in merged.parameters] == ["weight", "again.weight"]
    assert [item.name for item in merged.outputs] == ["code", "index", "again.code", "again.index"]
    assert [node.id for node in merged.nodes[3:]] == ["again.matmul", "again.code", "again.best"]
    gradients = checked(merge(grad(SECOND), grad(SECOND), prefix="b.", share=["code", "target"]))
    assert [item.name for item in gradients.outputs] == ["loss", "grad.kernel", "b.loss", "grad.b.kernel"]
    assert gradients.outputs[-1].role == GradientRole(of="b.loss", wrt="b.kernel")
    pulled = checked(merge(vjp(SECOND, "loss"), vjp(SECOND, "loss"), prefix="b.", share=["code", "target"]))
    assert [item.id for item in pulled.inputs] == ["code", "target", "cotangent.loss", "cotangent.b.loss"]


def test_what_is_shared_is_one() -> None:
    merged = checked(
        merge(FIRST, rename(FIRST, {"code": "code2", "index": "index2"}, only="output"), share=["x", "weight"])
    )
    assert [item.id for item in merged.inputs] == ["x"]
    assert [item.id for item in merged.parameters] == ["weight"]
    assert merged.nodes[3].inputs == ("x", "weight")
    by_beginning = merge(FIRST, rename(FIRST, {"code": "code2", "index": "index2"}, only="output"), share="")
    assert by_beginning == merged


def test_a_role_that_names_a_connected_input_is_dropped() -> None:
    second = grad(SECOND, wrt=["code", "kernel"])
    merged = checked(merge(FIRST, second, {"code": "code"}))
    roles = {item.name: item.role for item in merged.outputs}
    assert roles["grad.code"] is None
    assert roles["grad.kernel"] is not None


@pytest.mark.parametrize(
    ("given", "wanted", "result"),
    [
        (["batch", 3], ["n", 3], ["batch", "3"]),
        (["n", 3], ["batch", "n"], ["n", "3"]),  # one `n` is not the other
        (["batch", 3], [32, "k"], ["32", "3"]),
        ([{"mul": ["n", 2]}], ["n"], ["2*n"]),
        ([{"mul": ["n", 2]}], [{"mul": ["m", 4]}], ["4*m"]),
        ([{"add": ["n", 1]}, "n"], ["m", "k"], ["n + 1", "n"]),
        ([{"add": ["n", 1]}, "k"], ["m", "m"], ["n + 1", "n + 1"]),
        (["n", "k"], ["m", "m"], ["n", "n"]),
        ([{"floordiv": ["n", 2]}], ["m"], ["(n // 2)"]),
        ([{"floordiv": ["n", 2]}], [{"floordiv": ["m", 2]}], ["(n // 2)"]),
        ([{"floordiv": ["n", 2]}], [{"floordiv": ["n", 2]}], ["(n // 2)"]),
        ([{"mul": ["n", "k"]}], [{"mul": ["n", "k"]}], ["k*n"]),
        ([{"floordiv": ["n", 2]}], [{"floordiv": ["m", 3]}], None),
        ([{"mul": ["n", "k"]}], [{"mul": ["a", "b"]}], None),
        ([{"mul": ["n", 2]}], [7], None),
        ([{"add": ["n", 5]}], [3], None),
        ([3], [4], None),
        (["n", {"add": ["n", 1]}], ["m", "m"], None),
    ],
)
def test_symbols_are_replaced_so_that_shapes_agree(
    given: list[Any], wanted: list[Any], result: list[str] | None
) -> None:
    first = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "a", "dtype": "bool", "shape": given}]
            + [{"id": name, "dtype": "bool", "shape": [name]} for name in ("n", "k")],
            "outputs": [{"name": "y", "value": "a"}],
        }
    )
    second = single(wanted, "b", "bool")
    if result is None:
        with pytest.raises(
            TransformError, match=r'connect: output "y" bool\[.*\] of the first .*: axis \d, .* against '
        ):
            merge(first, second, {"b": "y"}, prefix="b.")
        return
    merged = checked(merge(first, second, {"b": "y"}, prefix="b."))
    assert [str(dim) for dim in merged.inputs[0].shape] == result


def test_symbols_of_the_second_that_are_free_are_those_of_the_first() -> None:
    second = single(["batch", "length"], "b", "bool")
    merged = merge(single(["batch"], "a", "bool"), second, prefix="b.")
    assert [str(item.type) for item in merged.inputs] == ["bool[batch]", "bool[batch, length]"]


def test_commutes_with_running_one_after_the_other_for_three_documents() -> None:
    chain = [rename(single(["n"]), {"x": f"x{index}", "y": f"y{index}", "same": f"same{index}"}) for index in range(3)]
    left = merge(merge(chain[0], chain[1], {"x1": "y0"}), chain[2], {"x2": "y1"})
    right = merge(chain[0], merge(chain[1], chain[2], {"x2": "y1"}), {"x1": "y0"})
    assert left == right


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"connect": {"cod": "code"}}, 'connect: the second document has no input "cod"; did you mean "code"?'),
        (
            {"connect": {"kernel": "code"}},
            'connect: the second document has no input "kernel"; its inputs are "code", "target"',
        ),
        (
            {"connect": {"code": "cod"}},
            'connect: of the first, the document has no output "cod"; did you mean "code"?',
        ),
        (
            {"connect": {"code": "index"}},
            'connect: output "index" int64[batch, 1] of the first document cannot be input "code" float64[n, 2] of the '
            "second",
        ),
        (
            {"connect": {"target": "code"}},
            'connect: output "code" float64[batch, 2] of the first document cannot be input "target" float64[n, 3] of '
            "the second: axis 1, 2 against 3",
        ),
        ({"share": ["kernal"]}, 'share: the two documents have no input or parameter "kernal" in common'),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        merge(FIRST, SECOND, **arguments)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("fields", "arguments", "message"),
    [
        (
            {},
            {},
            'the first document has already what the second calls input "x", parameter "weight", output "code", output '
            '"index"; put a prefix before such names of the second, share what is one in both, connect inputs, or '
            "rename",
        ),
        ({}, {"prefix": ""}, 'with the prefix two would be the input or parameter "x"; choose another'),
        (
            {},
            {"prefix": "2."},
            'with the prefix the input or parameter would be called "2.x"; a name is a letter or _ and then letters, '
            "digits, _ . / or -",
        ),
        ({}, {"connect": {"x": "code"}, "share": "x"}, "is connected; it cannot be shared, too"),
        (
            {"parameters": [{"id": "weight", "dtype": "float64", "shape": [3, 2], "init": {"kind": "ones"}}]},
            {"share": "weight"},
            'share: "weight" cannot be one in both documents: they differ in init',
        ),
        (
            {
                "inputs": [*ENCODER["inputs"], {"id": "weight", "dtype": "float64", "shape": [3, 2]}],
                "parameters": [],
            },
            {"share": "weight"},
            'share: "weight" cannot be one in both documents: it is an input of one and a parameter of the other',
        ),
        (
            {
                "inputs": [{"id": "x", "dtype": "float64", "shape": ["batch", "length", 3]}],
                "nodes": [{"id": "code", "op": "mean", "inputs": ["x"]}],
                "outputs": [{"name": "code", "value": "code"}],
            },
            {"share": "x"},
            'share: "x" cannot be one in both documents: it is float64[batch, 3] in the first and float64[batch, '
            "length, 3] in the second",
        ),
    ],
)
def test_names_that_meet_are_refused(fields: dict[str, Any], arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TransformError) as caught:
        merge(FIRST, changed(ENCODER, **fields), **arguments)
    assert message in str(caught.value)


def test_a_rule_that_breaks_with_the_sizes_names_the_node() -> None:
    cut = Document.from_dict(
        {
            "asg": 1,
            "inputs": [{"id": "b", "dtype": "bool", "shape": ["n"]}],
            "nodes": [{"id": "cut", "op": "slice", "inputs": ["b"], "start": [0], "stop": [4]}],
            "outputs": [{"name": "cut", "value": "cut"}],
        }
    )
    with pytest.raises(TransformError) as caught:
        merge(single([3], "a", "bool"), cut, {"b": "y"})
    assert str(caught.value).startswith(
        'with n = 3 the second document is not valid:\n/nodes/0/stop: node "cut" (slice): '
    )
