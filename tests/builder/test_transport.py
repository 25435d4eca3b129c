"""What a client sends and repeats, and how long it waits."""

import asyncio
import math
import re
import threading
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from asg_builder.client import (
    ClientError,
    ConnectionFailed,
    NotFound,
    Overloaded,
    QuotaExceeded,
    ServerFault,
)
from asg_builder.client.answer import Answer
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.request import Exchange, Request
from asg_builder.client.transport import JSON, Transport
from asg_schema.errors import AsgError
from builder_harness.scripted_transport import KINDS, Kind, Script, fine, problem


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which transport is tested."""
    return request.param


NEVER_SENT = [httpx.ConnectError("refused"), httpx.ConnectTimeout("slow"), httpx.PoolTimeout("busy")]


LOST = [httpx.ReadError("reset"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("cut"), httpx.WriteError("gone")]


@pytest.mark.parametrize("error", NEVER_SENT, ids=lambda e: type(e).__name__)
def test_what_was_never_sent_is_sent_again(kind: Kind, error: Exception) -> None:
    script = Script(kind, error, error, fine())
    assert script.ask("POST", "/v1/sessions", idempotent=False).status == 200
    assert len(script.requests) == 3
    assert len(script.waits) == 2


@pytest.mark.parametrize("error", LOST, ids=lambda e: type(e).__name__)
def test_a_lost_answer_is_asked_for_again_only_where_that_is_safe(kind: Kind, error: Exception) -> None:
    script = Script(kind, error, fine())
    assert script.ask("PUT", "/step", body=b"{}").body == fine().content
    first, second = script.requests
    assert (first.method, first.url, first.content) == (second.method, second.url, second.content)

    script = Script(kind, error, fine())
    with pytest.raises(ConnectionFailed, match="POST http://executor/v1/sessions") as failed:
        script.ask("POST", "/v1/sessions", idempotent=False)
    assert failed.value.sent
    assert len(script.requests) == 1


@pytest.mark.parametrize("idempotent", [True, False])
def test_an_overloaded_server_is_asked_again_as_it_wishes(kind: Kind, idempotent: bool) -> None:
    script = Script(kind, problem(503, {"Retry-After": "3"}), problem(503, {"Retry-After": "3"}), fine())
    script.ask("POST", "/v1/sessions", idempotent=idempotent)
    assert len(script.waits) == 2
    assert all(3 <= wait <= 10 for wait in script.waits)


def test_a_proxy_that_says_so_without_a_problem_is_asked_again(kind: Kind) -> None:
    script = Script(kind, httpx.Response(503, text="<html>busy"), httpx.Response(429), fine())
    script.ask("GET", "/v1")
    assert len(script.requests) == 3


def test_a_long_wait_is_left_to_the_caller(kind: Kind) -> None:
    script = Script(kind, problem(503, {"Retry-After": "3600"}))
    with pytest.raises(Overloaded) as failed:
        script.ask("GET", "/v1")
    assert failed.value.retry_after == 3600
    assert not script.waits


def test_it_gives_up_after_so_many_repetitions_and_tells_the_last_error(kind: Kind) -> None:
    script = Script(kind, *[httpx.ConnectError("first")] * 3, httpx.ConnectError("last"), retries=3)
    with pytest.raises(ConnectionFailed, match="last") as failed:
        script.ask("GET", "/v1")
    assert not failed.value.sent
    assert len(script.requests) == 4


def test_waits_grow_and_are_random(kind: Kind) -> None:
    def waits() -> list[float]:
        script = Script(kind, *[httpx.ConnectError("refused")] * 20, fine(), retries=20)
        script.ask("GET", "/v1")
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
def test_what_cannot_succeed_is_not_repeated(kind: Kind, reply: httpx.Response) -> None:
    script = Script(kind, reply)
    with pytest.raises(ClientError):
        script.ask("GET", "/v1")
    assert len(script.requests) == 1


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_lost_the_answer(kind: Kind, status: int) -> None:
    script = Script(kind, problem(status), fine())
    script.ask("GET", "/v1")
    script = Script(kind, problem(status))
    with pytest.raises(ServerFault):
        script.ask("POST", "/v1/sessions", idempotent=False)


def test_headers(kind: Kind) -> None:
    script = Script(kind, fine(), api_key="secret", headers={"X-Team": "blue"})
    script.send(Request("PUT", "/x", b"1", "a/b", headers={"If-Match": '"e"'}))
    (request,) = script.requests
    assert request.headers["content-type"] == "a/b"
    assert request.headers["accept"] == f"{JSON}, application/problem+json"
    assert request.headers["if-match"] == '"e"'
    assert request.headers["authorization"] == "Bearer secret"
    assert request.headers["x-team"] == "blue"
    script = Script(kind, fine())
    script.ask("GET", "/v1")
    assert "authorization" not in script.requests[0].headers
    assert "content-type" not in script.requests[0].headers


def test_repetitions_have_one_id_and_errors_tell_it(kind: Kind) -> None:
    script = Script(kind, httpx.ReadError("reset"), fine(), httpx.ReadError("reset"), retries=1)
    script.ask("GET", "/v1")
    ids = [request.headers["x-request-id"] for request in script.requests]
    assert ids[0] == ids[1]
    assert re.fullmatch(r"[0-9a-f]{32}", ids[0])
    with pytest.raises(ConnectionFailed) as failed:
        script.ask("POST", "/v1", idempotent=False)
    assert failed.value.request_id == script.requests[-1].headers["x-request-id"] != ids[0]


@pytest.mark.parametrize("status", [408, 429, 503, 507])
def test_whatever_says_that_it_may_succeed_later_is_sent_again(kind: Kind, status: int) -> None:
    script = Script(kind, problem(status, retryable=True), fine())
    script.ask("POST", "/v1/sessions", idempotent=False)
    assert len(script.requests) == 2


def test_a_quota_does_not_go_away_by_waiting(kind: Kind) -> None:
    script = Script(kind, problem(429, code="quota_exceeded", retryable=False))
    with pytest.raises(QuotaExceeded):
        script.ask("GET", "/v1")
    assert not script.waits


def test_a_date_to_wait_for(kind: Kind) -> None:
    in_twenty = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    script = Script(kind, problem(503, {"Retry-After": in_twenty}), fine())
    script.ask("GET", "/v1")
    assert 10 < script.waits[0] <= 20
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    script = Script(kind, problem(503, {"Retry-After": past}), problem(503, {"Retry-After": "soon"}), fine())
    script.ask("GET", "/v1")
    assert all(wait <= 0.2 for wait in script.waits)


def test_no_repetition_begins_after_the_time_for_all_of_them(kind: Kind) -> None:
    script = Script(kind, problem(503, {"Retry-After": "30"}), total_timeout=29.0)
    with pytest.raises(Overloaded):
        script.ask("GET", "/v1")
    assert not script.waits
    script = Script(kind, problem(503, {"Retry-After": "30"}), fine(), total_timeout=31.0)
    script.ask("GET", "/v1")
    assert script.waits == [30]


@pytest.mark.parametrize("body", [b"", b"<html>gone"])
@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_that_knows_no_problems(kind: Kind, status: int, body: bytes) -> None:
    script = Script(kind, httpx.Response(status, content=body), fine())
    script.ask("GET", "/v1")
    assert len(script.requests) == 2
    script = Script(kind, httpx.Response(status, content=body))
    with pytest.raises(ServerFault, match="gateway"):
        script.ask("POST", "/v1/sessions", idempotent=False)


def test_options_of_a_call() -> None:
    transport = Transport("http://executor", timeout=7, retries=3)
    other = transport.with_options(timeout=1)
    assert (transport.options.timeout, other.options.timeout) == (7, 1)
    assert other.options.retries == 3
    with pytest.raises(AsgError, match="timeout is 0; a number of seconds above 0"):
        transport.with_options(timeout=0)
    with pytest.raises(AsgError, match="retries is -1; a number of at least 0"):
        AsyncTransport("http://executor", retries=-1)
    with pytest.raises(AsgError, match="total_timeout is nan"):
        Transport("http://executor", total_timeout=math.nan)


def test_the_time_for_an_answer_is_told_to_the_network(kind: Kind) -> None:
    script = Script(kind, fine(), timeout=3.0)
    script.ask("GET", "/v1")
    assert script.requests[0].extensions["timeout"] == {"connect": 3.0, "read": 3.0, "write": 3.0, "pool": 3.0}


def test_what_was_caught_within_an_exchange_is_dealt_with(kind: Kind) -> None:
    def exchange() -> Exchange[str]:
        try:
            yield Request("GET", "/v1/sessions/gone")
        except NotFound as error:
            answer: Answer = yield Request("GET", "/v1")
            return f"{error.status}, then {answer.status}"
        return "found"

    assert Script(kind, problem(404), fine()).perform(exchange()) == "404, then 200"


def test_something_to_be_awaited_needs_an_asynchronous_client(kind: Kind) -> None:
    async def seven() -> int:
        return 7

    def exchange() -> Exchange[int]:
        found: int = yield seven()
        return found

    if kind == "async":
        assert Script(kind).perform(exchange()) == 7
    else:
        with pytest.raises(AsgError, match="give it to an AsyncSession"):
            Script(kind).perform(exchange())


def test_something_is_done_while_an_answer_is_awaited() -> None:
    done = threading.Event()

    def answer(request: httpx.Request) -> httpx.Response:
        return fine()

    async def wait_for_it(request: httpx.Request) -> httpx.Response:
        await asyncio.to_thread(done.wait, 30)
        return httpx.Response(200, json={"done": done.is_set()})

    async def send() -> Answer:
        transport = AsyncTransport("http://executor", http=httpx.MockTransport(wait_for_it))
        return await transport.send(Request("GET", "/v1", meanwhile=done.set))

    assert asyncio.run(send()).field("done") is True
    done.clear()
    Transport("http://executor", http=httpx.MockTransport(answer)).send(Request("GET", "/v1", meanwhile=done.set))
    assert not done.is_set()


BAD_ADDRESSES = {
    "http://a:b": '"http://a:b" is no address',
    "http://a:99999": "Port out of range",
    "http://": "it has no host",
    "http:///v1": "it has no host",
    "http://user:secret@a": "has no user and password; a key is given as api_key",
    "http://a?x=1": "has ? or # after it",
    "http://a#x": "has ? or # after it",
}


def test_an_address_without_a_scheme_is_refused() -> None:
    for transport in (Transport, AsyncTransport):
        with pytest.raises(ValueError, match="begins with http"):
            transport("localhost:8765")
        for url, fault in BAD_ADDRESSES.items():
            with pytest.raises(ValueError, match=re.escape(fault)) as refused:
                transport(url)
            assert "secret" not in str(refused.value)
    assert Transport("HTTP://executor/asg/").url == "HTTP://executor/asg"


@pytest.mark.parametrize("headers", [{"X-Team": "bl\u00fce"}, {"X-Team": "a\nX: b"}, {"X Team": "blue"}, {"": "blue"}])
def test_a_header_that_cannot_be_sent_is_refused(headers: dict[str, str]) -> None:
    for transport in (Transport, AsyncTransport):
        with pytest.raises(AsgError, match=r"the header .* cannot be sent"):
            transport("http://executor", headers=headers)


def test_a_client_that_is_closed_says_so(kind: Kind) -> None:
    async def ask_asynchronously() -> None:
        transport = AsyncTransport("http://executor")
        await transport.close()
        with pytest.raises(AsgError, match="the client is closed"):
            await transport.send(Request("GET", "/v1"))
        with pytest.raises(AsgError, match="the client is closed"):
            async with transport.stream_lines("/v1", accept="a/b", timeout=1.0):
                pass

    if kind == "async":
        asyncio.run(ask_asynchronously())
        return
    transport = Transport("http://executor")
    transport.close()
    with pytest.raises(AsgError, match="the client is closed"):
        transport.send(Request("GET", "/v1"))
    with (
        pytest.raises(AsgError, match="the client is closed"),
        transport.stream_lines("/v1", accept="a/b", timeout=1.0),
    ):
        pass


def test_a_body_that_cannot_be_unpacked_is_asked_for_again(kind: Kind) -> None:
    script = Script(kind, httpx.DecodingError("incorrect header check"), fine())
    script.ask("GET", "/v1")
    assert len(script.requests) == 2
    script = Script(kind, httpx.DecodingError("incorrect header check"))
    with pytest.raises(ConnectionFailed, match="incorrect header check"):
        script.ask("POST", "/v1", idempotent=False)


def test_a_gateway_that_answers_json_is_asked_again(kind: Kind) -> None:
    script = Script(kind, httpx.Response(503, json={"message": "no upstream"}), fine())
    script.ask("GET", "/v1")
    assert len(script.requests) == 2
