"""A server of sockets that does to each connection what a test says, byte for byte."""

import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import NamedTuple, TypeAlias

__all__ = ["Behaviour", "Peer", "Received", "ScriptedServer", "scripted_server"]

_PATIENCE_SECONDS = 30.0


class Received(NamedTuple):
    """A request as it arrived.

    Attributes:
        connection: the number of the connection, from 0.
        line: the request line.
        headers: the headers, by name as it was sent.
        body: the body.
    """

    connection: int
    line: str
    headers: dict[str, str]
    body: bytes


class Peer:
    """One connection, as the server has it.

    Args:
        number: the number of the connection.
        connection: its socket.
    """

    def __init__(self, number: int, connection: socket.socket) -> None:
        self.number = number
        self.socket = connection
        self._read = connection.makefile("rb")

    def receive(self, *, body: bool = True) -> Received | None:
        """The next request, with its body or without; None where the client has closed the connection."""
        line = self._read.readline().decode().rstrip("\r\n")
        if not line:
            return None
        headers: dict[str, str] = {}
        while text := self._read.readline().decode().rstrip("\r\n"):
            name, _, value = text.partition(": ")
            headers[name] = value
        length = int(headers.get("content-length", 0)) if body else 0
        return Received(self.number, line, headers, self._read.read(length))

    def send(self, content: bytes) -> None:
        """Send bytes."""
        self.socket.sendall(content)

    def close(self) -> None:
        """Close the connection, whatever is unread."""
        self._read.close()
        self.socket.close()


Behaviour: TypeAlias = Callable[[Peer], None]
"""What is done to one connection, which is closed afterwards."""


class ScriptedServer:
    """A server, listening.

    Args:
        behaviours: what is done to the first connection, to the second, and so on; to all further ones the last.
    """

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self._peers: list[Peer] = []

    def _accept(self) -> None:
        with suppress(OSError):  # it is closed
            while True:
                connection, _ = self._listener.accept()
                connection.settimeout(_PATIENCE_SECONDS)
                peer = Peer(len(self._peers), connection)
                self._peers.append(peer)
                thread = threading.Thread(target=self._behave, args=[peer], daemon=True)
                self._threads.append(thread)
                thread.start()

    def _behave(self, peer: Peer) -> None:
        with suppress(OSError):  # the client has gone, or the test is over
            self._behaviours[min(peer.number, len(self._behaviours) - 1)](peer)
        peer.close()

    @property
    def connections(self) -> int:
        """How many connections there have been."""
        return len(self._peers)

    def stop(self) -> None:
        """Close all, and wait for the threads."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for peer in self._peers:
            with suppress(OSError):
                peer.socket.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE_SECONDS)
            assert not thread.is_alive()


@contextmanager
def scripted_server(*behaviours: Behaviour) -> Generator[ScriptedServer]:
    """A server while the block runs."""
    server = ScriptedServer(*behaviours)
    try:
        yield server
    finally:
        server.stop()
