"""A proxy that loses answers, or cuts them off, after the server gave them."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from typing_extensions import override

__all__ = ["DroppingProxy", "dropping_proxy"]


class DroppingProxy(ThreadingHTTPServer):
    """Passes requests on to a server, and loses the answers to PUT that it is told to lose after they were given.

    Attributes:
        answers_to_lose: so many answers never come.
        answers_to_cut: so many come by half.
        passed: the requests, oldest first.
        replayed: how many answers the server gave once more.
    """

    daemon_threads = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passing)
        self.target = url.removeprefix("http://")
        self.answers_to_lose = 0
        self.answers_to_cut = 0
        self.passed: list[str] = []
        self.replayed = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Passing(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: DroppingProxy  # pyright: ignore[reportIncompatibleVariableOverride] - the only server that uses it

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        connection = HTTPConnection(self.server.target)
        connection.request(self.command, self.path, body, dict(self.headers.items()))
        response = connection.getresponse()
        answer = response.read()
        connection.close()
        self.server.passed.append(f"{self.command} {self.path}")
        self.server.replayed += response.getheader("Idempotent-Replayed") == "true"
        if self.command == "PUT" and self.server.answers_to_lose:
            self.server.answers_to_lose -= 1
            self.close_connection = True
            return
        cut = bool(self.command == "PUT" and self.server.answers_to_cut)
        self.server.answers_to_cut -= cut
        self.send_response(response.status)
        for name in ("Content-Type", "X-Request-ID", "Idempotent-Replayed"):
            if value := response.getheader(name):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer[: len(answer) // 2] if cut else answer)
        self.close_connection = cut

    do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names that the base class looks for

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def dropping_proxy(url: str) -> Generator[DroppingProxy]:
    """A proxy of a server, in a thread of its own."""
    with DroppingProxy(url) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
