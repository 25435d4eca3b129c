"""`StartingApp`: an application that is still being made, which may take long where many steps are taken again."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager
from threading import Thread
from typing import TypeVar
from uuid import uuid4

from fastapi import FastAPI
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from asg_executor.api.bodies import json_response
from asg_executor.api.problems import ProblemError

__all__ = ["StartingApp"]

T = TypeVar("T")


class StartingApp:
    """An ASGI application that answers 503 `starting` until another one is made, and is that one from then on.

    Meanwhile `/healthz/live` says that the process lives, and `/healthz/ready` that it is not ready.

    Args:
        make: makes the application; called in a thread.

    Attributes:
        app: the application, once it is made.
    """

    def __init__(self, make: Callable[[], FastAPI]) -> None:
        self.app: FastAPI | None = None
        self._make = make
        self._lifespan: AbstractAsyncContextManager[object] | None = None

    async def start(self) -> FastAPI:
        """Make the application and begin its life. Whatever making it raises is raised here."""
        app = await _in_daemon_thread(self._make)
        lifespan = app.router.lifespan_context(app)
        await lifespan.__aenter__()
        self._lifespan, self.app = lifespan, app
        return app

    async def stop(self) -> None:
        """End the application's life, if it began."""
        if self._lifespan is not None:
            await self._lifespan.__aexit__(None, None, None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if self.app is not None:
            await self.app(scope, receive, send)
        else:
            await _not_yet(scope["path"])(scope, receive, send)


def _not_yet(path: str) -> Response:
    if path == "/healthz/live":
        return json_response({"live": True})
    if path == "/healthz/ready":
        return json_response({"ready": False}, 503, {"Retry-After": "1"})
    request_id = uuid4().hex
    problem = ProblemError("starting", "the server is taking up its sessions again; ask again in a moment")
    response = problem.response(path, request_id)
    response.headers["X-Request-ID"] = request_id
    return response


def _in_daemon_thread(function: Callable[[], T]) -> asyncio.Future[T]:
    """Call `function` in a thread that nobody waits for when the process ends."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()  # from here on it cannot be cancelled, only left alone

    def call() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # it is raised where the outcome is awaited
            outcome.set_exception(error)

    Thread(target=call, name="asg-start", daemon=True).start()
    return asyncio.wrap_future(outcome)
