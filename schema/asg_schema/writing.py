"""Writing a document as JSON text that a person can read: one line for each part."""

import json
from collections.abc import Callable, Iterable
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
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False).encode
    parts = [f'"asg": {document.asg}', f'"name": {encode(document.name)}']
    parts += _sections(document.inputs, document.parameters, document.nodes, document.outputs, encode)
    if document.functions:
        parts.append(f'"functions": {{\n  {_functions(document, encode)}\n }}')
    if document.metadata:
        parts.append(f'"metadata": {encode(document.metadata)}')
    return "{" + ",\n ".join(parts) + "}\n"


def _sections(
    inputs: "Iterable[Input]",
    parameters: "Iterable[Parameter] | None",
    nodes: "Iterable[Op]",
    outputs: "Iterable[Output]",
    encode: Callable[[Any], str],
    indent: str = "",
) -> list[str]:
    sections = {"inputs": map(input_to_json, inputs)}
    if parameters is not None:
        sections["parameters"] = map(parameter_to_json, parameters)
    sections |= {"nodes": (node.to_json() for node in nodes), "outputs": map(output_to_json, outputs)}
    written: list[str] = []
    for name, items in sections.items():
        lines = f",\n{indent}  ".join(map(encode, items))
        written.append(f'"{name}": [\n{indent}  {lines}\n{indent} ]' if lines else f'"{name}": []')
    return written


def _functions(document: "Document", encode: Callable[[Any], str]) -> str:
    written: list[str] = []
    for name, item in document.functions.items():
        parts = _sections(item.inputs, None, item.nodes, item.outputs, encode, "   ")
        if item.vjp is not None:
            parts.append(f'"vjp": {encode(item.vjp)}')
        written.append(f"{encode(name)}: {{\n    " + ",\n    ".join(parts) + "}")
    return ",\n  ".join(written)
