"""`Server`: uvicorn, with a shutdown that finishes what was begun."""

import asyncio
import logging
import socket
from collections.abc import Callable
from types import FrameType

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from asg_executor.api.service import Service

__all__ = ["Server", "url_of"]

_log = logging.getLogger("asg_executor")
_LAST_RESPONSES_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75  # longer than clients keep idle connections, or one is closed just as a request is sent on it


class Server(uvicorn.Server):
    """Serves an application until a signal asks it to stop.

    On the first SIGTERM or SIGINT it drains: requests in flight are finished, new ones are answered 503, and
    `/healthz/ready` says so to load balancers. Then it stops. A second signal stops it at once.

    Args:
        app: what `create_app` makes.
        on_start: called once the server listens.
    """

    def __init__(self, app: FastAPI, on_start: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LAST_RESPONSES_SECONDS,
        )
        super().__init__(config)
        self._service: Service = app.state.service
        self._on_start = on_start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Task[None] | None = None

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self._on_start()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is None and self._loop is not None:
            self.request_stop()
            return
        self.should_exit = True
        self.force_exit = True

    def request_stop(self) -> None:
        """Begin to drain, and stop afterwards. It may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._start_draining)

    def _start_draining(self) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        seconds = self._service.settings.drain_seconds
        try:
            async with asyncio.timeout(seconds):
                await self._service.pool.drain()
        except TimeoutError:
            _log.error("requests were still in flight after %g seconds; they are abandoned", seconds)
        self.should_exit = True


def url_of(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
