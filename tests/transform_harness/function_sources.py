"""Documents with functions as JSON, and what is wrong with them."""

from typing import Any

import pytest

from asg_schema import Document, DocumentError


def rounded(**changes: Any) -> dict[str, Any]:
    """A document that rounds and says that the gradient is that of the identity."""
    x = {"id": "x", "dtype": "float32", "shape": ["n", 3]}
    source: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "v", "dtype": "float32", "shape": ["batch", 3]}],
        "nodes": [
            {"id": "y", "op": "call", "inputs": ["v"], "function": "straight_through"},
            {"id": "z", "op": "multiply", "inputs": ["y", "y"]},
        ],
        "outputs": [{"name": "z", "value": "z"}],
        "functions": {
            "straight_through": {
                "inputs": [x],
                "nodes": [{"id": "r", "op": "round", "inputs": ["x"]}],
                "outputs": [{"name": "r", "value": "r"}],
                "vjp": "identity",
            },
            "identity": {
                "inputs": [x, {**x, "id": "r"}, {**x, "id": "g"}],
                "nodes": [],
                "outputs": [{"name": "g", "value": "g"}],
            },
        },
    }
    return {**source, **changes}


def with_functions(functions: dict[str, Any], *nodes: dict[str, Any], output: str = "y") -> dict[str, Any]:
    """A document over one input v: float32[batch, 3]."""
    return rounded(functions=functions, nodes=list(nodes), outputs=[{"name": "out", "value": output}])


def problems(source: dict[str, Any]) -> list[tuple[str, str, str]]:
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    return [(problem.pointer, problem.code, problem.message) for problem in caught.value.problems]


def scaled(rows: Any = "n", op: str = "tanh") -> dict[str, Any]:
    return {
        "inputs": [{"id": "x", "dtype": "float32", "shape": [rows, 3]}],
        "nodes": [{"id": "y", "op": op, "inputs": ["x"]}],
        "outputs": [{"name": "y", "value": "y"}],
    }


def chain(length: int, calls: int) -> dict[str, Any]:
    """Functions f0, f1, …, each of which calls the one before it `calls` times."""
    functions: dict[str, Any] = {"f0": scaled()}
    for level in range(1, length):
        nodes: list[dict[str, Any]] = []
        before = "x"
        for number in range(calls):
            nodes.append({"id": f"y{number}", "op": "call", "inputs": [before], "function": f"f{level - 1}"})
            before = f"y{number}"
        functions[f"f{level}"] = {**scaled(), "nodes": nodes, "outputs": [{"name": "y", "value": before}]}
    return with_functions(functions, {"id": "y", "op": "call", "inputs": ["v"], "function": f"f{length - 1}"})
