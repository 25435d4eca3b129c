"""Functions of a document: what they mean, what is refused, and their identity."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from asg_schema import AsgError, Document, DocumentError, DType, Editor, Input, Output, TensorType, symbol
from asg_schema.composites.control import Call
from asg_schema.function import LinkedFunction
from asg_schema.linking import functions_of
from asg_schema.listing import listing, plain_text, summary
from asg_schema.listing_json import document_json
from asg_schema.op import Op
from asg_schema.traversal import prune
from transform_harness.function_sources import problems, rounded, scaled, with_functions


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    source = json.loads(json.dumps(rounded()))
    change(source)
    return source


def test_types_are_those_of_the_body_with_the_operands_dims() -> None:
    document = Document.from_dict(rounded())
    assert document.types["y"] == TensorType(DType.FLOAT32, (symbol("batch"), 3))


def test_a_document_that_is_read_equals_the_one_that_was_written() -> None:
    document = Document.from_dict(rounded())
    again = Document.from_json(document.to_json())
    assert again == document
    assert again.digest == document.digest
    editor = Editor()
    editor.load(document)
    edited = editor.document()
    assert edited == document.model_copy(update={"functions": edited.functions})
    assert dict(sorted(edited.functions.items())) == dict(sorted(document.functions.items()))
    assert Document.from_json(edited.to_json()) == edited


def test_a_document_without_functions_has_none_in_json() -> None:
    source = with_functions({}, {"id": "y", "op": "tanh", "inputs": ["v"]})
    assert '"functions"' not in Document.from_dict(source).to_json()


def test_functions_that_nothing_calls_are_kept_by_reading_and_left_out_by_pruning() -> None:
    source = rounded(functions={**rounded()["functions"], "unused": scaled()})
    document = Document.from_dict(source)
    assert list(document.functions) == ["straight_through", "identity", "unused"]
    assert set(prune(document).functions) == {"straight_through", "identity"}
    assert document.digest == Document.from_dict(rounded()).digest


def test_several_results_are_referred_to_by_number() -> None:
    functions = {
        "f": {
            "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", "m"]}],
            "nodes": [
                {"id": "total", "op": "sum", "inputs": ["x"], "axis": [1]},
                {"id": "place", "op": "argmax", "inputs": ["x"], "axis": 0},
            ],
            "outputs": [{"name": name, "value": name} for name in ("total", "place", "x")],
        }
    }
    node = {"id": "y", "op": "call", "inputs": ["v"], "function": "f"}
    document = Document.from_dict(with_functions(functions, node, output="y:2"))
    batch = symbol("batch")
    assert [document.types[name] for name in ("y", "y:1", "y:2")] == [
        TensorType(DType.FLOAT32, (batch,)),
        TensorType(DType.INT64, (3,)),
        TensorType(DType.FLOAT32, (batch, 3)),
    ]
    assert problems(with_functions(functions, node, output="y:3"))[0][:2] == ("/outputs/0/value", "unknown_value")


def set_path(*path: str | int, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(source: dict[str, Any]) -> None:
        target: Any = source
        for part in path[:-1]:
            target = target[part]
        if value is None:
            del target[path[-1]]
        else:
            target[path[-1]] = value

    return change


F = ("functions", "straight_through")
G = ("functions", "identity")


@pytest.mark.parametrize(
    ("change", "pointer", "code", "said"),
    [
        (
            set_path("nodes", 0, "function", value="straight_thru"),
            "/nodes/0/function",
            "unknown_value",
            'node "y" (call): there is no function "straight_thru"; did you mean "straight_through"?',
        ),
        (set_path("nodes", 0, "function", value=3), "/nodes/0/function", "invalid_value", "the name of one"),
        (set_path("nodes", 0, "function", value=None), "/nodes/0/function", "missing_field", "is missing"),
        (set_path("functions", value=[]), "/functions", "invalid_value", "an object is needed"),
        (set_path("functions", "x\n", value=scaled()), "/functions/x\n", "invalid_value", "a name has 1 to 255"),
        (set_path("functions", "", value=scaled()), "/functions/", "invalid_value", "a name has 1 to 255"),
        (set_path(*F, value=7), "/functions/straight_through", "invalid_value", "it is 7; an object is needed"),
        (set_path(*F, "extra", value=1), "/functions/straight_through/extra", "unknown_field", "no field"),
        (set_path(*F, "inputs", value=[]), "/functions/straight_through/inputs", "invalid_value", "at least 1"),
        (set_path(*F, "outputs", value=[]), "/functions/straight_through/outputs", "invalid_value", "at least 1"),
        (set_path(*F, "outputs", value=None), "/functions/straight_through/outputs", "missing_field", "is missing"),
        (set_path(*F, "nodes", value=3), "/functions/straight_through/nodes", "invalid_value", "a list is needed"),
        (
            set_path(*F, "nodes", 0, "op", value="rond"),
            "/functions/straight_through/nodes/0/op",
            "unknown_op",
            'function "straight_through": node "r" (rond): there is no op "rond"; did you mean "round"?',
        ),
        (
            set_path(*F, "nodes", 0, "inputs", value=["v"]),
            "/functions/straight_through/nodes/0/inputs/0",
            "unknown_value",
            'there is no value "v"',
        ),
        (
            set_path(*F, "inputs", 0, "role", value={"kind": "cotangent", "of": "r"}),
            "/functions/straight_through/inputs/0/role",
            "invalid_value",
            "has no role",
        ),
        (
            set_path(*F, "outputs", 0, "role", value={"kind": "metric"}),
            "/functions/straight_through/outputs/0/role",
            "invalid_value",
            "has no role",
        ),
        (
            set_path(*F, "inputs", 0, "shape", value=[{"add": ["n", 1]}, 3]),
            "/functions/straight_through/inputs/0/shape",
            "unknown_symbol",
            'no input has the symbol "n" as an axis of its own',
        ),
        (
            set_path(*F, "vjp", value="identify"),
            "/functions/straight_through/vjp",
            "unknown_value",
            'there is no function "identify"; did you mean "identity"?',
        ),
        (set_path(*F, "vjp", value=4), "/functions/straight_through/vjp", "invalid_value", "vjp is 4; a name has 1 to"),
        (
            set_path(*F, "inputs", 0, "shape", value=["n", 4]),
            "/functions/straight_through/vjp",
            "type_mismatch",
            "its inputs, its outputs, and a cotangent for each floating-point output",
        ),
        (
            set_path(*G, "outputs", value=[{"name": "g", "value": "g"}, {"name": "r", "value": "r"}]),
            "/functions/straight_through/vjp",
            "type_mismatch",
            "a cotangent for each floating-point input",
        ),
        (
            set_path(*F, "vjp", value="straight_through"),
            "/functions/straight_through",
            "invalid_value",
            'it calls itself: "straight_through" → "straight_through"',
        ),
        (
            set_path(*G, "nodes", value=[{"id": "k", "op": "call", "function": "straight_through", "inputs": ["g"]}]),
            "/functions/straight_through",
            "invalid_value",
            '"straight_through" → "identity" → "straight_through"',
        ),
        (
            set_path("inputs", 0, "dtype", value="float64"),
            "/nodes/0/inputs/0",
            "type_mismatch",
            '"v" float64[batch, 3] is given for "x" float32[n, 3] of "straight_through"',
        ),
        (
            set_path("inputs", 0, "shape", value=["batch", 4]),
            "/nodes/0/inputs/0",
            "type_mismatch",
            'axis 1 of "v" float32[batch, 4] is 4, and 3 is needed there for "x" of the function "straight_through"',
        ),
        (
            set_path("nodes", 0, "inputs", value=["v", "v"]),
            "/nodes/0/inputs",
            "type_mismatch",
            'the function "straight_through" takes 1 of them (x), not 2',
        ),
    ],
)
def test_refusals(change: Callable[[dict[str, Any]], object], pointer: str, code: str, said: str) -> None:
    found = problems(changed(change))
    assert [(at, kind) for at, kind, message in found if said in message] == [(pointer, code)], found


def test_all_problems_of_all_functions_are_told_at_once() -> None:
    def change(source: dict[str, Any]) -> None:
        source["functions"]["straight_through"]["nodes"] = [
            {"id": "a", "op": "rond", "inputs": ["x"]},
            {"id": "r", "op": "add", "inputs": ["x"]},
            {"id": "s", "op": "matmul", "inputs": ["x", "missing"]},
        ]
        source["functions"]["identity"]["outputs"][0]["value"] = "h"
        source["nodes"][1]["inputs"] = ["y", "w"]

    assert [problem[0] for problem in problems(changed(change))] == [
        "/functions/straight_through/nodes/0/op",
        "/functions/straight_through/nodes/1/inputs",
        "/functions/straight_through/nodes/2/inputs/1",
        "/functions/identity/outputs/0/value",
        "/nodes/1/inputs/1",
    ]


def test_a_symbol_stands_for_one_dim() -> None:
    functions = {
        "f": {
            "inputs": [
                {"id": "a", "dtype": "float32", "shape": ["n"]},
                {"id": "b", "dtype": "float32", "shape": [{"mul": ["n", 2]}]},
                {"id": "c", "dtype": "float32", "shape": ["n"]},
            ],
            "outputs": [{"name": "a", "value": "a"}],
        }
    }

    def called(*shapes: list[Any]) -> dict[str, Any]:
        inputs = [{"id": name, "dtype": "float32", "shape": shape} for name, shape in zip("xyz", shapes, strict=True)]
        node = {"id": "y0", "op": "call", "inputs": ["x", "y", "z"], "function": "f"}
        return {**with_functions(functions, node, output="y0"), "inputs": inputs}

    Document.from_dict(called([4], [8], [4]))
    Document.from_dict(called(["k"], [{"mul": ["k", 2]}], ["k"]))
    ((pointer, _, message),) = problems(called(["k"], [{"mul": ["k", 2]}], [5]))
    assert pointer == "/nodes/0/inputs/2"
    assert 'axis 0 of "z" float32[5] is 5, and "n" of the function "f" is k already' in message
    ((pointer, _, message),) = problems(called(["k"], [{"mul": ["k", 3]}], ["k"]))
    assert pointer == "/nodes/0/inputs/1"
    assert "and 2*k is needed there" in message.replace("k*2", "2*k")


def test_a_rule_that_breaks_for_the_dims_of_a_call_names_the_function_and_its_node() -> None:
    functions = {
        "halves": {
            "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", "m"]}],
            "nodes": [
                {"id": "half", "op": "slice", "inputs": ["x"], "start": [0, 0], "stop": ["n", {"floordiv": ["m", 2]}]},
                {"id": "y", "op": "reshape", "inputs": ["x"], "shape": ["n", {"floordiv": ["m", 2]}, 2]},
            ],
            "outputs": [{"name": "half", "value": "half"}],
        }
    }
    found = problems(with_functions(functions, {"id": "y", "op": "call", "inputs": ["v"], "function": "halves"}))
    assert any('node "y" (reshape)' in message for _, _, message in found)


def test_the_digest_is_that_of_the_meaning() -> None:
    digest = Document.from_dict(rounded()).digest

    def rename(source: dict[str, Any]) -> None:
        functions = source["functions"]
        functions["other"] = functions.pop("identity")
        functions["ste"] = {**functions.pop("straight_through"), "vjp": "other"}
        functions["ste"]["nodes"][0]["id"] = "q"
        functions["ste"]["inputs"][0]["id"] = "w"
        functions["ste"]["nodes"][0]["inputs"] = ["w"]
        functions["ste"]["outputs"] = [{"name": "result", "value": "q"}]
        source["nodes"][0]["function"] = "ste"

    assert Document.from_dict(changed(rename)).digest == digest
    nodes = rounded()["functions"]["straight_through"]["nodes"]
    dead = set_path(*F, "nodes", value=[*nodes, {"id": "d", "op": "exp", "inputs": ["x"]}])
    assert Document.from_dict(changed(dead)).digest == digest
    body = set_path(*F, "nodes", 0, "op", value="floor")
    assert Document.from_dict(changed(body)).digest != digest
    without = set_path(*F, "vjp", value=None)
    assert Document.from_dict(changed(without)).digest != digest
    other_vjp = set_path(*G, "nodes", value=[{"id": "h", "op": "negative", "inputs": ["g"]}])

    def negated(source: dict[str, Any]) -> None:
        other_vjp(source)
        source["functions"]["identity"]["outputs"][0]["value"] = "h"

    assert Document.from_dict(changed(negated)).digest != digest


def test_the_editor_links_and_refuses_two_functions_of_one_name() -> None:
    f = _linked("f", "tanh")
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(symbol("b"), 3)))
    (y,) = editor.emit(Call, (x,), {"function": f})
    (z,) = editor.emit(Call, (y,), {"function": _linked("f", "tanh")})
    editor.add_output(Output(name="z", value=z.id))
    document = editor.document()
    assert list(document.functions) == ["f"]
    assert Document.from_json(document.to_json()) == document
    editor.emit(Call, (z,), {"function": _linked("f", "exp")})
    with pytest.raises(AsgError, match='two functions are called "f"'):
        editor.document()


def _linked(name: str, op: str, calls: LinkedFunction | None = None) -> LinkedFunction:
    source = with_functions({"f": scaled(op=op)}, {"id": "y", "op": "call", "inputs": ["v"], "function": "f"})
    (found,) = (node.linked for node in Document.from_dict(source).nodes if isinstance(node, Call))
    nodes: tuple[Op, ...] = found.nodes if calls is None else (Call(id="y", inputs=("x",), function=calls),)
    return LinkedFunction(name, found.inputs, nodes, found.outputs)


def test_functions_that_call_different_functions_of_one_name_differ() -> None:
    first, second = _linked("f", "tanh", _linked("g", "tanh")), _linked("f", "tanh", _linked("g", "exp"))
    assert first != second
    assert first == _linked("f", "tanh", _linked("g", "tanh"))
    assert hash(first) == hash(_linked("f", "tanh", _linked("g", "tanh")))
    nodes = [Call(id="a", inputs=("x",), function=first), Call(id="b", inputs=("x",), function=second)]
    with pytest.raises(AsgError, match='two functions are called "g"'):
        functions_of(nodes)


def test_a_call_that_is_not_linked_is_refused() -> None:
    editor = Editor()
    x = editor.add_input(Input(id="x", dtype=DType.FLOAT32, shape=(3,)))
    with pytest.raises(DocumentError, match='there is no function "f"'):
        editor.emit(Call, (x,), {"function": "f"})


def test_the_listing_shows_functions() -> None:
    document = Document.from_dict(rounded())
    text = plain_text(listing(document))
    assert "= call(v, function=straight_through)" in text
    assert "function straight_through" in text
    assert "its vjp identity" in text
    assert "= round(x)" in text
    assert "2 functions" in summary(document)


def test_the_listing_for_programs_has_functions() -> None:
    listed = document_json(Document.from_dict(rounded()))["functions"]
    assert list(listed) == ["straight_through", "identity"]
    assert (listed["straight_through"]["vjp"], listed["identity"]["vjp"]) == ("identity", None)
    (node,) = listed["straight_through"]["nodes"]
    assert node["results"] == [{"id": "r", "dtype": "float32", "shape": ["n", 3]}]


def test_json_schema_text_names_the_function() -> None:
    schema = Call.model_json_schema()
    assert schema["properties"]["function"]["type"] == "string"
