"""Parsing the bodies of requests, and writing those of responses, in JSON and in safetensors."""

import json
from collections.abc import Iterable, Mapping, Sized
from typing import Annotated, Any, ClassVar, Self, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError
from pydantic_core import to_json
from starlette.responses import Response

from asg_executor.api.json_numbers import put_back, without_numbers
from asg_executor.api.json_tensors import encode_tensor
from asg_executor.api.media_types import JSON, SAFETENSORS
from asg_executor.api.problems import ProblemError, problem_of, refuse
from asg_executor.plan.arrays import Array
from asg_executor.safetensors_bytes import (
    SafetensorsError,
    check_tensor_names,
    read_safetensors,
    write_safetensors,
)
from asg_schema.errors import DocumentError, Problem
from asg_schema.wire import json_pointer, parse_json, validation_problems

__all__ = [
    "Body",
    "Tensors",
    "check_carries",
    "encoded_response",
    "json_response",
    "parse_body",
    "parse_json_body",
    "tensor_response",
]

Tensors = Annotated[
    dict[StrictStr, Any],
    Field(
        json_schema_extra={
            "additionalProperties": {
                "description": "A nested list, a number, or an object with dtype, shape and flat row-major data.",
                "anyOf": [
                    {"type": ["array", "number", "boolean", "string"]},
                    {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["dtype", "shape", "data"],
                        "properties": {
                            "dtype": {"type": "string"},
                            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
                            "data": {"type": "array"},
                        },
                    },
                ],
            }
        }
    ),
]
"""Tensors by name, as they came in: JSON values, or arrays from a binary body."""


_LONGEST = 100_000


class Body(BaseModel):
    """The body of a request. It is strict: no unknown field, no coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)

    tensor_field: ClassVar[str]
    """The field that takes the tensors of a safetensors body."""
    text_fields: ClassVar[frozenset[str]] = frozenset()
    """The fields whose metadata in a safetensors body is the text itself; that of the others is JSON."""

    @classmethod
    def with_tensors(cls, fields: dict[str, Any], tensors: dict[str, Array]) -> dict[str, Any]:
        """The body that the metadata of a safetensors body, which was read as `fields`, and its tensors are.

        Raises:
            ProblemError: the tensors do not fit the fields.
        """
        return {**fields, cls.tensor_field: tensors}

    @classmethod
    def check(cls, source: Any) -> Self:
        """Read the fields.

        Raises:
            ProblemError: with every fault of the body.
        """
        cls._check_lengths(source)
        try:
            return cls.model_validate(source)
        except ValidationError as error:
            raise problem_of("invalid_request", validation_problems(error, source)) from None

    @classmethod
    def _check_lengths(cls, source: Any) -> None:
        """Refuse what could have so many faults that telling them would take much memory."""
        fields = cast("dict[str, Any]", source) if isinstance(source, dict) else {}
        parts: dict[tuple[str, ...], Any] = {(): fields}
        parts.update({(name,): fields[name] for name in cls.model_fields if name in fields})
        lengths = {path: len(cast("Sized", part)) for path, part in parts.items() if isinstance(part, list | dict)}
        problems = [
            Problem(json_pointer(path), "too_long", f"it has {length} entries; at most {_LONGEST} may be")
            for path, length in lengths.items()
            if length > _LONGEST
        ]
        refuse("invalid_request", problems)


B = TypeVar("B", bound=Body)


def parse_json_body(body: bytes) -> Any:
    """The JSON value in a body.

    Raises:
        ProblemError: the body is not strict JSON.
    """
    try:
        return parse_json(body)
    except DocumentError as error:
        raise ProblemError("invalid_body", error.problems[0].message, problems=error.problems) from None


def parse_body(kind: type[B], body: bytes, media_type: str) -> B:
    """Read a body in either media type.

    Args:
        kind: what the body is.
        body: its bytes.
        media_type: `JSON` or `SAFETENSORS`.

    Raises:
        ProblemError: the body cannot be read, or its fields are wrong.
    """
    if media_type == JSON:
        return _with_arrays(kind, body) or kind.check(parse_json_body(body))
    try:
        tensors, metadata = read_safetensors(body)
    except SafetensorsError as error:
        raise ProblemError("invalid_body", str(error)) from None
    return kind.check(kind.with_tensors(_metadata_fields(kind, metadata), tensors))


def _with_arrays(kind: type[B], body: bytes) -> B | None:
    """Read a JSON body whose tensors have long lists of numbers; None where the whole has to be looked at closely."""
    short = without_numbers(body)
    if short is None:
        return None
    try:
        source = parse_json_body(short.text)
        tensors = cast("dict[str, Any]", source).get(kind.tensor_field) if isinstance(source, dict) else None
        return kind.check(source) if put_back(short, tensors) == len(short.numbers) else None
    except ProblemError:
        return None  # what is wrong is told of the body as it came


def _metadata_fields(kind: type[Body], metadata: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, text in metadata.items():
        if name == kind.tensor_field:
            message = f'"{name}" is not a field of the metadata: it is the tensors of the body'
            raise ProblemError("invalid_request", message, problems=[Problem(f"/{name}", "unknown_field", message)])
        if name in kind.text_fields or name not in kind.model_fields:
            fields[name] = text
            continue
        try:
            fields[name] = parse_json(text)
        except DocumentError as error:
            message = f'the field "{name}" of the metadata holds JSON: {error.problems[0].message}'
            raise ProblemError(
                "invalid_request", message, problems=[Problem(f"/{name}", "invalid_json", message)]
            ) from None
    return fields


def json_response(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response in JSON."""
    body = json.dumps(content, ensure_ascii=False, allow_nan=False).encode("utf-8", "backslashreplace")
    return Response(body, status, headers, JSON)


