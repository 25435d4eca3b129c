"""Requests to a server on this machine, over connections of the client's own: httpx makes the same of each answer."""

import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from asg_builder.client import ConnectionFailed, TimedOut, TooLarge
from asg_builder.client.request import Request
from asg_builder.client.transport import Transport
from asg_builder.client.transport_direct import DirectConnections, is_direct
from builder_harness.scripted_server import Behaviour, Peer, Received, ScriptedServer, scripted_server

WAYS = ("direct", "httpx")

FINE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


@contextmanager
def asked(way: str, *behaviours: Behaviour, timeout: float = 20.0) -> Generator[tuple[Transport, ScriptedServer]]:
    """A transport, and the server that it asks, once."""
    with scripted_server(*behaviours) as server:
        http = httpx.HTTPTransport() if way == "httpx" else None
        transport = Transport(server.url, timeout=timeout, retries=0, http=http)
        try:
            yield transport, server
        finally:
            transport.close()


def answer_all(*answers: bytes, seen: list[Received] | None = None) -> Behaviour:
    """Answer requests one after the other, the last answer again and again."""

    def behave(peer: Peer) -> None:
        number = 0
        while (request := peer.receive()) is not None:
            if seen is not None:
                seen.append(request)
            peer.send(answers[min(number, len(answers) - 1)])
            number += 1

    return behave


def answer_once(answer: bytes, done: threading.Event | None = None) -> Behaviour:
    """Answer one request, and close the connection."""

    def behave(peer: Peer) -> None:
        peer.receive()
        peer.send(answer)
        peer.close()
        if done is not None:
            done.set()

    return behave


def test_requests_follow_each_other_on_one_connection() -> None:
    seen: list[Received] = []
    with scripted_server(answer_all(FINE, seen=seen)) as server:
        transport = Transport(f"{server.url}/asg/", api_key="secret", headers={"X-Team": "blue"})
        body = bytes(range(256)) * 8192
        transport.send(Request("PUT", "/v1/x?y=1", body, "a/b"))
        transport.send(Request("GET", "/v1/\u00e9 a"))
        transport.send(Request("POST", "/v1/empty"))
        transport.close()
    put, get, post = seen
    assert {item.connection for item in seen} == {0}
    assert [item.line for item in seen] == [
        "PUT /asg/v1/x?y=1 HTTP/1.1",
        "GET /asg/v1/%C3%A9%20a HTTP/1.1",
        "POST /asg/v1/empty HTTP/1.1",
    ]
    assert put.body == body
    assert "content-length" not in get.headers
    assert post.headers["content-length"] == "0"
    assert len(put.headers["x-request-id"]) == 32
    del put.headers["x-request-id"]
    assert put.headers == {
        "host": server.url.removeprefix("http://"),
        "user-agent": "asg-builder",
        "authorization": "Bearer secret",
        "x-team": "blue",
        "accept": "application/json, application/problem+json",
        "content-type": "a/b",
        "content-length": str(len(body)),
        "accept-encoding": "identity",
    }


def test_headers_of_a_request_take_the_place_of_the_clients() -> None:
    seen: list[Received] = []
    with scripted_server(answer_all(FINE, seen=seen)) as server:
        transport = Transport(server.url, headers={"if-match": "1", "accept-encoding": "gzip", "accept": "x/y"})
        transport.send(Request("GET", "/v1", headers={"If-Match": "2"}))
        transport.close()
    (request,) = seen
    assert request.headers["if-match"] == "2"
    assert request.headers["accept"] == "application/json, application/problem+json"
    assert request.headers["accept-encoding"] == "identity"  # because nothing is decoded here


ANSWERS = {
    "in chunks": b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"ok"\r\n6\r\n:true}\r\n0\r\n\r\n',
    "after others": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + FINE,
    "without a reason": FINE.replace(b"200 OK", b"200"),
    "with a name in capitals": FINE.replace(b"Content-Type", b"CONTENT-TYPE"),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=list(ANSWERS))
def test_an_answer_in_another_form(way: str, answer: bytes) -> None:
    def send_slowly(peer: Peer) -> None:
        while peer.receive() is not None:
            for place in range(len(answer)):
                peer.send(answer[place : place + 1])

    with asked(way, send_slowly) as (transport, server):
        for _ in range(2):
            assert transport.request("GET", "/v1", idempotent=True).json() == {"ok": True}
        assert server.connections == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "answer",
    [
        FINE.replace(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n"),
        FINE.replace(b"Content-Length: 11\r\n", b""),
        FINE.replace(b"HTTP/1.1", b"HTTP/1.0"),
        FINE,
    ],
    ids=["it says so", "without a length", "HTTP/1.0", "it says nothing"],
)
def test_a_connection_that_the_server_closes_is_not_used_again(way: str, answer: bytes) -> None:
    closed = threading.Event()
    with asked(way, answer_once(answer, closed), answer_all(FINE)) as (transport, server):
        assert transport.request("GET", "/v1", idempotent=True).body == b'{"ok":true}'
        assert closed.wait(20)
        assert transport.request("POST", "/v1", idempotent=False).body == b'{"ok":true}'
        assert server.connections == 2


@pytest.mark.parametrize("way", WAYS)
def test_headers_that_are_there_twice_and_an_answer_without_a_body(way: str) -> None:
    nothing = b"HTTP/1.1 204 No Content\r\nVary: Accept\r\nvary: Origin\r\n\r\n"
    with asked(way, answer_all(nothing)) as (transport, server):
        for _ in range(2):
            answer = transport.request("DELETE", "/v1", idempotent=True)
            assert (answer.status, answer.body, answer.headers) == (204, b"", {"vary": "Accept, Origin"})
        assert server.connections == 1


