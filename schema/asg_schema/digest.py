"""The semantic digest: what a document means, as a Merkle SHA-256.

A node's digest is taken over its op, its attributes and its operands' digests; an input's and a parameter's over its
name, type and role or initialiser; the document's over its inputs, parameters and outputs by name. So renaming or
reordering nodes keeps the digest, dead nodes do not enter it, and changing an attribute, a type or a name of the
interface changes it. The document's own name and all metadata stay outside.

`schema/README.md` defines it exactly, for other languages.
"""

import json
import struct
from hashlib import sha256
from typing import TYPE_CHECKING, Any, cast

from asg_schema.traversal import live_nodes
from asg_schema.writing import input_to_json, output_to_json, parameter_to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from asg_schema.document import Document
    from asg_schema.op import Op

__all__ = ["add_node_digests", "digest_of", "document_digest", "value_digests"]

_encode = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def document_digest(document: "Document") -> str:
    """The semantic digest of a valid document: 64 hexadecimal digits."""
    digests = value_digests(document)
    outputs = [
        {**output_to_json(item), "value": digests[item.value]}
        for item in sorted(document.outputs, key=lambda item: item.name)
    ]
    inputs = sorted(digests[item.id] for item in document.inputs)
    parameters = sorted(digests[item.id] for item in document.parameters)
    return digest_of("document", [document.asg, inputs, parameters, outputs])


def value_digests(document: "Document") -> dict[str, str]:
    """What each value of a valid document means, by reference: of inputs, parameters, and nodes that outputs need.

    Two values with the same digest are the same function of inputs and parameters of the same name and type.
    """
    digests = {item.id: digest_of("input", input_to_json(item)) for item in document.inputs}
    for item in document.parameters:
        digests[item.id] = digest_of("parameter", _portable(parameter_to_json(item)))
    add_node_digests(live_nodes(document), digests)
    return digests


def add_node_digests(nodes: "Iterable[Op]", digests: dict[str, str]) -> None:
    """Add the digests of nodes' results to those of the values before them, by reference."""
    for node in nodes:
        operands = [digests[reference] for reference in node.inputs]
        digest = digest_of("node", [node.name, _portable(node.meaning()), operands])
        for index, reference in enumerate(node.references()):
            digests[reference] = f"{digest}:{index}" if index else digest


def digest_of(kind: str, content: Any) -> str:
    """The SHA-256, in hexadecimal, of a JSON value in the form in which all languages write it."""
    return sha256(f"{kind}:{_encode(content)}".encode()).hexdigest()


def _portable(value: Any) -> Any:
    """`value` with floats as the bytes of their binary64 form, because languages write decimals differently."""
    if isinstance(value, float):
        return {"binary64": struct.pack(">d", value).hex()}
    if isinstance(value, dict):
        return {key: _portable(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_portable(item) for item in cast("list[Any]", value)]
    return value
