"""Writing a document as JSON text that a person can read: one line for each part."""

import json
from typing import TYPE_CHECKING, Any

from asg_schema.attributes import encode_shape

if TYPE_CHECKING:
    from asg_schema.document import Document, Input, Output, Parameter

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
    sections: tuple[tuple[str, list[dict[str, Any]]], ...] = (
        ("inputs", [input_to_json(item) for item in document.inputs]),
        ("parameters", [parameter_to_json(item) for item in document.parameters]),
        ("nodes", [node.to_json() for node in document.nodes]),
        ("outputs", [output_to_json(item) for item in document.outputs]),
    )
    for name, items in sections:
        lines = ",\n  ".join(map(encode, items))
        parts.append(f'"{name}": [\n  {lines}\n ]' if items else f'"{name}": []')
    if document.metadata:
        parts.append(f'"metadata": {encode(document.metadata)}')
    return "{" + ",\n ".join(parts) + "}\n"
