"""The forms of answers in `/docs`: a table of fields for each, in which forms refer to one another."""

import json
import re
from collections.abc import Iterable
from html import escape
from typing import Any

__all__ = ["answer_form", "answer_tables", "prose"]

_CODE = re.compile("`([^`]+)`")


def prose(text: str) -> str:
    """Text as HTML: what stands between backticks is code, and an empty line begins a paragraph."""
    return _CODE.sub(r"<code>\1</code>", escape(text)).replace("\n\n", "</p><p>")


def answer_tables(schemas: dict[str, dict[str, Any]]) -> Iterable[str]:
    """A heading and a table for each form that has fields; in a list what the others are.

    Args:
        schemas: `components.schemas` of the OpenAPI description.
    """
    for name, schema in schemas.items():
        # Of a model the rest of the description is for who reads its source.
        description = schema.get("description", "").partition("\n")[0]
        yield f'<h4 id="form-{escape(name)}">{escape(name)}</h4>'
        yield f"<p>{prose(description)}</p>"
        fields: dict[str, Any] = schema.get("properties", {})
        if not fields:
            yield f"<p>{answer_form(schema)}</p>" if schema.get("type") != "object" else ""
            continue
        yield "<table><tr><th>field</th><th>always</th><th>form</th><th>meaning</th></tr>"
        for field, form in fields.items():
            always = "yes" if field in schema.get("required", ()) else "no"
            yield (
                f"<tr><td><code>{escape(field)}</code></td><td>{always}</td><td>{answer_form(form)}</td>"
                f"<td>{prose(form.get('description', ''))}</td></tr>"
            )
        yield "</table>"


def answer_form(schema: dict[str, Any]) -> str:
    """A schema in few words, as HTML, with links to the forms that it names."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#form-{name}">{name}</a>'
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " or ".join(map(answer_form, schema[several]))
    if "const" in schema or "enum" in schema:
        values = schema.get("enum", [schema.get("const")])
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    return _of_type(schema)


def _of_type(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        return f"list of {answer_form(schema['items'])}" if "items" in schema else "list"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {answer_form(schema['additionalProperties'])}"
    return escape(schema.get("format", kind))
