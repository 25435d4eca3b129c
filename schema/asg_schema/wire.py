"""Reading strict JSON, and saying what Pydantic found wrong in it.

Reading refuses what JSON parsers usually let pass: duplicate keys (the last one would win in silence), the bare words
`NaN` and `Infinity`, numbers that would become infinite, halves of surrogate pairs, and nesting so deep that it
exhausts the stack. Every fault comes out as a `Problem`.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import Any, NoReturn, cast

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from asg_schema.errors import MOST_PROBLEMS, DocumentError, Problem
from asg_schema.quick_json import NotPlainError, read_plain_json

__all__ = ["json_pointer", "nearest", "parse_json", "show_value", "validation_problems"]

_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str | bytes | bytearray) -> Any:
    """Parse JSON strictly.

    Raises:
        DocumentError: the text is not UTF-8 or not JSON, repeats a key in an object, holds a bare NaN or Infinity or a
            number that is too large, holds half of a surrogate pair, or nests too deep.
    """
    try:
        return read_plain_json(bytes(text) if isinstance(text, bytearray) else text)
    except NotPlainError:
        return _parse_closely(text)


def _parse_closely(text: str | bytes | bytearray) -> Any:
    """Parse whatever is JSON, and say what is wrong with what is not."""
    try:
        source = _decoded(text)
        result = json.loads(
            source, object_pairs_hook=_unique_keys, parse_constant=_refuse_constant, parse_float=_finite_float
        )
        if _SURROGATE_ESCAPE.search(source):
            json.dumps(result, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        reason = f"the text is not UTF-8: byte {error.start} is {error.object[error.start]:#04x}"
    except UnicodeEncodeError:
        reason = "a string holds half of a surrogate pair, which is no character"
    except json.JSONDecodeError as error:
        reason = f"not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}"
    except RecursionError:
        reason = "the JSON is nested too deep"
    except ValueError as error:
        reason = "an integer has more than 4300 digits" if "integer string conversion" in str(error) else str(error)
    else:
        return result
    raise DocumentError([Problem("", "invalid_json", reason)])


def _decoded(text: str | bytes | bytearray) -> str:
    if not isinstance(text, str):
        text = bytes(text).decode("utf-8-sig")
    elif not text.isascii():
        text.encode()
    if not text.strip():
        raise ValueError("not valid JSON: the text is empty")
    return text


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {show_value(key)} stands twice in one object")
            seen.add(key)
    return result


def _refuse_constant(word: str) -> NoReturn:
    string = {"NaN": "nan", "Infinity": "inf", "-Infinity": "-inf"}[word]
    raise ValueError(f'{word} is not JSON; a non-finite number is written as the string "{string}"')


def _finite_float(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f'the number {digits[:40]} is too large; infinity is written as the string "inf" or "-inf"')
    return value


def json_pointer(path: Iterable[str | int]) -> str:
    """A JSON Pointer (RFC 6901) from its parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean "…"?` where some known name is close to `name`, else nothing.

    Only names that begin or end alike and are about as long are compared, so that a long list of names costs little.
    """
    if not 0 < len(name) <= 80:
        return ""
    ends = name[0].lower(), name[-1].lower()
    alike = (
        candidate
        for candidate in known
        if abs(len(candidate) - len(name)) <= 3
        and candidate
        and (candidate[0].lower() == ends[0] or candidate[-1].lower() == ends[1])
    )
    matches = get_close_matches(name, list(islice(alike, 200)), n=1, cutoff=0.6)
    return f'; did you mean "{matches[0]}"?' if matches else ""


def show_value(value: object) -> str:
    """A JSON value as a message quotes it: short, on one line, and without control characters."""
    if isinstance(value, str):
        shown = value if len(value) <= 60 else value[:57] + "..."
        return json.dumps(shown, ensure_ascii=not shown.isprintable())
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10**40 else f"an integer of {value.bit_length()} bits"
    if isinstance(value, float):
        return str(value)
    if isinstance(value, Mapping):
        return "an object"
    return "a list" if isinstance(value, list | tuple) else repr(value)[:60]


def validation_problems(
    error: ValidationError, source: Any, prefix: Sequence[str | int] = (), owner: str = "", fields: Iterable[str] = ()
) -> list[Problem]:
    """Turn Pydantic's errors into problems whose pointers lead into `source`, the JSON that was validated.

    Args:
        error: what Pydantic raised.
        source: the parsed JSON.
        prefix: where `source` stands in the whole.
        owner: put before each message: `node "loss" (mean): `.
        fields: the names of the fields that the object has, to suggest one where another is given.
    """
    problems: dict[str, Problem] = {}
    found = error.errors(include_url=False)
    for details in found[: 2 * MOST_PROBLEMS]:  # beyond those none is told; a dim may have two
        path = _path(details, source)
        pointer = json_pointer([*prefix, *path])
        if pointer in problems and details["type"] != "dim":  # a dim's own message says more than "not an integer"
            continue
        suggestion = ""
        if details["type"] in ("extra_forbidden", "unexpected_keyword_argument") and len(path) == 1:
            suggestion = nearest(str(path[-1]), fields)
        message = f"{owner}{_describe(details, path)}{suggestion}"
        problems[pointer] = Problem(pointer, _code(details), message)
    # They stand for those that are counted only.
    rest = [Problem(json_pointer(prefix), "invalid_value", f"{owner}there is more that is wrong")]
    return [*problems.values(), *(rest * (len(found) - 2 * MOST_PROBLEMS))]


def _path(details: ErrorDetails, source: Any) -> list[str | int]:
    """The path into `source`, without the tags that Pydantic adds for unions."""
    path: list[str | int] = []
    here = source
    location = details["loc"]
    for part in location:
        if isinstance(part, int) and isinstance(here, list | tuple) and part < len(cast("list[Any]", here)):
            here = cast("list[Any]", here)[part]
        elif isinstance(part, str) and _is_key(part, here, first=not path):
            here = cast("Mapping[str, Any]", here)[part]
        else:
            continue
        path.append(part)
    if details["type"] == "missing":
        path.append(location[-1])
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        path.append(details.get("ctx", {})["discriminator"].strip("'"))
    return path


def _is_key(part: str, here: Any, *, first: bool) -> bool:
    if not isinstance(here, Mapping) or part not in here:
        return False
    # Within a union that `kind` tells apart, the first part of a location is the tag and not a field.
    return first or cast("Mapping[str, Any]", here).get("kind") != part


def _code(details: ErrorDetails) -> str:
    kind = details["type"]
    codes = {
        "missing": "missing_field",
        "extra_forbidden": "unknown_field",
        "unexpected_keyword_argument": "unknown_field",
        "union_tag_invalid": "unknown_kind",
        "union_tag_not_found": "missing_field",
    }
    return codes.get(kind, "invalid_value")


_NEEDED = {
    "string_type": "a string is needed",
    "string_unicode": "a string without halves of surrogate pairs is needed",
    "int_type": "an integer is needed",
    "float_type": "a number is needed",
    "bool_type": "true or false is needed",
    "finite_number": "a finite number is needed",
    "tuple_type": "a list is needed",
    "list_type": "a list is needed",
    "dict_type": "an object is needed",
    "model_type": "an object is needed",
    "model_attributes_type": "an object is needed",
    "invalid-json-value": "a JSON value is needed",
    "recursion_depth_exceeded": "it is nested too deep",
    "recursion_loop": "it holds itself",
    "string_too_short": "at least {min_length} characters are needed",
    "string_too_long": "at most {max_length} characters are allowed",
    "too_short": "at least {min_length} entries are needed, not {actual_length}",
    "too_long": "at most {max_length} entries are allowed, not {actual_length}",
    "greater_than_equal": "at least {ge} is needed",
    "greater_than": "more than {gt} is needed",
    "less_than_equal": "at most {le} is needed",
    "less_than": "less than {lt} is needed",
    "literal_error": "{expected} is needed",
    "enum": "{expected} is needed",
}


def _describe(details: ErrorDetails, path: Sequence[str | int]) -> str:
    kind, context = details["type"], details.get("ctx", {})
    last = show_value(path[-1]) if path else ""
    if kind == "missing" and isinstance(path[-1], int):
        return f"entry {path[-1]} is missing"
    if kind in ("missing", "union_tag_not_found"):
        return f"the field {last} is missing"
    if kind == "value_error":  # of a check of several fields together, whose message is whole
        return str(context["error"])
    if kind in ("extra_forbidden", "unexpected_keyword_argument"):
        return f"there is no field {last} here"
    if kind == "union_tag_invalid":
        known = [tag.strip(" '") for tag in context["expected_tags"].split(",")]
        tag = context["tag"]
        return f"there is no {path[-1]} {show_value(tag)}{nearest(tag, known) or '; known are ' + ', '.join(known)}"
    needed = details["msg"]
    if kind in _NEEDED:
        needed = _NEEDED[kind].format_map({name: str(value).replace("'", '"') for name, value in context.items()})
    if kind in ("enum", "literal_error") and isinstance(details["input"], str):
        needed += nearest(details["input"], re.findall(r"'([^']*)'", context["expected"]))
    field = next((part for part in reversed(path) if isinstance(part, str)), "")
    index = f" entry {path[-1]}" if path and isinstance(path[-1], int) else ""
    subject = f"{field}{index}".lstrip() or "it"
    if kind == "dim":  # its own message says what was given
        return f"{subject}: {needed}"
    return f"{subject} is {show_value(details['input'])}; {needed}"
