"""What a client repeats, how long it waits, and which error each answer is."""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from asg_builder.client import (
    AccessDenied,
    ClientError,
    Conflict,
    ConnectionFailed,
    NotFound,
    Overloaded,
    ServerFault,
    ServiceError,
    StorageFull,
    TooLarge,
    UnexpectedAnswer,
    ValidationProblem,
    errors,
)
from asg_builder.client.transport import JSON, Transport

Reply = httpx.Response | Exception


class Script:
    """A server that answers as it is told, and what it was asked and how long the client waited."""

    def __init__(self, *replies: Reply, retries: int = 4) -> None:
        self.replies: list[Reply] = list(replies)
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []
        http = httpx.MockTransport(self.answer)
        self.transport = Transport("http://executor", retries=retries, http=http, sleep=self.waits.append)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply


def fine() -> httpx.Response:
    return httpx.Response(200, json={"ok": True})


def problem(status: int, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
    content = {"status": status, "code": "some_code", "detail": "what is wrong", "retryable": status == 503, **fields}
    return httpx.Response(
        status, content=json.dumps(content), headers={"content-type": "application/problem+json", **(headers or {})}
    )


NEVER_SENT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")]
LOST = [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), httpx.WriteError("gone")]


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda e: type(e).__name__)
def test_what_was_never_sent_is_sent_again(error: Exception) -> None:
    script = Script(error, error, fine())
    assert script.transport.request("POST", "/v1/sessions", idempotent=False).status == 200
    assert len(script.requests) == 3
    assert len(script.waits) == 2


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
def test_a_lost_answer_is_asked_for_again_only_where_that_is_safe(error: Exception) -> None:
    script = Script(error, fine())
    assert script.transport.request("PUT", "/step", body=b"{}", idempotent=True).body == fine().content
    first, second = script.requests
    assert (first.method, first.url, first.content) == (second.method, second.url, second.content)

    script = Script(error, fine())
    with pytest.raises(ConnectionFailed, match="POST http://executor/v1/sessions") as failed:
        script.transport.request("POST", "/v1/sessions", idempotent=False)
    assert failed.value.sent
    assert len(script.requests) == 1


@pytest.mark.parametrize("idempotent", [True, False])
def test_an_overloaded_server_is_asked_again_as_it_wishes(idempotent: bool) -> None:
    script = Script(problem(503, {"Retry-After": "3"}), problem(503, {"Retry-After": "3"}), fine())
    script.transport.request("POST", "/v1/sessions", idempotent=idempotent)
    assert len(script.waits) == 2
    assert all(3 <= wait <= 10 for wait in script.waits)


def test_a_proxy_that_says_so_without_a_problem_is_asked_again() -> None:
    script = Script(httpx.Response(503, text="<html>busy"), httpx.Response(429), fine())
    script.transport.request("GET", "/v1", idempotent=True)
    assert len(script.requests) == 3


def test_a_long_wait_is_left_to_the_caller() -> None:
    script = Script(problem(503, {"Retry-After": "3600"}))
    with pytest.raises(Overloaded) as failed:
        script.transport.request("GET", "/v1", idempotent=True)
    assert failed.value.retry_after == 3600
    assert not script.waits


def test_it_gives_up_after_so_many_repetitions_and_tells_the_last_error() -> None:
    script = Script(*[httpx.ConnectError("first")] * 3, httpx.ConnectError("last"), retries=3)
    with pytest.raises(ConnectionFailed, match="last") as failed:
        script.transport.request("GET", "/v1", idempotent=True)
    assert not failed.value.sent
    assert len(script.requests) == 4


def test_waits_grow_and_are_random() -> None:
    def waits() -> list[float]:
        script = Script(*[httpx.ConnectError("refused")] * 20, fine(), retries=20)
        script.transport.request("GET", "/v1", idempotent=True)
        return script.waits

    one, other = waits(), waits()
    assert one != other
    assert all(wait <= 0.1 * 2**attempt for attempt, wait in enumerate(one))
    assert max(one) > 1
    assert max(one) <= 10


@pytest.mark.parametrize(
    "reply",
    [
        problem(422),
        problem(409, {"x-should-retry": "false"}, retryable=True),
        problem(500),
        problem(404),
        httpx.Response(200, text="<html>hello", headers={"content-type": "text/html"}),
        httpx.Response(418, text="teapot"),
    ],
    ids=["422", "409", "500", "404", "html", "teapot"],
)
def test_what_cannot_succeed_is_not_repeated(reply: httpx.Response) -> None:
    script = Script(reply)
    with pytest.raises(ClientError):
        script.transport.request("GET", "/v1", idempotent=True)
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_lost_the_answer(status: int) -> None:
    script = Script(problem(status), fine())
    script.transport.request("GET", "/v1", idempotent=True)
    script = Script(problem(status))
    with pytest.raises(ServerFault):
        script.transport.request("POST", "/v1/sessions", idempotent=False)


