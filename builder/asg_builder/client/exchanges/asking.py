"""The requests that resources have in common."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from asg_builder.client.answer import Answer
from asg_builder.client.payload import Payload, decode, to_json
from asg_builder.client.request import SAFETENSORS, Exchange, Request
from asg_schema.errors import AsgError

__all__ = ["ask", "encode_json", "get", "get_tensors", "only_in", "post_json", "quoted", "send_tensors", "wish"]

_KEY = re.compile(r"[!-~]{1,255}\Z")
_STATE = re.compile(r"[!#-~]{1,255}\Z")


def ask(request: Request) -> Exchange[Answer]:
    """The answer to a request."""
    answer: Answer = yield request
    return answer


def get(path: str) -> Exchange[Answer]:
    """What is at a path, in JSON."""
    return (yield from ask(Request("GET", path)))


def get_tensors(path: str) -> Exchange[Payload]:
    """The tensors at a path."""
    return decode((yield from ask(Request("GET", path, accept=SAFETENSORS))).body)


def post_json(
    path: str, body: Mapping[str, Any], headers: Mapping[str, str] | None = None, *, idempotent: bool = True
) -> Exchange[Answer]:
    """The answer to a request in JSON; an idempotent one has one effect however often it is sent."""
    return (yield from ask(Request("POST", path, encode_json(body), headers=headers or {}, idempotent=idempotent)))


def send_tensors(method: str, path: str, body: bytes) -> Exchange[Payload]:
    """The tensors that answer tensors, where sending them again does no harm."""
    answer = yield from ask(Request(method, path, body, SAFETENSORS, SAFETENSORS))
    return decode(answer.body)


def quoted(part: str) -> str:
    """A name as one part of a path.

    Raises:
        AsgError: it has no characters, or is "." or "..", which would make another path of it.
    """
    if part in ("", ".", ".."):
        raise AsgError(f'"{part}" is not the name of anything that an executor keeps')
    return quote(part, safe="")


def encode_json(content: Mapping[str, Any]) -> bytes:
    """JSON for a request; numbers of NumPy are numbers.

    Raises:
        AsgError: something in it is nothing that JSON has.
    """
    return to_json(content).encode()


def only_in(state: str | None) -> dict[str, str]:
    """The header that lets a request do something in one state alone; nothing where none is given.

    Args:
        state: the digest of the state.

    Raises:
        AsgError: it cannot be one.
    """
    if state is None:
        return {}
    if not _STATE.match(state):
        raise AsgError(f"if_match is {state!r}; the digest of a state is needed, such as session.digest() returns")
    return {"If-Match": f'"{state}"'}


def wish(key: str | None) -> dict[str, str]:
    """The header that names a wish, so that it is carried out once; a new name where none is given.

    Raises:
        AsgError: the name cannot be one.
    """
    if key is not None and not _KEY.match(key):
        raise AsgError(f"idempotency_key is {key!r}; 1 to 255 visible ASCII characters are needed")
    return {"Idempotency-Key": key or uuid4().hex}
