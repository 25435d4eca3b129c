"""`Connections`: how many clients may be connected, and how long each may keep the server waiting.

uvicorn bounds neither: a connection that sends half a header, or reads half an answer, would be held for ever.
"""

import asyncio
from typing import Any, Protocol, cast

from typing_extensions import override
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from asg_executor.api.joined_writes import JoinedWrites
from asg_executor.api.problems import ProblemError
from asg_executor.settings import Settings

__all__ = ["Connections"]

_MOST_HEADER_BYTES = 65_536
_SWEEPS_PER_TIMEOUT = 8


class _Cycle(Protocol):
    """What uvicorn knows of the request that a connection is at."""

    response_complete: bool


class Connections:
    """Makes the protocol of each connection that the server accepts, and closes those that keep it waiting.

    Args:
        settings: they hold the limits.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._open: set[_Connection] = set()

    def __call__(self, **options: Any) -> asyncio.Protocol:
        """The protocol of one more connection, for uvicorn.

        Args:
            options: what uvicorn gives its own protocol.
        """
        return _Connection(self, self._settings, options)

    @property
    def is_full(self) -> bool:
        """Whether no more connections are served."""
        return len(self._open) > self._settings.max_connections

    @property
    def is_crowded(self) -> bool:
        """Whether there are so many that wait to be refused that more are not even told."""
        return len(self._open) > 2 * self._settings.max_connections

    def add(self, connection: "_Connection") -> None:
        """Count a connection."""
        self._open.add(connection)

    def remove(self, connection: "_Connection") -> None:
        """Count a connection no more."""
        self._open.discard(connection)

    async def watch(self) -> None:
        """Close, for as long as this runs, whatever keeps the server waiting for too long."""
        settings = self._settings
        interval = min(settings.header_timeout_seconds, settings.answer_stall_seconds) / _SWEEPS_PER_TIMEOUT
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(interval)
            now = loop.time()
            for connection in list(self._open):
                connection.check(now)


class _Connection(asyncio.Protocol):
    """uvicorn's protocol of a connection, and around it the times since when the client is awaited."""

    def __init__(self, connections: Connections, settings: Settings, options: dict[str, Any]) -> None:
        self._connections = connections
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        # Which of uvicorn's protocols it is depends on what is installed; they have no common type.
        self._inner: Any = cast("Any", AutoHTTPProtocol)(**options)
        # What is no HTTP it answers itself, in plain text.
        self._inner.send_400_response = self._answer_malformed
        self._is_refused = False
        self._transport: asyncio.Transport | None = None
        self._header_since: float | None = None
        self._header_bytes = 0
        self._unread_since: float | None = None

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = JoinedWrites(self._loop, cast("asyncio.Transport", transport))
        self._connections.add(self)
        self._header_since = self._loop.time()
        # One that is refused gets its answer once it has sent something, so that it reads it.
        self._is_refused = self._connections.is_full
        if self._connections.is_crowded:
            self._transport.abort()
        elif not self._is_refused:
            self._inner.connection_made(self._transport)

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_refused:
            most = self._settings.max_connections
            message = f"{most} connections are open, and no more are served (max_connections)"
            self._answer(ProblemError("too_many_connections", message))
            return
        self._inner.data_received(data)
        cycle: _Cycle | None = self._inner.cycle
        if cycle is not None and not cycle.response_complete:
            self._header_since, self._header_bytes = None, 0
            return
        if self._header_since is None:
            self._header_since = self._loop.time()
        self._header_bytes += len(data)
        if self._header_bytes > _MOST_HEADER_BYTES:
            message = f"the headers of a request have at most {_MOST_HEADER_BYTES:,} bytes"
            self._answer(ProblemError("headers_too_large", message))

    @override
    def eof_received(self) -> bool | None:
        return None if self._is_refused else self._inner.eof_received()

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.remove(self)
        if not self._is_refused:
            self._inner.connection_lost(exc)

    @override
    def pause_writing(self) -> None:
        self._unread_since = self._loop.time()
        if not self._is_refused:
            self._inner.pause_writing()

    @override
    def resume_writing(self) -> None:
        self._unread_since = None
        if not self._is_refused:
            self._inner.resume_writing()

    def check(self, now: float) -> None:
        """Close the connection if it has kept the server waiting for too long.

        Args:
            now: the event loop's time.
        """
        transport, settings = self._transport, self._settings
        if transport is None:
            return
        if transport.is_closing() and self._unread_since is None:
            self._unread_since = now  # what was written last is still unread
        if self._unread_since is not None and now - self._unread_since > settings.answer_stall_seconds:
            transport.abort()
        elif self._header_since is not None and now - self._header_since > settings.header_timeout_seconds:
            self._answer_late(settings.header_timeout_seconds)

    def _answer_late(self, seconds: float) -> None:
        cycle: _Cycle | None = self._inner.cycle
        if cycle is not None and not cycle.response_complete:
            self._header_since = None  # a request that was sent before another was answered
        elif self._header_bytes:
            message = f"the headers of the request did not arrive within {seconds:g} seconds"
            self._answer(ProblemError("header_timeout", message))
        elif self._transport is not None:
            self._transport.close()

    def _answer_malformed(self, _: str) -> None:
        self._answer(ProblemError("invalid_http", "what was sent is not HTTP/1.1 (RFC 9112), or was cut off"))

    def _answer(self, problem: ProblemError) -> None:
        """Answer what is no request yet, and close the connection."""
        if self._transport is None or self._transport.is_closing():
            return
        response = problem.response("", "-")
        lines = [f"HTTP/1.1 {problem.kind.status} {problem.kind.title}".encode()]
        lines += [name + b": " + value for name, value in response.raw_headers]
        self._transport.write(b"\r\n".join([*lines, b"connection: close", b"", bytes(response.body)]))
        self._transport.close()
