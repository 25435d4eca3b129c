"""How the answers of requests stand in the OpenAPI description."""

from collections.abc import Mapping
from types import UnionType
from typing import Any, get_args, get_origin

from asg_executor.api.media_types import JSON, SAFETENSORS

__all__ = ["TENSORS", "answers"]

TENSORS: Mapping[str, str] = {SAFETENSORS: "The tensors, by name; the other fields are texts in the metadata, in JSON."}
"""What an answer in safetensors holds, for `answers`."""

_PLACE = "#/components/schemas/"


def answers(
    form: Any, *statuses: int, binary: Mapping[str, str] | None = None, description: str = "The answer."
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers in JSON. They are a description, and nothing is checked by them.

    Args:
        form: the type of the answer, of `asg_executor.api.answers`; or a list or a union of such types.
        statuses: the statuses that it comes with; absent: 200.
        binary: what the answer holds in other media types, which are binary.
        description: when it comes, or what it is.
    """
    content: dict[str, Any] = {JSON: {"schema": _reference(form)}}
    for media_type, held in (binary or {}).items():
        content[media_type] = {"schema": {"type": "string", "format": "binary", "description": held}}
    return {status: {"description": description, "content": content} for status in statuses or (200,)}


def _reference(form: Any) -> dict[str, Any]:
    if isinstance(form, UnionType):
        return {"anyOf": [_reference(item) for item in get_args(form)]}
    if get_origin(form) is list:
        return {"type": "array", "items": _reference(get_args(form)[0])}
    return {"$ref": f"{_PLACE}{form.__name__}"}
