"""A proxy between a client and a server that loses answers, cuts requests and sends them twice."""

import random
import socket
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx
from typing_extensions import override

__all__ = ["Misdeed", "Proxy", "proxy"]

Misdeed: TypeAlias = Literal["forward", "lose answer", "cut request", "send twice", "cut answer"]


class Proxy:
    """What a proxy does to requests.

    Args:
        target: the URL of the server.
        chance: decides about each request.
        weights: how often each thing is done, relative to the others.

    Attributes:
        url: where the proxy listens.
        done: how often each thing was done.
    """

    def __init__(self, target: str, chance: random.Random, weights: dict[Misdeed, int]) -> None:
        self.target = target
        self.url = ""
        self.done: Counter[Misdeed] = Counter()
        self._chance, self._weights = chance, weights
        self._lock = threading.Lock()

    def choose(self) -> Misdeed:
        with self._lock:
            (chosen,) = self._chance.choices(list(self._weights), list(self._weights.values()))
            self.done[chosen] += 1
        return chosen


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        misdeed = self.proxy.choose()
        if misdeed == "cut request" and body:
            self._send_part(body)
            self.close_connection = True
            return
        answer = self._forward(body)
        if misdeed == "send twice":
            self._forward(body)
        if misdeed == "lose answer":
            self.close_connection = True
            return
        self.send_response_only(answer.status_code)
        for name, value in answer.headers.items():
            if name not in ("transfer-encoding", "connection", "content-encoding", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        if misdeed == "cut answer" and len(answer.content) > 1:
            self.wfile.write(answer.content[: len(answer.content) // 2])
            self.close_connection = True
        else:
            self.wfile.write(answer.content)

    do_GET = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 - http.server calls them so

    def _forward(self, body: bytes) -> httpx.Response:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")}
        headers["Accept-Encoding"] = "identity"
        return httpx.request(self.command, f"{self.proxy.target}{self.path}", content=body, headers=headers, timeout=60)

    def _send_part(self, body: bytes) -> None:
        """Send the server a request that ends in the middle of its body."""
        where = urlsplit(self.proxy.target)
        lines = [f"{self.command} {self.path} HTTP/1.1", f"Host: {where.netloc}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name.lower() != "host"]
        with socket.create_connection((where.hostname or "", where.port or 0)) as upstream:
            upstream.sendall("\r\n".join([*lines, "", ""]).encode() + body[: len(body) // 2])

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def proxy(target: str, chance: random.Random, weights: dict[Misdeed, int]) -> Generator[Proxy]:
    """A proxy on a free port."""
    rules = Proxy(target, chance, weights)
    handler = type("Handler", (_Handler,), {"proxy": rules})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        rules.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield rules
        finally:
            server.shutdown()
            thread.join()
