"""Before the sessions are there again the server says so, and does not let its clients hang."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import NamedTuple

import httpx
import pytest
from fastapi import FastAPI

from asg_executor.api.server import Server, url_of
from asg_executor.app import create_app
from asg_executor.serve_command import _listen as listen  # pyright: ignore[reportPrivateUsage] - the socket of a server
from asg_executor.settings import Settings
from asg_executor.store.errors import DirectoryInUseError
from executor_harness.problems import problem


class Made(NamedTuple):
    """A server whose application is made once `go` is set."""

    server: Server
    url: str
    go: threading.Event
    ready: threading.Event
    thread: threading.Thread


@contextmanager
def starting(failure: Exception | None = None) -> Generator[Made]:
    go, ready = threading.Event(), threading.Event()

    def make() -> FastAPI:
        assert go.wait(60)
        if failure is not None:
            raise failure
        return create_app(Settings())

    listener = listen(Settings(port=0))
    server = Server(Settings(), make, lambda _: ready.set())
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield Made(server, url_of(listener), go, ready, thread)
    finally:
        go.set()
        server.request_stop()
        thread.join(60)
        assert not thread.is_alive()


def test_until_it_is_ready_it_says_so_and_then_it_serves() -> None:
    with starting() as made, httpx.Client(base_url=made.url, timeout=60) as http:
        live, ready = http.get("/healthz/live"), http.get("/healthz/ready")
        assert (live.status_code, live.json()) == (200, {"live": True})
        assert (ready.status_code, ready.json()) == (503, {"ready": False})
        assert int(ready.headers["Retry-After"]) >= 1
        refused = http.get("/v1/sessions")
        problem(refused, "starting")
        assert refused.headers["X-Request-ID"] == refused.json()["request_id"]
        assert http.post("/v1/graphs", content=b"{}").status_code == 503
        assert not made.ready.is_set()
        made.go.set()
        assert made.ready.wait(60)
        assert http.get("/healthz/ready").json() == {"ready": True}
        assert http.get("/v1/sessions").json() == {"sessions": []}
        assert made.server.failure is None


def test_a_server_that_is_still_starting_stops_when_it_is_asked_to() -> None:
    with starting() as made:
        assert httpx.get(f"{made.url}/healthz/live").status_code == 200
        made.server.request_stop()
        made.thread.join(60)
        assert not made.thread.is_alive()
        assert made.server.service is None


@pytest.mark.parametrize("failure", [DirectoryInUseError("another process has it"), RuntimeError("a mistake")])
def test_what_cannot_be_started_ends(failure: Exception) -> None:
    with starting(failure) as made:
        made.go.set()
        made.thread.join(60)
        assert not made.thread.is_alive()
        assert made.server.failure is failure
        assert not made.ready.is_set()
