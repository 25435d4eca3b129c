"""The requests that resources have in common."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from asg_builder.client.answer import Answer
from asg_builder.client.payload import Payload, decode
from asg_builder.client.request import SAFETENSORS, Exchange, Request

__all__ = ["ask", "get", "get_tensors", "post_json", "quoted", "send_tensors"]


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


def post_json(path: str, body: Mapping[str, Any]) -> Exchange[Answer]:
    """The answer to a request in JSON that has one effect however often it is sent."""
    return (yield from ask(Request("POST", path, json.dumps(body).encode())))


def send_tensors(method: str, path: str, body: bytes) -> Exchange[Payload]:
    """The tensors that answer tensors, where sending them again does no harm."""
    answer = yield from ask(Request(method, path, body, SAFETENSORS, SAFETENSORS))
    return decode(answer.body)


def quoted(part: str) -> str:
    """A name as one part of a path."""
    return quote(part, safe="")