KINDS: Sequence[tuple[int, type[ServiceError]]] = [
    (400, ValidationProblem),
    (401, AccessDenied),
    (403, AccessDenied),
    (404, NotFound),
    (405, ServiceError),
    (409, Conflict),
    (412, Conflict),
    (413, TooLarge),
    (415, ValidationProblem),
    (422, ValidationProblem),
    (429, Overloaded),
    (500, ServerFault),
    (503, Overloaded),
    (507, StorageFull),
]


@pytest.mark.parametrize(("status", "kind"), KINDS)
def test_the_error_of_each_status(status: int, kind: type[ServiceError]) -> None:
    fields: dict[str, Any] = {
        "problems": [{"pointer": "/inputs/x", "code": "shape", "message": "too short"}, "junk"],
        "request_id": "r1",
        "expected_step": 4,
    }
    script = Script(problem(status, **fields), retries=0)
    with pytest.raises(ServiceError) as failed:
        script.transport.request("GET", "/v1", idempotent=True)
    error = failed.value
    assert type(error) is kind
    assert (error.status, error.code, error.detail, error.request_id) == (status, "some_code", "what is wrong", "r1")
    assert [str(item) for item in error.problems] == ["/inputs/x: too short"]
    assert error.expected_step == 4
    assert str(error) == f"what is wrong (HTTP {status}, some_code)"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (httpx.Response(404, text="not here"), "HTTP 404 with a body that is no problem document.*: 'not here'"),
        (httpx.Response(500, content=b"[1]"), "no problem document"),
        (httpx.Response(302, headers={"location": "/"}), "HTTP 302"),
        (httpx.Response(200, text="hi", headers={"content-type": "text/plain"}), 'answered "text/plain"'),
    ],
)
def test_what_is_no_executor(reply: httpx.Response, message: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=message):
        Script(reply).transport.request("GET", "/v1", idempotent=True)


def test_headers() -> None:
    script = Script(fine(), fine())
    script.transport.request("PUT", "/x", body=b"1", content_type="a/b", headers={"If-Match": '"e"'}, idempotent=True)
    (request,) = script.requests
    assert request.headers["content-type"] == "a/b"
    assert request.headers["accept"].startswith(JSON)
    assert request.headers["if-match"] == '"e"'
    assert "authorization" not in request.headers
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return fine()

    keyed = Transport("https://executor", api_key="secret", http=httpx.MockTransport(answer))
    keyed.request("GET", "/v1", idempotent=True)
    assert seen[0].headers["authorization"] == "Bearer secret"


def test_an_address_without_a_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match="begins with http"):
        Transport("localhost:8765")


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    found: dict[int, type[Exception]] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"((?:│   |    )*)(?:[├└]── )?(\w+)(?:  |$)", line)
        if match is None or not hasattr(errors, match[2]):
            continue
        depth = len(match[1]) // 4 + ("── " in line)
        found[depth] = getattr(errors, match[2])
        assert depth == 0 or found[depth].__bases__ == (found[depth - 1],)
        classes.remove(match[2])
    assert not classes


def streaming(answer: Callable[[httpx.Request], httpx.Response]) -> Transport:
    return Transport("http://executor", http=httpx.MockTransport(answer))


def test_lines_are_streamed() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["accept"] == "text/event-stream, application/problem+json"
        assert request.headers["last-event-id"] == "7"
        return httpx.Response(200, content=b"id: 8\n\n: alive\n", headers={"content-type": "text/event-stream"})

    headers = {"Last-Event-ID": "7"}
    with streaming(answer).stream_lines("/v1", accept="text/event-stream", headers=headers, timeout=5.0) as lines:
        assert list(lines) == ["id: 8", "", ": alive"]


def test_a_stream_that_is_refused_or_breaks_off_raises() -> None:
    def read(answer: Callable[[httpx.Request], httpx.Response]) -> list[str]:
        with streaming(answer).stream_lines("/v1", accept="text/event-stream", timeout=5.0) as lines:
            return list(lines)

    def broken(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("connection reset")

    with pytest.raises(NotFound, match="no such job"):
        read(lambda _: httpx.Response(404, json={"code": "unknown_job", "detail": "no such job"}))
    with pytest.raises(UnexpectedAnswer, match='answered "text/html" where text/event-stream was expected'):
        read(lambda _: httpx.Response(200, content=b"<p>", headers={"content-type": "text/html"}))
    with pytest.raises(ConnectionFailed, match="connection reset"):
        read(broken)
