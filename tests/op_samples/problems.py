"""The problems of documents that are not valid."""

from typing import Any

import pytest

from asg_schema.document import Document
from asg_schema.errors import DocumentError, Problem


def problems_of(source: dict[str, Any]) -> tuple[Problem, ...]:
    with pytest.raises(DocumentError) as caught:
        Document.from_dict(source)
    return caught.value.problems


def only_problem(source: dict[str, Any]) -> Problem:
    (problem,) = problems_of(source)
    return problem


def single_node_document(op: str, types: list[str], attributes: dict[str, Any]) -> dict[str, Any]:
    """A document with one node, "result", over inputs "x0", "x1", … of types written as in errors: `float32[2, n]`."""
    inputs: list[dict[str, Any]] = []
    for index, written in enumerate(types):
        dtype, _, dims = written.rstrip("]").partition("[")
        shape = [int(dim) if dim.isdigit() else dim for dim in dims.split(", ") if dim]
        inputs.append({"id": f"x{index}", "dtype": dtype, "shape": shape})
    node = {"id": "result", "op": op, "inputs": [item["id"] for item in inputs], **attributes}
    return {"asg": 1, "inputs": inputs, "nodes": [node], "outputs": [{"name": "y0", "value": "result"}]}
