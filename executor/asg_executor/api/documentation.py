"""`/docs`: the service's documentation as one page that needs nothing from anywhere else.

It is made from the OpenAPI description. Problem documents refer to it: `type` is `/docs#problem-<code>`.
"""

import re
from collections.abc import Iterable
from html import escape
from typing import Any, cast

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse

from asg_executor.api.problems import KINDS

__all__ = ["router"]

router = APIRouter(include_in_schema=False)

_CODE = re.compile("`([^`]+)`")

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
            "<h2>Resources</h2>",
            *_resources(description["paths"]),
            "<h2>Problems</h2>",
            "<p>Errors are <code>application/problem+json</code> (RFC 9457) with one of these codes.</p>",
            "<table><tr><th>code</th><th>status</th><th>meaning</th><th>may succeed when repeated</th></tr>",
            *_problems(),
            "</table></body></html>",
        ]
    )


def _prose(text: str) -> str:
    """Text as HTML: what stands between backticks is code, and an empty line begins a paragraph."""
    return _CODE.sub(r"<code>\1</code>", escape(text)).replace("\n\n", "</p><p>")


def _resources(paths: dict[str, Any]) -> Iterable[str]:
    for path, methods in paths.items():
        for method, operation in cast("dict[str, Any]", methods).items():
            yield f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
            yield f"<p>{_prose(operation.get('description', ''))}{_needed_scope(operation)}</p>"
            content = operation.get("requestBody", {}).get("content", {})
            for media_type, body in content.items():
                yield f"<details><summary>Body in <code>{escape(media_type)}</code></summary>"
                yield from _schema(body["schema"])
                yield "</details>"


def _needed_scope(operation: dict[str, Any]) -> str:
    scopes = [scope for item in operation.get("security", ()) for scope in item["key"]]
    return f" Scope: <code>{escape(scopes[0])}</code>." if scopes else ""


def _schema(schema: dict[str, Any]) -> Iterable[str]:
    yield f"<p>{_prose(schema.get('description', ''))}</p>"
    fields: dict[str, Any] = schema.get("properties", {})
    if not fields:
        return
    yield "<table><tr><th>field</th><th>needed</th><th>meaning</th></tr>"
    for name, field in fields.items():
        needed = "yes" if name in schema.get("required", ()) else "no"
        meaning = field.get("description", field.get("title", ""))
        yield f"<tr><td><code>{escape(name)}</code></td><td>{needed}</td><td>{_prose(meaning)}</td></tr>"
    yield "</table>"


def _problems() -> Iterable[str]:
    for code, kind in KINDS.items():
        retryable = "yes" if kind.retryable else "no"
        yield (
            f'<tr id="problem-{code}"><td><code>{code}</code></td><td>{kind.status}</td>'
            f"<td>{escape(kind.title)}</td><td>{retryable}</td></tr>"
        )
