"""Functions that are many, nested deep, or grow with each call: they are read quickly or refused."""

from typing import Any

import pytest

from asg_schema import Document, DocumentError, Editor
from asg_schema.composites.control import Call
from asg_schema.errors import ExpansionError
from asg_schema.function import MOST_EXPANDED_NODES, MOST_SIGNATURES
from asg_schema.linking import DEEPEST_CALLS
from asg_schema.reading import MOST_FUNCTIONS
from transform_harness.function_sources import chain, problems, scaled, with_functions


def test_calls_nest_64_deep() -> None:
    document = Document.from_dict(chain(DEEPEST_CALLS, 1))
    assert len(document.digest) == 64
    assert Document.from_json(document.to_json()) == document
    ((pointer, code, message),) = problems(chain(DEEPEST_CALLS + 1, 1))
    assert (pointer, code) == (f"/functions/f{DEEPEST_CALLS}", "invalid_value")
    assert "nested 65 deep; at most 64 are allowed" in message


def test_what_expands_exponentially_is_read_in_linear_time_and_not_expanded() -> None:
    document = Document.from_dict(chain(61, 2))
    (node,) = document.nodes
    assert isinstance(node, Call)
    assert node.linked.expanded_nodes > 2**60
    assert node.linked.expanded_nodes < 2**63
    assert len(document.digest) == 64
    editor = Editor()
    editor.load(document)
    with pytest.raises(ExpansionError, match=f"at most {MOST_EXPANDED_NODES:,} are written"):
        node.expand([editor.value("v")])
    wider = Document.from_dict(chain(64, 9)).nodes[0]
    assert isinstance(wider, Call)
    assert wider.linked.expanded_nodes == 2**63 - 1


def test_types_that_multiply_from_call_to_call_are_bounded() -> None:
    # f_k calls f_{k-1} for 2n and for 2n + 1 rows: all of them differ.
    twice: dict[str, Any] = {"id": "twice", "op": "concat", "inputs": ["x", "x"], "axis": 0}
    one: dict[str, Any] = {"id": "row", "op": "full", "shape": [1, 3], "dtype": "float32", "value": 0.0}
    more: dict[str, Any] = {"id": "more", "op": "concat", "inputs": ["twice", "row"], "axis": 0}
    functions: dict[str, Any] = {"f0": scaled()}
    for level in range(1, 31):
        calls = [
            {"id": f"y{place}", "op": "call", "inputs": [given], "function": f"f{level - 1}"}
            for place, given in enumerate(("twice", "more"))
        ]
        functions[f"f{level}"] = {**scaled(), "nodes": [twice, one, more, *calls]}
        functions[f"f{level}"]["outputs"] = [{"name": "y", "value": "x"}]
    found = problems(with_functions(functions, {"id": "y", "op": "call", "inputs": ["v"], "function": "f30"}))
    assert f"more than {MOST_SIGNATURES:,} different combinations of operand types" in found[0][2]


def test_a_call_that_fails_often_fails_at_once() -> None:
    # The rule breaks at the end of a long body, for each of many calls: what was found once is known.
    body: list[dict[str, Any]] = [{"id": "y0", "op": "tanh", "inputs": ["x"]}]
    body += [{"id": f"y{index}", "op": "tanh", "inputs": [f"y{index - 1}"]} for index in range(1, 2000)]
    body.append({"id": "last", "op": "reshape", "inputs": ["y1999"], "shape": [{"floordiv": ["n", 2]}, 2, 3]})
    function = {**scaled(), "nodes": body}
    nodes = [{"id": f"c{index}", "op": "call", "inputs": ["v"], "function": "f"} for index in range(2000)]
    source = with_functions({"f": function}, *nodes, output="c0")
    source["inputs"][0]["shape"] = [5, 3]
    with pytest.raises(DocumentError):
        Document.from_dict(source)


def test_at_most_10_000_functions() -> None:
    call = {"id": "y", "op": "call", "inputs": ["v"], "function": "f0"}
    functions = {f"f{index}": scaled() for index in range(MOST_FUNCTIONS + 1)}
    ((pointer, code, message),) = [
        problem for problem in problems(with_functions(functions, call)) if problem[0] == "/functions"
    ]
    assert (pointer, code) == ("/functions", "invalid_value")
    assert "10,001" in message
    assert "at most 10,000" in message
    del functions["f7"]
    assert len(Document.from_dict(with_functions(functions, call)).functions) == MOST_FUNCTIONS


def test_a_great_many_surplus_fields_in_functions_are_refused_quickly() -> None:
    function = {**scaled(), **{f"field{index}": 0 for index in range(2000)}}
    ((pointer, code, _),) = problems(with_functions({"f": function}))
    assert (pointer, code) == ("/functions/f", "unknown_field")
    node = {**scaled()["nodes"][0], **{f"field{index}": 0 for index in range(2000)}}
    ((pointer, code, _),) = problems(with_functions({"f": {**scaled(), "nodes": [node]}}))
    assert (pointer, code) == ("/functions/f/nodes/0", "unknown_field")


def test_cycles_of_many_functions_are_found_without_recursion() -> None:
    count = 5000
    functions = {
        f"f{index}": {
            **scaled(),
            "nodes": [{"id": "y", "op": "call", "inputs": ["x"], "function": f"f{(index + 1) % count}"}],
        }
        for index in range(count)
    }
    ((pointer, _, message),) = problems({**with_functions(functions), "outputs": []})
    assert pointer == "/functions/f0"
    assert '"f0" → "f1" → "f2" → "f3" → "f4" → "f5" → … 4,993 more … → "f0"' in message
