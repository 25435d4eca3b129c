"""The published JSON Schema of the format, generated from the models.

It describes every op: the attributes with their types and defaults, and how many operands there are. What depends on
the types of operands, JSON Schema cannot say; that is `asg validate`.
"""

import json
from collections.abc import Mapping
from typing import Any, cast

from asg_schema.document import Document
from asg_schema.op import Op
from asg_schema.op_table import OPS

__all__ = ["json_schema", "json_schema_text"]

_SHARED = ("Dim", "Number")
_DIMS = {"type": "array", "items": {"$ref": "#/$defs/Dim"}}


def json_schema_text() -> str:
    """The JSON Schema as the text of `schema/asg.schema.json`."""
    return json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a document."""
    shared: dict[str, Any] = {}
    source = _named_plainly(Document.model_json_schema())
    for name, definition in source["$defs"].items():
        _complete_definition(name, definition)
    schema = cast("dict[str, Any]", _with_references(source, shared))
    for kind in ("add", "mul", "floordiv", "mod"):
        shared["Dim"]["oneOf"][2]["properties"][kind].update(_DIMS)
    shared["Node"] = {"description": "A node, by its op.", **schema["properties"]["nodes"]["items"]}
    for graph in (schema, schema["$defs"]["Function"]):
        graph["properties"]["nodes"]["items"] = {"$ref": "#/$defs/Node"}
    schema["$defs"] = dict(sorted({**schema["$defs"], **shared}.items()))
    schema["properties"]["functions"]["additionalProperties"] = False
    schema["properties"]["asg"] = {"const": 1, "description": "The version of the format."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ASG document",
        **{key: value for key, value in schema.items() if key != "title"},
        "required": ["asg"],
    }


def _named_plainly(schema: dict[str, Any]) -> dict[str, Any]:
    """Pydantic puts the module before the names of two classes that are both called Constant."""
    text = json.dumps(schema)
    for name, plain in (("ops__creation__Constant", "Constant"), ("initializers__Constant", "ConstantInitializer")):
        text = text.replace(f"asg_schema__{name}", plain)
    return json.loads(text)


def _complete_definition(name: str, definition: dict[str, Any]) -> None:
    properties: dict[str, Any] = definition.get("properties", {})
    required: list[str] = definition.get("required", [])
    for tag in ("op", "kind"):
        # A tag has a default in Python, where the class says it; in JSON nothing else does.
        if "const" in properties.get(tag, {}):
            properties[tag] = {"const": properties[tag]["const"]}
            required = [*required, tag]
    op = OPS.get(properties.get("op", {}).get("const", ""))
    if op is not None:
        properties["inputs"] = _operands(op)
        if any(not operand.optional for operand in op.operands):
            required = [*required, "inputs"]
    if required:
        definition["required"] = sorted(required)
    if name != "JsonValue":
        definition.pop("title", None)


def _operands(op: type[Op]) -> dict[str, Any]:
    least = sum(not operand.optional for operand in op.operands)
    described = [
        f"{operand.name}{'…' if operand.variadic else ''} ({operand.dtypes.description}"
        f"{', optional' if operand.optional else ''})"
        for operand in op.operands
    ]
    schema: dict[str, Any] = {
        "type": "array",
        "items": {"type": "string", "maxLength": 264},
        "minItems": least,
        "description": f"The operands: {', '.join(described)}." if described else "There are no operands.",
    }
    if not (op.operands and op.operands[-1].variadic):
        schema["maxItems"] = len(op.operands)
    return schema


def _with_references(schema: Any, shared: dict[str, Any]) -> Any:
    """`schema` with each inlined Dim and Number moved to the definitions, and without titles that repeat a name."""
    if isinstance(schema, list):
        return [_with_references(item, shared) for item in cast("list[Any]", schema)]
    if not isinstance(schema, Mapping):
        return schema
    fields = dict(cast("Mapping[str, Any]", schema))
    title = fields.get("title")
    if title in _SHARED and "oneOf" in fields:
        shared.setdefault(title, {"description": _DESCRIPTIONS[title], "oneOf": fields["oneOf"]})
        kept = {key: value for key, value in fields.items() if key in ("default", "description")}
        return {"$ref": f"#/$defs/{title}", **kept}
    if isinstance(title, str) and "$defs" not in fields:
        del fields["title"]
    return {key: _with_references(value, shared) for key, value in fields.items()}


_DESCRIPTIONS = {
    "Dim": "A dimension: an integer, a symbol, or an expression over dims.",
    "Number": 'A floating-point number; the non-finite ones are the strings "inf", "-inf" and "nan".',
}
