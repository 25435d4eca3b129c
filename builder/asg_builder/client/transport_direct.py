"""`DirectConnections`: whole requests and answers to a server on this machine, with as little around them as can be.

httpx is made for every server there is, and took more than half of the time that a client needs for a step. Here a
request leaves in one piece, and its answer is read into memory. HTTP itself is left to h11, as httpx does.
"""

import re
import select
import socket
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

import h11
import httpx

from asg_builder.client.options import is_local

__all__ = ["DirectAnswer", "DirectConnections", "is_direct"]

_IDLE_SECONDS = 5.0  # as httpx has it: a server may close a connection at any time that nobody uses
_RECEIVED_BYTES = 256 * 1024
_MOST_HEADER_BYTES = 100 * 1024
_PLAIN_TARGET = re.compile(r"[A-Za-z0-9\-._~!$&'()*+,;=:@/?%]*\Z")
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_CODING = "identity"  # between programs of one machine, to pack and unpack takes longer than to send
_NO_ANSWER = "Server disconnected without sending a response."


def is_direct(url: str) -> bool:
    """Whether a server can be asked so: without TLS, and on this machine, where no proxy is between."""
    return urlsplit(url).scheme == "http" and is_local(url) and hasattr(socket.socket, "sendmsg")


class DirectAnswer(NamedTuple):
    """An answer that has arrived.

    Attributes:
        status: the HTTP status.
        headers: the headers, by name in lower case.
        body: the body, as it was sent.
    """

    status: int
    headers: dict[str, str]
    body: bytes


class DirectConnections:
    """Connections to one server, kept for further requests. Several threads may use them.

    Args:
        url: the server's address, for which `is_direct`.
        headers: sent with every request.
    """

    def __init__(self, url: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        self._host, self._port, self._prefix = parts.hostname or "", parts.port or 80, parts.path
        self._url = url
        self._headers = _by_name({"Host": parts.netloc, **headers})
        self._idle: deque[_Connection] = deque()
        self._lock = threading.Lock()
        self._is_closed = False

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout: float,
        connect_timeout: float,
    ) -> DirectAnswer:
        """Send a request, and receive its answer.

        Args:
            method: the HTTP method.
            path: the path below the address.
            body: the body, if there is one.
            headers: further headers; they take the place of those of every request.
            timeout: how many seconds may pass without a byte sent or received.
            connect_timeout: how many seconds a new connection may take.

        Raises:
            httpx.RequestError: no answer came, in the words of httpx.
        """
        named = {**self._headers, **_by_name(headers), b"accept-encoding": _CODING.encode()}
        if body is not None or method in _WITH_BODY:
            named[b"content-length"] = b"%d" % len(body or b"")
        target = self._target(path)
        connection = self._idle_connection() or _Connection(self._host, self._port, connect_timeout)
        try:
            connection.wait_at_most(timeout)
            answer = connection.exchange(method, target, list(named.items()), body or b"")
        except BaseException:
            connection.close()
            raise
        self._keep(connection)
        return answer

    def close(self) -> None:
        """Close the connections; those in use are closed once their answer is there."""
        with self._lock:
            self._is_closed = True
            while self._idle:
                self._idle.pop().close()

    def _target(self, path: str) -> bytes:
        target = self._prefix + path
        if _PLAIN_TARGET.match(target):
            return target.encode()
        return httpx.URL(self._url + path).raw_path

    def _idle_connection(self) -> "_Connection | None":
        """The connection that was used last, if it can be used again."""
        oldest = time.monotonic() - _IDLE_SECONDS
        with self._lock:
            while self._idle and self._idle[0].idle_since < oldest:
                self._idle.popleft().close()
            while self._idle:
                connection = self._idle.pop()
                if connection.is_quiet():
                    return connection
                connection.close()
        return None

    def _keep(self, connection: "_Connection") -> None:
        if not connection.end_exchange():
            connection.close()
            return
        with self._lock:
            if self._is_closed:
                connection.close()
            else:
                self._idle.append(connection)


