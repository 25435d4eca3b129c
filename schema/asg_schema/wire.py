"""Reading strict JSON, and writing it.

Reading refuses what JSON parsers usually let pass: duplicate keys (the last one would win in silence), the bare words
`NaN` and `Infinity`, and nesting so deep that it exhausts the stack. Every fault comes out as a `Problem`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from asg_schema.errors import DocumentError, Problem

__all__ = ["json_pointer", "nearest", "parse_json", "validation_problems"]

_MOST_PROBLEMS = 100


def parse_json(text: str | bytes | bytearray) -> Any:
    """Parse JSON strictly.

    Raises:
        DocumentError: the text is not UTF-8 or not JSON, repeats a key in an object, holds a bare NaN or Infinity, or
            nests too deep.
    """
    try:
        source = text if isinstance(text, str) else bytes(text).decode("utf-8")
        return json.loads(source, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        reason = f"the text is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
    except json.JSONDecodeError as error:
        reason = f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        reason = "the JSON is nested too deep"
    except ValueError as error:
        reason = str(error)
    raise DocumentError([Problem("", "invalid_json", reason)])


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f'the key "{key}" stands twice in one object')
            seen.add(key)
    return result


def _refuse_constant(word: str) -> NoReturn:
    string = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[word]
    raise ValueError(f'{word} is not JSON; a non-finite number is written as the string "{string}"')


def json_pointer(path: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901) from its parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where some known name is close to `name`, else nothing."""
    matches = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""


def validation_problems(error: ValidationError, source: Any, prefix: Sequence[str | int] = ()) -> list[Problem]:
    """Turn Pydantic's errors into problems whose pointers lead into `source`, the JSON that was validated.

    Args:
        error: what Pydantic raised.
        source: the parsed JSON.
        prefix: where `source` stands in the whole.
    """
    problems: list[Problem] = []
    for details in error.errors(include_url=False)[:_MOST_PROBLEMS]:
        path, owner = _locate(details["loc"], source)
        if details["type"] in ("missing", "extra_forbidden", "unexpected_keyword_argument"):
            path = [*path, details["loc"][-1]] if not path or path[-1] != details["loc"][-1] else path
        problem = Problem(json_pointer([*prefix, *path]), _code(details), _describe(details, path, owner))
        if problem not in problems:
            problems.append(problem)
    return problems


def _locate(location: tuple[str | int, ...], source: Any) -> tuple[list[str | int], str]:
    """The path into `source`, without the tags that Pydantic adds for unions, and the object that owns it."""
    path: list[str | int] = []
    owner, here = "", source
    for part in location:
        if isinstance(part, int) and isinstance(here, list | tuple) and part < len(cast("list[Any]", here)):
            here = cast("list[Any]", here)[part]
        elif isinstance(part, str) and isinstance(here, Mapping) and part in here:
            here = cast("Mapping[str, Any]", here)[part]
        else:
            continue
        path.append(part)
        owner = _owner(path, here) or owner
    return path, owner


def _owner(path: Sequence[str | int], here: Any) -> str:
    kinds = {"nodes": "node", "inputs": "input", "parameters": "parameter", "outputs": "output"}
    if len(path) != 2 or path[0] not in kinds or not isinstance(here, Mapping):
        return ""
    fields = cast("Mapping[str, Any]", here)
    name = fields.get("name" if path[0] == "outputs" else "id")
    op = f" ({fields['op']})" if path[0] == "nodes" and isinstance(fields.get("op"), str) else ""
    return f'{kinds[str(path[0])]} "{name}"{op}: ' if isinstance(name, str) else ""


def _code(details: ErrorDetails) -> str:
    kind = details["type"]
    codes = {
        "missing": "missing_field",
        "extra_forbidden": "unknown_field",
        "union_tag_invalid": "unknown_kind",
        "union_tag_not_found": "missing_field",
    }
    if kind == "union_tag_invalid" and details.get("ctx", {}).get("discriminator") == "'op'":
        return "unknown_op"
    return codes.get(kind, "invalid_value")


def _describe(details: ErrorDetails, path: Sequence[str | int], owner: str) -> str:
    kind, context = details["type"], details.get("ctx", {})
    last = details["loc"][-1] if details["loc"] else ""
    if kind == "missing":
        return f'{owner}the field "{last}" is missing'
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f'{owner}there is no field "{last}" here'
    if kind == "union_tag_not_found":
        return f"{owner}the field {context['discriminator']} is missing".replace("'", '"')
    if kind == "union_tag_invalid":
        word = "op" if context["discriminator"] == "'op'" else "kind"
        known = [tag.strip(" '") for tag in str(context["expected_tags"]).split(",")]
        listed = f"; known are {', '.join(known)}" if len(known) <= 12 else ""
        return f'{owner}there is no {word} "{context["tag"]}"{nearest(str(context["tag"]), known) or listed}'
    field = f'"{path[-1]}" ' if path and isinstance(path[-1], str) else ""
    message = details["msg"][0].lower() + details["msg"][1:]
    shown = repr(details["input"])
    return f"{owner}{field}is {shown if len(shown) <= 80 else shown[:77] + '...'}: {message}"
