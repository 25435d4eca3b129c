"""Sends one request again and again over a few connections that stay open, and tells how long the answers took.

It is a process of its own: `python -m benchmarks.load_generator '{"port": …, "head": …, "body": …, …}'` prints one line
of JSON. It reads HTTP as far as it must, so that it is not what is measured.
"""

import asyncio
import json
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, cast

import numpy as np
import uvloop


class _Connection(asyncio.Protocol):
    """One connection: the next request is sent once the answer to the last one is there."""

    def __init__(self, message: bytes, end: float, finished: "asyncio.Future[None]") -> None:
        self.seconds: list[float] = []
        self._message = message
        self._end = end
        self._finished = finished
        self._received = bytearray()
        self._needed = 0
        self._begin = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop has a class of its own
        self._send()

    def _send(self) -> None:
        self._received.clear()
        self._needed = 0
        self._begin = perf_counter()
        self._transport.write(self._message)

    def data_received(self, data: bytes) -> None:
        """Take what came; with the last byte of an answer send the next request."""
        received = self._received
        received += data
        if not self._needed:
            head = received.find(b"\r\n\r\n")
            if head < 0:
                return
            self._needed = head + 4 + self._length(bytes(received[:head]))
        if len(received) < self._needed:
            return
        now = perf_counter()
        self.seconds.append(now - self._begin)
        if now < self._end:
            self._send()
        else:
            self._transport.close()
            self._finished.set_result(None)

    def _length(self, head: bytes) -> int:
        status, *lines = head.split(b"\r\n")
        if b" 200 " not in status:
            raise RuntimeError(f"the server answered {status!r}")
        for line in lines:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                return int(value)
        raise RuntimeError("the answer does not say how long it is")

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail, if it is not over."""
        if not self._finished.done():
            self._finished.set_exception(exc or ConnectionError("the server closed the connection"))


async def _load(job: dict[str, Any]) -> dict[str, float]:
    message = job["head"].encode() + Path(job["body"]).read_bytes()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda loop, context: sys.exit(str(context.get("exception"))))
    begin = perf_counter()
    connections: list[_Connection] = []
    finished: list[asyncio.Future[None]] = []
    for _ in range(job["connections"]):
        future: asyncio.Future[None] = loop.create_future()
        connection = _Connection(message, begin + job["seconds"], future)
        await loop.create_connection(lambda connection=connection: connection, "127.0.0.1", job["port"])
        connections.append(connection)
        finished.append(future)
    await asyncio.gather(*finished)
    elapsed = perf_counter() - begin
    samples = np.array([seconds for connection in connections for seconds in connection.seconds]) * 1e3
    return {
        "requests_per_second": len(samples) / elapsed,
        "p50": float(np.percentile(samples, 50)),
        "p99": float(np.percentile(samples, 99)),
    }


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(_load(json.loads(sys.argv[1])))))
