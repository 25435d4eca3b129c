"""`Server`: uvicorn, with a start that answers meanwhile, and a shutdown that finishes what was begun."""

import asyncio
import logging
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import cast

import uvicorn
from fastapi import FastAPI
from typing_extensions import override

from asg_executor.api.connections import Connections
from asg_executor.api.service import Service
from asg_executor.api.starting import StartingApp
from asg_executor.sessions.saving import save_changed
from asg_executor.settings import Settings

__all__ = ["Server", "url_of"]

_log = logging.getLogger("asg_executor")
_LAST_RESPONSES_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75  # longer than clients keep idle connections, or one is closed just as a request is sent on it
_PATIENCE_SECONDS = 2


class Server(uvicorn.Server):
    """Serves an application until a signal asks it to stop.

    It listens at once, and answers 503 `starting` until the application is made. On the first SIGTERM, SIGINT or SIGHUP
    it drains: requests in flight are finished, new ones are answered 503, and `/healthz/ready` says so to load
    balancers. Then it saves the sessions, and stops. A second signal stops it at once.

    Args:
        settings: they hold the limits of connections.
        make: makes the application, as `create_app` does; called in a thread.
        on_start: called with the service once it is there.

    Attributes:
        failure: what making the application raised; the server has stopped then.
    """

    def __init__(self, settings: Settings, make: Callable[[], FastAPI], on_start: Callable[[Service], None]) -> None:
        self._starting = StartingApp(make)
        self._connections = Connections(settings)
        config = uvicorn.Config(
            self._starting,
            http=cast("type[asyncio.Protocol]", self._connections),  # a function that makes one, as a class is
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_LAST_RESPONSES_SECONDS,
        )
        super().__init__(config)
        self.failure: BaseException | None = None
        self._on_start = on_start
        self._loop: asyncio.AbstractEventLoop | None = None
        self._start: asyncio.Task[None] | None = None
        self._draining: asyncio.Task[None] | None = None
        self._stop_requested = False
        self._watch: asyncio.Task[None] | None = None

    @property
    def service(self) -> Service | None:
        """The service, once it is there."""
        return None if self._starting.app is None else self._starting.app.state.service

    @property
    def has_abandoned_work(self) -> bool:
        """Whether it stopped while something was under way, or before all sessions were saved."""
        service = self.service
        if service is None:
            return False
        pool = service.pool
        return pool.busy or pool.abandoned or any(held.is_changed for held in service.sessions)

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # else it is ignored, as by nohup
            self._loop.add_signal_handler(signal.SIGHUP, self._start_draining)
        self._start = asyncio.ensure_future(self._make_application())
        if self._stop_requested:  # before there was a loop
            self._start_draining()
        self._watch = asyncio.ensure_future(self._connections.watch())

    async def _make_application(self) -> None:
        late = self._loop and self._loop.call_later(_PATIENCE_SECONDS, _tell_that_it_takes_long)
        try:
            app = await self._starting.start()
        except BaseException as error:
            self.failure = error
            self.should_exit = True
        else:
            self._on_start(app.state.service)
        finally:
            if late:
                late.cancel()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if not self.force_exit:
            await self._starting.stop()
        if self._watch is not None:
            self._watch.cancel()

    @override
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._draining is None and self._loop is not None:
            self.request_stop()
            return
        self._halt()
        self.should_exit = True
        self.force_exit = True

    def _halt(self) -> None:
        if self.service is not None:
            self.service.pool.halt()

    def request_stop(self) -> None:
        """Begin to drain, and stop afterwards. It may be called from any thread, and at any time."""
        self._stop_requested = True
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: it has stopped
                self._loop.call_soon_threadsafe(self._start_draining)

    def _start_draining(self) -> None:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        if self.service is not None:
            seconds = self.service.settings.drain_seconds
            try:
                async with asyncio.timeout(seconds):
                    async with asyncio.TaskGroup() as group:
                        group.create_task(self.service.pool.drain())
                        if self.service.jobs is not None:
                            group.create_task(self.service.jobs.drain())
            except TimeoutError:
                _log.error("requests were still in flight after %g seconds; they are abandoned", seconds)
                self._halt()
                with suppress(TimeoutError):  # what is within one instruction goes on
                    await asyncio.wait_for(self.service.pool.drain(), _LAST_RESPONSES_SECONDS)
            await save_changed(self.service.sessions)  # while probes are still answered, and a second signal is heard
        self.should_exit = True


def _tell_that_it_takes_long() -> None:
    _log.warning("the sessions are being recovered; until then requests are answered 503")


def url_of(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
