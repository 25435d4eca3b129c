"""Conditional requests (RFC 9110, section 13): the ETag of a state is its digest.

A tag of a state is strong: two states with the same digest are the same, bit for bit. What a client sends as weak
(`W/"…"`) is never a reason to change something, and is as good as any where it only spares an answer.
"""

import re
from typing import Any, NamedTuple

from fastapi import Request
from starlette.responses import Response

from asg_executor.api.problems import ProblemError
from asg_schema.wire import show_value

__all__ = ["IF_MATCH", "IF_NONE_MATCH", "EntityTags", "check_state", "etag", "not_modified", "required_state"]

_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')


class EntityTags(NamedTuple):
    """The entity tags of an `If-Match` or `If-None-Match`.

    Attributes:
        text: how the header has them.
        any: whether it is `*`.
        strong: the opaque parts of those that are strong.
        weak: the opaque parts of those that are weak.
    """

    text: str
    any: bool
    strong: frozenset[str]
    weak: frozenset[str]

    @classmethod
    def parse(cls, header: str, text: str) -> "EntityTags":
        """Read the value of a header: `*`, or tags with commas between them.

        Args:
            header: the header's name, for the error.
            text: its value.

        Raises:
            ProblemError: it has another form.
        """
        if text.strip(" \t") == "*":
            return cls("*", any=True, strong=frozenset(), weak=frozenset())
        tags: dict[bool, set[str]] = {True: set(), False: set()}
        place, separated = 0, True
        while place < len(text):
            tag = _TAG.match(text, place) if separated else None
            if tag is not None:
                tags[tag[1] is None].add(tag[2])
            elif text[place] not in ", \t":
                break
            separated = text[place] == "," or (separated and tag is None)
            place = place + 1 if tag is None else tag.end()
        if place < len(text) or not (tags[True] or tags[False]):
            raise ProblemError(
                "invalid_request",
                f'{header} is {show_value(text)}; * is needed, or entity tags such as "0123abcd", with commas between '
                "them",
            )
        return cls(text, any=False, strong=frozenset(tags[True]), weak=frozenset(tags[False]))

    def match_strongly(self, digest: str) -> bool:
        """Whether the state of this digest is one of those that are named, bit for bit."""
        return self.any or digest in self.strong

    def match_weakly(self, digest: str) -> bool:
        """Whether a state that is as good as the one of this digest is named."""
        return self.any or digest in self.strong or digest in self.weak


def etag(digest: str) -> dict[str, str]:
    """The header that names a state."""
    return {"ETag": f'"{digest}"'}


def required_state(request: Request) -> EntityTags | None:
    """The states of which one must be the present one, for the request to do anything; None for whichever it is.

    Raises:
        ProblemError: `If-Match` cannot be read.
    """
    values = request.headers.getlist("if-match")
    return EntityTags.parse("If-Match", ", ".join(values)) if values else None


def check_state(required: EntityTags | None, digest: str) -> None:
    """Refuse to go on where `If-Match` names other states than the present one.

    Raises:
        ProblemError: it does; `digest` among its members is that of the present state.
    """
    if required is not None and not required.match_strongly(digest):
        message = f'If-Match is {required.text}; the state is "{digest}" now, and nothing was changed'
        raise ProblemError("state_changed", message, extensions={"digest": digest}, headers=etag(digest))


def not_modified(request: Request, digest: str) -> Response | None:
    """The answer to a client that has this state already, as its `If-None-Match` says; None where it has not.

    Raises:
        ProblemError: `If-None-Match` cannot be read.
    """
    values = request.headers.getlist("if-none-match")
    if not values or not EntityTags.parse("If-None-Match", ", ".join(values)).match_weakly(digest):
        return None
    return Response(status_code=304, headers={**etag(digest), "Vary": "Accept"})


def _parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": description}


IF_MATCH: dict[str, Any] = {
    "parameters": [
        _parameter("If-Match", "ETags of states: nothing is changed in any other state (412 `state_changed`).")
    ]
}
"""How OpenAPI describes that a request may be made for certain states alone."""

IF_NONE_MATCH: dict[str, Any] = {
    "parameters": [_parameter("If-None-Match", "ETags of states that the client has: the answer is 304 then.")],
    "responses": {"304": {"description": "The state is one of those that If-None-Match names."}},
}
"""How OpenAPI describes that an answer may be spared."""