BROKEN = {
    "nothing": b"",
    "half a head": FINE[:40],
    "half a body": FINE[:-3],
    "half a chunk": ANSWERS["in chunks"][:-12],
    "no HTTP": b"220 smtp.example ESMTP\r\n\r\n",
    "two lengths": FINE.replace(b"\r\n\r\n", b"\r\nContent-Length: 12\r\n\r\n"),
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 300_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("answer", BROKEN.values(), ids=list(BROKEN))
def test_an_answer_that_is_none_fails_and_the_next_request_has_another_connection(way: str, answer: bytes) -> None:
    with asked(way, answer_once(answer), answer_all(FINE)) as (transport, server):
        with pytest.raises(ConnectionFailed) as failed:
            transport.request("POST", "/v1", body=b"{}", idempotent=False)
        assert failed.value.sent
        assert transport.request("GET", "/v1", idempotent=True).json() == {"ok": True}
        assert server.connections == 2


def test_what_comes_unasked_is_no_answer() -> None:
    with asked("direct", answer_all(FINE + FINE)) as (transport, server):
        for _ in range(2):
            assert transport.request("GET", "/v1", idempotent=True).json() == {"ok": True}
        assert server.connections == 2


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_that_comes_while_the_body_is_being_sent_is_heard(way: str) -> None:
    content = b'{"code": "body_too_large", "detail": "too much"}'
    head = b"HTTP/1.1 413 Too Large\r\nContent-Type: application/problem+json\r\nContent-Length: %d\r\n\r\n"

    def refuse(peer: Peer) -> None:
        peer.receive(body=False)
        peer.send(head % len(content) + content)

    with asked(way, refuse, answer_all(FINE)) as (transport, server):
        with pytest.raises(TooLarge, match="too much"):
            transport.request("PUT", "/v1", body=bytes(64 * 2**20), idempotent=False)
        assert transport.request("GET", "/v1", idempotent=True).json() == {"ok": True}
        assert server.connections == 2


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [0, 64 * 2**20], ids=["that does not answer", "that does not read"])
def test_a_server_is_waited_for_so_long_and_its_late_answer_is_not_taken_for_another(way: str, size: int) -> None:
    late = threading.Event()

    def answer_late(peer: Peer) -> None:
        if size == 0:
            peer.receive()
        late.wait(20)
        peer.send(FINE.replace(b"true", b"null"))

    with asked(way, answer_late, answer_all(FINE), timeout=0.2) as (transport, server):
        with pytest.raises(TimedOut, match="timed out") as failed:
            transport.request("PUT", "/v1", body=bytes(size), idempotent=False)
        assert failed.value.sent
        late.set()
        assert transport.with_options(timeout=20).request("GET", "/v1", idempotent=True).json() == {"ok": True}
        assert server.connections == 2


@pytest.mark.parametrize("way", WAYS)
def test_where_nothing_listens_nothing_was_sent(way: str) -> None:
    with asked(way, answer_all(FINE)) as (transport, server):
        server.stop()
        with pytest.raises(ConnectionFailed, match="no executor listens there") as failed:
            transport.request("POST", "/v1", idempotent=False)
    assert not failed.value.sent


def test_several_threads_have_connections_of_their_own() -> None:
    together = threading.Barrier(8)

    def answer(peer: Peer) -> None:
        while (request := peer.receive()) is not None:
            body = b'{"path":"%s"}' % request.line.split()[1].encode()
            peer.send(FINE.replace(b"11", b"%d" % len(body)).replace(b'{"ok":true}', body))

    with asked("direct", answer) as (transport, server):

        def ask(number: int) -> bool:
            together.wait(20)
            paths = [f"/{number}/{repetition}" for repetition in range(50)]
            return all(transport.request("GET", path, idempotent=True).json() == {"path": path} for path in paths)

        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(ask, range(8)))
        assert server.connections <= 8


def test_closing_ends_the_connections() -> None:
    ended = threading.Event()

    def wait_for_end(peer: Peer) -> None:
        answer_all(FINE)(peer)
        ended.set()

    with asked("direct", wait_for_end) as (transport, _):
        transport.request("GET", "/v1", idempotent=True)
        transport.close()
        assert ended.wait(20)


def test_a_connection_is_not_kept_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_builder.client.transport_direct._IDLE_SECONDS", 0.0)
    with asked("direct", answer_all(FINE)) as (transport, server):
        for _ in range(2):
            transport.request("GET", "/v1", idempotent=True)
        assert server.connections == 2


def test_an_answer_in_another_coding_is_refused() -> None:
    coded = FINE.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    with (
        asked("direct", answer_all(coded)) as (transport, _),
        pytest.raises(ConnectionFailed, match='"gzip", which was not asked for'),
    ):
        transport.request("GET", "/v1", idempotent=True)


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("http://127.0.0.1:8765", True),
        ("http://localhost/asg", True),
        ("HTTP://[::1]:1", True),
        ("https://127.0.0.1:8765", False),
        ("http://127.0.0.2:8765", False),
        ("http://executor:8765", False),
    ],
)
def test_only_a_server_without_tls_on_this_machine_is_asked_directly(url: str, direct: bool) -> None:
    assert is_direct(url) is direct


def test_an_address_of_ipv6() -> None:
    connections = DirectConnections("http://[::1]:1", {})
    with pytest.raises(httpx.ConnectError):
        connections.request("GET", "/v1", None, {}, timeout=1.0, connect_timeout=1.0)
