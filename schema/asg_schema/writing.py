"""Writing a document as JSON text that a person can read: one line for each part."""

import json
from collections.abc import Iterable, Iterator
from itertools import islice
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from asg_schema.attributes import encode_shape

if TYPE_CHECKING:
    from asg_schema.document import Document, Input, Output, Parameter
    from asg_schema.op import Op

__all__ = ["input_to_json", "output_to_json", "parameter_to_json", "write_document"]


def input_to_json(item: "Input") -> dict[str, Any]:
    """An input as JSON has it."""
    result: dict[str, Any] = {"id": item.id, "dtype": item.dtype.value, "shape": encode_shape(item.shape)}
    if item.role is not None:
        result["role"] = item.role.model_dump(mode="json")
    return result


def parameter_to_json(item: "Parameter") -> dict[str, Any]:
    """A parameter as JSON has it."""
    init = {"kind": item.init.kind, **item.init.model_dump(mode="json", exclude_defaults=True)}
    result: dict[str, Any] = {"id": item.id, "dtype": item.dtype.value, "shape": list(item.shape), "init": init}
    if not item.trainable:
        result["trainable"] = False
    return result


def output_to_json(item: "Output") -> dict[str, Any]:
    """An output as JSON has it."""
    result: dict[str, Any] = {"name": item.name, "value": item.value}
    if item.role is not None:
        result["role"] = item.role.model_dump(mode="json")
    return result


def write_document(document: "Document") -> str:
    """The text of a document. Attributes that have their default value are left out."""
    pieces = [f'{{"asg": {document.asg},\n "name": {_encode(document.name)},\n ']
    pieces += _sections(document.inputs, document.parameters, document.nodes, document.outputs)
    if document.functions:
        pieces.append(',\n "functions": {\n  ')
        for place, (name, item) in enumerate(document.functions.items()):
            pieces.append(",\n  " if place else "")
            pieces.append(f"{_encode(name)}: {{\n    ")
            pieces += _sections(item.inputs, None, item.nodes, item.outputs, "   ")
            pieces.append("}" if item.vjp is None else f',\n    "vjp": {_encode(item.vjp)}}}')
        pieces.append("\n }")
    if document.metadata:
        pieces.append(f',\n "metadata": {_encode(document.metadata)}')
    pieces.append("}\n")
    return "".join(pieces)


_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode

_LINES_AT_ONCE = 1024  # of a long document, whose lines are many small strings, only so many are there at one time


def _sections(
    inputs: "Iterable[Input]",
    parameters: "Iterable[Parameter] | None",
    nodes: "Iterable[Op]",
    outputs: "Iterable[Output]",
    indent: str = "",
) -> Iterator[str]:
    """The text of the sections of a graph, in pieces. No piece is copied on the way to the whole."""
    sections = {"inputs": (_encode(input_to_json(item)) for item in inputs)}
    if parameters is not None:
        sections["parameters"] = (_encode(parameter_to_json(item)) for item in parameters)
    sections |= {"nodes": map(_node, nodes), "outputs": (_encode(output_to_json(item)) for item in outputs)}
    between = f",\n{indent}  "
    for place, (name, lines) in enumerate(sections.items()):
        yield f",\n{indent} " if place else ""
        yield f'"{name}": ['
        begin = f"\n{indent}  "
        while block := list(islice(lines, _LINES_AT_ONCE)):
            yield begin
            yield between.join(block)
            begin = between
        yield "]" if begin is not between else f"\n{indent} ]"


def _node(node: "Op") -> str:
    if node.attributes or node.metadata or not node.inputs:
        return _encode(node.to_json())
    inputs = ", ".join(map(encode_basestring, node.inputs))
    return f'{{"id": {encode_basestring(node.id)}, "op": "{node.name}", "inputs": [{inputs}]}}'
