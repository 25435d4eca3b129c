"""`check_answer`: every answer that a test gets is one that the OpenAPI description has."""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any, cast

import httpx
import jsonschema
import jsonschema.exceptions

from asg_executor.app import create_app
from asg_executor.settings import Settings

__all__ = ["check_answer", "check_events", "description", "fault"]

_JSON = "application/json"
_PROBLEM = "application/problem+json"
_EVENTS = "text/event-stream"
_MOST_BYTES = 100_000  # going through each number of a large tensor would take seconds


@cache
def description() -> dict[str, Any]:
    """The OpenAPI description, as JSON has it."""
    return json.loads(json.dumps(create_app(Settings()).openapi()))


@cache
def _validator(schema: str) -> Any:
    return jsonschema.Draft202012Validator({**json.loads(schema), "components": description()["components"]})


def fault(schema: dict[str, Any], value: Any) -> str | None:
    """What of a value is not as a schema of the description says; None where all of it is.

    Args:
        schema: the schema; its references lead into the description.
        value: the value, as JSON has it.
    """
    error = cast("Any", jsonschema.exceptions).best_match(_validator(json.dumps(schema)).iter_errors(value))
    return None if error is None else f"{error.json_path}: {error.message}"


def check_answer(response: httpx.Response) -> None:
    """Compare an answer with its description: its status, its media type, and in JSON every field.

    Raises:
        AssertionError: it is not as it is described.
    """
    media_type = response.headers.get("content-type", "").partition(";")[0]
    if media_type == _PROBLEM:
        _validate(response, {"$ref": "#/components/schemas/Problem"}, response.json())
        return
    operation = _operation(response.request.method, response.request.url.path)
    if operation is None:
        return  # /docs and /openapi.json
    described = operation["responses"].get(str(response.status_code))
    assert described is not None, f"{_name(response)}: the status is not described"
    if not response.content:
        return
    content = described.get("content", {})
    assert media_type in content, f"{_name(response)}: {media_type} is not described"
    if media_type == _EVENTS:
        check_events(response.text)
    elif media_type == _JSON and len(response.content) <= _MOST_BYTES:
        _validate(response, content[media_type]["schema"], response.json())


def check_events(stream: str) -> None:
    """Compare the messages of a stream of events with their descriptions."""
    for message in stream.split("\n\n"):
        lines = [line.partition(": ") for line in message.splitlines() if not line.startswith(":")]
        fields = {name: text for name, _, text in lines}
        if "data" in fields:
            form = "JobEvent" if "id" in fields else "JobProgress"
            found = fault({"$ref": f"#/components/schemas/{form}"}, json.loads(fields["data"]))
            assert found is None, f"{form}: {found}"


def _validate(response: httpx.Response, schema: dict[str, Any], value: Any) -> None:
    found = fault(schema, value)
    assert found is None, f"{_name(response)}: {found}"


def _name(response: httpx.Response) -> str:
    return f"{response.request.method} {response.request.url.path} {response.status_code}"


def _operation(method: str, path: str) -> dict[str, Any] | None:
    """The operation of the description that a request asks for; None where it is not described."""
    found = min(_matching(method.lower(), path.split("/")), default=None, key=lambda item: item.count("{"))
    return None if found is None else description()["paths"][found][method.lower()]


def _matching(method: str, parts: list[str]) -> Iterator[str]:
    for template, operations in description()["paths"].items():
        own = template.split("/")
        if method not in operations or len(own) != len(parts):
            continue
        if all(here == there or here.startswith("{") for here, there in zip(own, parts, strict=True)):
            yield template