def encoded_response(
    field: str, encoded: Any, others: Mapping[str, Any], headers: Mapping[str, str] | None = None
) -> Response:
    """A response in JSON with tensors that `encode_tensor` made. It is like that of `json_response`, and quicker.

    Args:
        field: the name of the field with the tensors.
        encoded: what stands in the field.
        others: the fields before it.
        headers: further headers.
    """
    before = json.dumps(others, ensure_ascii=False, allow_nan=False)[:-1] + (", " if others else "")
    start = f"{before}{json.dumps(field)}: ".encode("utf-8", "backslashreplace")
    return Response(b"".join([start, to_json(encoded), b"}"]), 200, headers, JSON)


def check_carries(media_type: str, names: Iterable[str]) -> None:
    """Refuse, before anything is computed or changed, an answer that its media type cannot carry.

    Args:
        media_type: `JSON` or `SAFETENSORS`.
        names: the names of the tensors in the answer.

    Raises:
        ProblemError: a tensor has a name that safetensors cannot carry.
    """
    if media_type == SAFETENSORS:
        try:
            check_tensor_names(names)
        except SafetensorsError as error:
            raise ProblemError("not_acceptable", str(error)) from None


def tensor_response(
    field: str,
    tensors: Mapping[str, Array],
    media_type: str,
    others: Mapping[str, Any],
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A response that holds tensors.

    Args:
        field: the name of the field with the tensors, in JSON.
        tensors: the tensors by name.
        media_type: `JSON` or `SAFETENSORS`.
        others: further fields; in safetensors they are metadata, as JSON text.
        headers: further headers.

    Raises:
        ProblemError: a tensor has a name that safetensors cannot carry.
    """
    headers = {**(headers or {}), "Vary": "Accept"}
    if media_type == JSON:
        encoded = {name: encode_tensor(array) for name, array in tensors.items()}
        return encoded_response(field, encoded, others, headers)
    try:
        body = write_safetensors(tensors, {name: json.dumps(value) for name, value in others.items()})
    except SafetensorsError as error:
        raise ProblemError("not_acceptable", str(error)) from None
    return Response(body, 200, headers, SAFETENSORS)
