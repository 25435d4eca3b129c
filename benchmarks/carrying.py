"""What HTTP takes at least: a step's bytes, sent to a bare FastAPI application that does nothing with them."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from statistics import median

from benchmarks.results import Carrying
from benchmarks.workloads import Workload

__all__ = ["measure_carrying"]

_MOST_SECONDS = 2.0
_WARM_REQUESTS = 20


def measure_carrying(workloads: Sequence[Workload], seconds: float) -> list[Carrying]:
    """Measure it for each workload.

    The client is Python's own, which has less around a request than any other; nothing is kept, checked or computed.

    Args:
        workloads: whose data is sent.
        seconds: how long each is timed at most.
    """
    with _application() as connection:
        return [_carrying(connection, workload, min(seconds, _MOST_SECONDS)) for workload in workloads]


@contextmanager
def _application() -> Generator[http.client.HTTPConnection]:
    command = [sys.executable, "-m", "benchmarks.peers.fastapi_echo"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            connection = http.client.HTTPConnection("127.0.0.1", int(process.stdout.readline()))
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection
            connection.close()
        finally:
            process.kill()


def _carrying(connection: http.client.HTTPConnection, workload: Workload, seconds: float) -> Carrying:
    body = b"".join([array.tobytes() for array in workload.batch().values()])
    for _ in range(_WARM_REQUESTS):
        _send(connection, body)
    found: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        _send(connection, body)
        found.append((time.perf_counter() - begin) * 1e3)
    return Carrying(workload=workload.name, bytes=len(body), minimum=min(found), median=median(found))


def _send(connection: http.client.HTTPConnection, body: bytes) -> None:
    connection.request("PUT", "/count", body)
    answer = connection.getresponse().read()
    if answer != b"%d" % len(body):
        raise RuntimeError(f"the application answered {answer[:200]!r}, not that {len(body)} bytes came")
