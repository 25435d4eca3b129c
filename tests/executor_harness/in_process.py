"""The service in this process, behind an ordinary synchronous HTTP client, which finds each answer as described."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
from fastapi import FastAPI

from asg_executor.app import create_app
from asg_executor.observability.tracing import Tracing
from asg_executor.settings import Settings
from executor_harness.described_answers import check_answer
from executor_harness.regression import regression, regression_gradient

__all__ = ["Server", "in_process"]


class _Transport(httpx.BaseTransport):
    """Runs each request on one event loop."""

    def __init__(self, app: FastAPI, runner: asyncio.Runner) -> None:
        self._transport = httpx.ASGITransport(app)
        self._runner = runner

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def answer() -> httpx.Response:
            response = await self._transport.handle_async_request(request)
            content = b"".join([chunk async for chunk in response.aiter_raw()])  # compressed as it came
            return httpx.Response(response.status_code, headers=response.headers, content=content, request=request)

        response = self._runner.run(answer())
        check_answer(response)
        return response


class Server:
    """A service in this process.

    Attributes:
        app: the application.
        http: a client of it.
        runner: the event loop that it runs on.
    """

    def __init__(self, settings: Settings, runner: asyncio.Runner, tracing: Tracing | None = None) -> None:
        self.app = create_app(settings, host_names={"localhost"}, tracing=tracing)
        self.runner = runner
        self.http = httpx.Client(transport=_Transport(self.app, runner), base_url="http://localhost")

    def asynchronous(self) -> httpx.AsyncClient:
        """A client for several requests at a time, on the same event loop."""
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://localhost")

    def add_graph(self, text: str) -> str:
        """The digest of a document that the service now has."""
        response = self.http.post("/v1/graphs", content=text)
        assert response.status_code in (200, 201), response.text
        return response.json()["digest"]

    def create_session(self, **fields: Any) -> str:
        """The path of a new session of the regression, `predict` and `train`."""
        graphs = {"predict": self.add_graph(regression().to_json())}
        graphs["train"] = self.add_graph(regression_gradient().to_json())
        body = {"graphs": graphs, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, **fields}
        response = self.http.post("/v1/sessions", json=body)
        assert response.status_code == 201, response.text
        return response.headers["Location"]

    def digest(self, session: str) -> str:
        """The digest of a session's state."""
        return self.http.get(session).json()["digest"]

    def end(self) -> None:
        """End it as a killed process ends: nothing more is written, no file is open, the data directory is free."""
        self.http.close()
        service = self.app.state.service
        for held in service.sessions:
            held.close_files()
        if service.directory is not None:
            service.directory.close()


@contextmanager
def in_process(tracing: Tracing | None = None, **settings: Any) -> Generator[Server]:
    """A service with these settings."""
    with asyncio.Runner() as runner:
        server = Server(Settings(**settings), runner, tracing)
        try:
            yield server
        finally:
            server.end()
            server.app.state.service.pool.close()
