"""Bodies in pieces, answers that go to a receiver, and lines that are streamed."""

import asyncio
import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from asg_builder.client import (
    ConnectionFailed,
    NotFound,
    UnexpectedAnswer,
)
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.request import Request
from asg_builder.client.transfers import NewFile
from asg_builder.client.transport import SAFETENSORS, Transport
from builder_harness.scripted_transport import KINDS, Kind, Script, fine, problem

pytestmark = pytest.mark.parametrize("kind", KINDS)


def test_a_body_in_pieces_is_the_body(kind: Kind) -> None:
    told: list[tuple[int, int]] = []
    body = bytes(range(256)) * 3000
    script = Script(kind, httpx.ReadError("reset"), fine())

    def sent(done: int, total: int) -> None:
        told.append((done, total))

    script.send(Request("PUT", "/x", body, sent=sent))
    assert [request.content for request in script.requests] == [body, body]
    assert {request.headers["content-length"] for request in script.requests} == {"768000"}
    assert not any("transfer-encoding" in request.headers for request in script.requests)
    once = [(0, 768000), (262144, 768000), (524288, 768000), (768000, 768000)]
    assert told == once * 2


def test_an_answer_goes_to_its_receiver(kind: Kind, tmp_path: Path) -> None:
    content = b"a" * 1000
    digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
    headers = {"content-type": SAFETENSORS, "content-digest": f"sha-256=:{digest}:"}
    told: list[tuple[int, int]] = []
    script = Script(
        kind,
        httpx.Response(200, content=content[:-1] + b"b", headers=headers),  # damaged on its way
        problem(503, {"Retry-After": "1"}),
        httpx.Response(200, content=content, headers=headers),
    )
    with NewFile(tmp_path / "file", lambda done, total: told.append((done, total))) as file:
        answer = script.send(Request("GET", "/x", accept=SAFETENSORS, receiver=file))
        assert not (tmp_path / "file").exists()
        file.keep()
    assert answer.body == b""
    assert (tmp_path / "file").read_bytes() == content
    assert told == [(1000, 1000)] * 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    script = Script(kind, httpx.Response(200, content=b"short", headers=headers), retries=0)
    with (
        pytest.raises(ConnectionFailed, match="the 5 bytes that arrived have not the checksum"),
        NewFile(tmp_path / "other", None) as file,
    ):
        script.send(Request("GET", "/x", accept=SAFETENSORS, receiver=file))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def read_lines(
    kind: Kind, answer: Callable[[httpx.Request], httpx.Response], headers: dict[str, str] | None = None
) -> list[str] | None:
    """The lines that a server streams, or None where it has no more."""
    if kind == "sync":
        transport = Transport("http://executor", http=httpx.MockTransport(answer))
        with transport.stream_lines("/v1", accept="text/event-stream", headers=headers, timeout=5.0) as lines:
            return None if lines is None else list(lines)

    async def read() -> list[str] | None:
        transport = AsyncTransport("http://executor", http=httpx.MockTransport(answer))
        streaming = transport.stream_lines("/v1", accept="text/event-stream", headers=headers, timeout=5.0)
        async with streaming as lines:
            return None if lines is None else [line async for line in lines]

    return asyncio.run(read())


def test_lines_are_streamed(kind: Kind) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept"] == "text/event-stream, application/problem+json"
        assert request.headers["last-event-id"] == "7"
        return httpx.Response(200, content=b"id: 8\n\n: alive\n", headers={"content-type": "text/event-stream"})

    assert read_lines(kind, answer, {"Last-Event-ID": "7"}) == ["id: 8", "", ": alive"]
    assert read_lines(kind, lambda _: httpx.Response(204)) is None


def test_a_stream_that_is_refused_or_breaks_off_raises(kind: Kind) -> None:
    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("connection reset")

    with pytest.raises(NotFound, match="no such job"):
        read_lines(kind, lambda _: httpx.Response(404, json={"code": "unknown_job", "detail": "no such job"}))
    with pytest.raises(UnexpectedAnswer, match='answered "text/html" where text/event-stream was expected'):
        read_lines(kind, lambda _: httpx.Response(200, content=b"<p>", headers={"content-type": "text/html"}))
    with pytest.raises(ConnectionFailed, match="connection reset"):
        read_lines(kind, broken)
