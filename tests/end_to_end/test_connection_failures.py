"""What a client tells of servers that are not there, or not what they should be: with real sockets."""

import asyncio
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, Literal

import pytest
from typing_extensions import override

from asg_builder.client import (
    AsyncClient,
    Client,
    ConnectionFailed,
    TimedOut,
    TlsFailed,
    UnexpectedAnswer,
)

Kind = Literal["sync", "async"]


@pytest.fixture(params=["sync", "async"])
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which client is tested."""
    return request.param


def info(kind: Kind, url: str, **options: Any) -> dict[str, Any]:
    """What a client gets from a server."""
    if kind == "sync":
        with Client(url, retries=0, **options) as client:
            return client.info()

    async def ask() -> dict[str, Any]:
        async with AsyncClient(url, retries=0, **options) as client:
            return await client.info()

    return asyncio.run(ask())


class WebSite(BaseHTTPRequestHandler):
    """A web site that has a page at every path."""

    def do_GET(self) -> None:
        page = b"<!doctype html><title>Welcome</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def web_site() -> Generator[int]:
    """The port of a web site."""
    with HTTPServer(("127.0.0.1", 0), WebSite) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


def test_nobody_listens(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionFailed, match='no executor listens there; "asg serve" starts one') as failed:
        info(kind, f"http://127.0.0.1:{port}")
    assert not failed.value.sent


def test_a_host_that_does_not_exist(kind: Kind) -> None:
    with pytest.raises(ConnectionFailed, match=r'the host name in "http://executor\.invalid" is not known') as failed:
        info(kind, "http://executor.invalid")
    assert not failed.value.sent


def test_the_address_of_a_web_site(kind: Kind) -> None:
    message = r'answered "text/html" .* no ASG executor'
    with web_site() as port, pytest.raises(UnexpectedAnswer, match=message) as failed:
        info(kind, f"http://127.0.0.1:{port}")
    assert "Welcome" in str(failed.value)


def test_a_server_without_tls(kind: Kind) -> None:
    with web_site() as port, pytest.raises(TlsFailed, match="begins with http://") as failed:
        info(kind, f"https://127.0.0.1:{port}")
    assert not failed.value.sent


def test_a_server_that_says_nothing(kind: Kind) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(TimedOut, match=r"GET http://127\.0\.0\.1:\d+/v1 timed out") as failed:
            info(kind, f"http://127.0.0.1:{port}", timeout=0.5)
        assert failed.value.sent
