"""`/docs`: the service's documentation as one page that needs nothing from anywhere else.

It is made from the OpenAPI description. Problem documents refer to it: `type` is `/docs#problem-<code>`.
"""

import json
from collections.abc import Iterable
from html import escape
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from asg_executor.api.answer_tables import answer_form, answer_tables, prose
from asg_executor.api.problems import KINDS, MEDIA_TYPE

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

# Not that of the routes, which are asked in the order in which they are called most often.
_ORDER = ("graphs", "sessions", "steps", "parameters", "checkpoints", "datasets", "jobs", "inference")

_LINE = 100  # characters of an example

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; }
pre { overflow: auto; padding: .5rem; border: 1px solid #8884; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
:target { background: #fd08; }
""".strip()

_EXAMPLES = r"""
asg grad regression.json | curl URL/v1/graphs -d @-
curl URL/v1/sessions \
  -d '{"graphs": {"train": "DIGEST"}, "optimizer": {"kind": "sgd"}}'
curl -X PUT URL/v1/sessions/ID/steps/1 \
  -d '{"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}'
curl URL/v1/sessions/ID/parameters -H 'Accept: application/json'
""".strip()


@router.get("/docs")
async def documentation(request: Request) -> HTMLResponse:
    """The page."""
    return HTMLResponse(_page(request.app.openapi(), str(request.base_url).rstrip("/")))


def _page(description: dict[str, Any], url: str) -> str:
    title = escape(description["info"]["title"])
    return "\n".join(
        [
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head><body>',
            f"<h1>{title} {escape(description['info']['version'])}</h1>",
            f"<p>{escape(description['info']['description'])}</p>",
            '<p>The same for programs: <a href="/openapi.json">/openapi.json</a>.</p>',
            f"<h2>By hand</h2><pre>{escape(_EXAMPLES.replace('URL', url))}</pre>",
            "<p>Where the service asks for a key, each of them has <code>-H 'Authorization: Bearer KEY'</code> too; "
            "<code>asg keys create</code> makes one. Below each stands the scope that it needs: <code>run</code>, "
            "<code>train</code> or <code>admin</code>, each of which includes those before it.</p>",
            "<h2>Requests</h2>",
            "<p>In an example a long list has its first items alone.</p>",
            *_resources(description["paths"]),
            "<h2>Answers</h2>",
            "<p>What answers are made of. They have no other fields; a node has those of its op.</p>",
            *answer_tables(description["components"]["schemas"]),
            "<h2>Problems</h2>",
            "<p>Errors are <code>application/problem+json</code> (RFC 9457), each a "
            '<a href="#form-Problem">Problem</a> with one of these codes.</p>',
            "<table><tr><th>code</th><th>status</th><th>meaning</th><th>may succeed when repeated</th></tr>",
            *_problems(),
            "</table></body></html>",
        ]
    )


def _resources(paths: dict[str, Any]) -> Iterable[str]:
    operations = [
        (path, method, cast("dict[str, Any]", operation))
        for path, methods in paths.items()
        for method, operation in methods.items()
    ]
    for tag in dict.fromkeys([*_ORDER, *(operation["tags"][0] for _, _, operation in operations)]):
        yield f'<h3 id="{escape(tag)}">{escape(tag.capitalize())}</h3>'
        for path, method, operation in operations:
            if operation["tags"][0] == tag:
                yield from _operation(path, method, operation)


def _operation(path: str, method: str, operation: dict[str, Any]) -> Iterable[str]:
    yield f"<h4><code>{method.upper()} {escape(path)}</code></h4>"
    yield f"<p>{prose(operation.get('description', ''))}{_needed_scope(operation)}</p>"
    yield from _parameters(operation.get("parameters", []))
    for media_type, body in operation.get("requestBody", {}).get("content", {}).items():
        yield f"<details><summary>Body in <code>{escape(media_type)}</code></summary>"
        yield from _schema(body["schema"])
        yield f"{_example(body)}</details>"
    for status, answer in sorted(operation["responses"].items()):
        for media_type, body in answer.get("content", {}).items():
            if media_type != MEDIA_TYPE:
                yield f"<details><summary>Answer {status} in <code>{escape(media_type)}</code></summary>"
                held = prose(body["schema"].get("description", ""))
                yield f"<p>{answer_form(body['schema'])} {held}</p>{_example(body)}</details>"


def _parameters(parameters: Iterable[dict[str, Any]]) -> Iterable[str]:
    """The parameters that stand in the query and in headers; those of the path have it for their meaning."""
    rows = [
        f"<tr><td><code>{escape(item['name'])}</code></td><td>{item['in']}</td>"
        f"<td>{prose(item.get('description', ''))}</td></tr>"
        for item in parameters
        if item["in"] != "path"
    ]
    if rows:
        yield f"<table><tr><th>parameter</th><th>in</th><th>meaning</th></tr>{''.join(rows)}</table>"


def _example(body: dict[str, Any]) -> str:
    if "example" not in body:
        return ""
    return f"<pre>{escape(_json_lines(body['example'], ''))}</pre>"


def _json_lines(value: Any, indent: str) -> str:
    """JSON in which what fits in a line stands in one."""
    text = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(text) <= _LINE or not isinstance(value, dict | list) or not value:
        return text
    deeper = f"{indent}  "
    if isinstance(value, list):
        items, (opening, closing) = [_json_lines(item, deeper) for item in cast("list[Any]", value)], "[]"
    else:
        fields = cast("dict[str, Any]", value)
        items, (opening, closing) = [f'"{name}": {_json_lines(item, deeper)}' for name, item in fields.items()], "{}"
    lines = f",\n{deeper}".join(items)
    return f"{opening}\n{deeper}{lines}\n{indent}{closing}"


def _needed_scope(operation: dict[str, Any]) -> str:
    scopes = [scope for item in operation.get("security", ()) for scope in item["key"]]
    return f" Scope: <code>{escape(scopes[0])}</code>." if scopes else ""


def _schema(schema: dict[str, Any]) -> Iterable[str]:
    yield f"<p>{prose(schema.get('description', ''))}</p>"
    fields: dict[str, Any] = schema.get("properties", {})
    if not fields:
        return
    yield "<table><tr><th>field</th><th>needed</th><th>meaning</th></tr>"
    for name, field in fields.items():
        needed = "yes" if name in schema.get("required", ()) else "no"
        meaning = field.get("description", field.get("title", ""))
        yield f"<tr><td><code>{escape(name)}</code></td><td>{needed}</td><td>{prose(meaning)}</td></tr>"
    yield "</table>"


def _problems() -> Iterable[str]:
    for code, kind in KINDS.items():
        retryable = "yes" if kind.retryable else "no"
        yield (
            f'<tr id="problem-{code}"><td><code>{code}</code></td><td>{kind.status}</td>'
            f"<td>{escape(kind.title)}</td><td>{retryable}</td></tr>"
        )