class _Connection:
    """One connection, which has one request at a time.

    Args:
        host: the server's name or address.
        port: its port.
        timeout: how many seconds may pass until there is a connection.

    Attributes:
        idle_since: since when it waits for a request, on the clock `time.monotonic`.

    Raises:
        httpx.ConnectTimeout: there is none in time.
        httpx.ConnectError: there is none.
    """

    def __init__(self, host: str, port: int, timeout: float) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpx.ConnectError(str(error)) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._timeout = timeout
        self._protocol = h11.Connection(h11.CLIENT, _MOST_HEADER_BYTES)
        self._unsent: Sequence[memoryview] = ()
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self.idle_since = 0.0

    def wait_at_most(self, timeout: float) -> None:
        """Set how many seconds may pass without a byte sent or received."""
        if timeout != self._timeout:  # else it would be one more system call
            self._socket.settimeout(timeout)
            self._timeout = timeout

    def exchange(self, method: str, target: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> DirectAnswer:
        """Send a request, and receive its answer.

        Raises:
            httpx.RequestError: no answer came.
        """
        send = self._protocol.send_with_data_passthrough
        try:
            events = [h11.Request(method=method, target=target, headers=headers), h11.Data(data=body)]
            pieces = [piece for event in (*events, h11.EndOfMessage()) for piece in send(event) or ()]
            self._send([memoryview(piece) for piece in pieces if piece])
            return self._receive()
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        except h11.RemoteProtocolError as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    def _send(self, pieces: Sequence[memoryview]) -> None:
        self._unsent = pieces
        try:
            while self._unsent:
                self._unsent = _behind(self._unsent, self._socket.sendmsg(self._unsent))
        except TimeoutError as error:
            raise httpx.WriteTimeout(str(error)) from error
        except OSError:
            pass  # the server may have refused it before it read all of it, and its answer says so

    def _receive(self) -> DirectAnswer:
        head = self._next_event()
        while isinstance(head, h11.InformationalResponse):
            head = self._next_event()
        if not isinstance(head, h11.Response):
            raise httpx.RemoteProtocolError(_NO_ANSWER)
        pieces: list[bytes] = []
        while isinstance(event := self._next_event(), h11.Data):
            pieces.append(bytes(event.data))
        headers = _texts(head.headers)
        coding = headers.get("content-encoding", _CODING)
        if coding != _CODING:
            raise httpx.DecodingError(f'the answer has the coding "{coding}", which was not asked for')
        return DirectAnswer(head.status_code, headers, b"".join(pieces))

    def _next_event(self) -> object:
        while (event := self._protocol.next_event()) is h11.NEED_DATA:
            try:
                data = self._socket.recv(_RECEIVED_BYTES)
            except TimeoutError as error:
                raise httpx.ReadTimeout(str(error)) from error
            except OSError as error:
                raise httpx.ReadError(str(error)) from error
            if not data and self._protocol.their_state is h11.SEND_RESPONSE:
                raise httpx.RemoteProtocolError(_NO_ANSWER)
            self._protocol.receive_data(data)
        return event

    def end_exchange(self) -> bool:
        """End an exchange whose answer has arrived; whether another may follow."""
        protocol = self._protocol
        if protocol.our_state is not h11.DONE or protocol.their_state is not h11.DONE:
            return False
        if self._unsent or protocol.trailing_data[0]:
            return False
        protocol.start_next_cycle()
        self.idle_since = time.monotonic()
        return True

    def is_quiet(self) -> bool:
        """Whether nothing has come since the last answer: neither the server's end of it nor anything unasked."""
        return not self._readable.poll(0)

    def close(self) -> None:
        """Close it."""
        self._socket.close()


def _behind(pieces: Sequence[memoryview], sent: int) -> Sequence[memoryview]:
    """What is left of pieces of which so many bytes were sent."""
    for number, piece in enumerate(pieces):
        if sent < len(piece):
            return [piece[sent:], *pieces[number + 1 :]]
        sent -= len(piece)
    return []


def _by_name(headers: Mapping[str, str]) -> dict[bytes, bytes]:
    return {name.lower().encode("ascii"): value.encode("ascii") for name, value in headers.items()}


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers by name; of one that is there several times, all values."""
    found: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name, value = raw_name.decode("ascii"), raw_value.decode("latin-1")
        found[name] = f"{found[name]}, {value}" if name in found else value
    return found
