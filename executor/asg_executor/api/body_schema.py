"""The JSON Schema of a body, as it may stand anywhere in an OpenAPI document."""

from typing import Any, cast

from pydantic import BaseModel

__all__ = ["body_schema"]


def body_schema(kind: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a body. References are replaced by what they mean: in another document they lead nowhere."""
    schema = kind.model_json_schema()
    return _without_references(schema, schema.get("$defs", {}))


def _without_references(schema: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(schema, list):
        return [_without_references(item, definitions) for item in cast("list[Any]", schema)]
    if not isinstance(schema, dict):
        return schema
    fields = cast("dict[str, Any]", schema)
    own = {
        key: _without_references(value, definitions) for key, value in fields.items() if key not in ("$defs", "$ref")
    }
    if "$ref" in fields:
        return {**_without_references(definitions[fields["$ref"].rpartition("/")[2]], definitions), **own}
    return own
