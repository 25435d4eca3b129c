"""A real server and clients that mean harm: it goes on answering others, and its memory stays bounded."""

import gzip
import json
import os
import re
import socket
import struct
import time
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from executor_harness.chains import run_chain
from executor_harness.regression import REGRESSION
from executor_harness.server_process import Process, serving

GENEROUS_SECONDS = 10.0  # for what takes milliseconds on a machine that does nothing else
MIB = 2**20


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    limits = {
        "ASG_HEADER_TIMEOUT_SECONDS": "3",
        "ASG_ANSWER_STALL_SECONDS": "3",
        "ASG_MAX_INFLIGHT_BYTES": str(64 * MIB),
    }
    with serving(environment={**os.environ, **limits}) as process:
        yield process


def address(process: Process) -> tuple[str, int]:
    host, port = process.url.removeprefix("http://").split(":")
    return host, int(port)


@contextmanager
def connection(process: Process, sent: bytes = b"", receive_buffer: int = 0) -> Generator[socket.socket]:
    with socket.socket() as client:
        client.settimeout(60)
        if receive_buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.connect(address(process))
        client.sendall(sent)
        yield client


def request(path: str, body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body) if length is None else length}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def answer(client: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    received = b""
    while chunk := client.recv(65_536):
        received += chunk
    return received


def bytes_until_the_end(client: socket.socket) -> int:
    """How many bytes come until the server ends the connection, in whichever way."""
    count = 0
    try:
        while chunk := client.recv(65_536):
            count += len(chunk)
    except ConnectionResetError:
        pass
    return count


def peak_bytes(process: Process) -> int:
    status = Path(f"/proc/{process.popen.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found is not None
    return int(found[1]) * 1024


def add(process: Process, document: Any) -> httpx.Response:
    return httpx.post(f"{process.url}/v1/graphs", content=json.dumps(document), timeout=120)


def assert_others_are_served(process: Process) -> None:
    """Health, and a step of another client, are answered soon."""
    begin = time.monotonic()
    assert httpx.get(f"{process.url}/healthz/ready", timeout=GENEROUS_SECONDS).json() == {"ready": True}
    digest = httpx.post(f"{process.url}/v1/graphs", content=REGRESSION, timeout=GENEROUS_SECONDS).json()["digest"]
    created = httpx.post(f"{process.url}/v1/sessions", json={"graphs": {"g": digest}}, timeout=GENEROUS_SECONDS)
    session = f"{process.url}{created.headers['Location']}"
    body = {"graph": "g", "inputs": {"x": [[1, 2, 3]], "target": [[1]]}}
    assert httpx.post(f"{session}/run", json=body, timeout=GENEROUS_SECONDS).status_code == 200
    assert httpx.delete(session, timeout=GENEROUS_SECONDS).status_code == 204
    assert time.monotonic() - begin < GENEROUS_SECONDS


def test_two_hundred_uploads_that_stall(process: Process) -> None:
    before = peak_bytes(process)
    with ExitStack() as stack:
        for number in range(200):
            length = 10**8 if number % 2 else 200 * MIB
            sent = request("/v1/graphs", b"[" * 10_000, length, Content_Type="application/json")
            if number % 2 == 0:
                sent = request("/v1/sessions", b"\0" * 10_000, length, Content_Type="application/vnd.safetensors")
            stack.enter_context(connection(process, sent))
        assert_others_are_served(process)
    assert peak_bytes(process) - before < 100 * MIB


def test_headers_that_come_slowly_and_connections_that_say_nothing(process: Process) -> None:
    with connection(process, b"GET /v1 HTTP/1.1\r\nHost: loc") as slow, connection(process) as silent:
        assert_others_are_served(process)
        told = answer(slow)
        assert told.startswith(b"HTTP/1.1 408")
        assert b'"code": "header_timeout"' in told
        assert answer(silent) == b""


def test_headers_without_end(process: Process) -> None:
    with connection(process, b"GET /v1 HTTP/1.1\r\n") as client:
        received = b""
        try:
            for number in range(10_000):
                client.sendall(f"X-{number}: {'a' * 1000}\r\n".encode())
                time.sleep(0 if number % 50 else 0.01)
            received = answer(client)
        except (ConnectionResetError, BrokenPipeError):
            pass  # the server closed it while more was sent
        assert received == b"" or b"431" in received
    assert_others_are_served(process)


def test_content_lengths_that_are_not_true(process: Process) -> None:
    with connection(process, request("/v1/graphs", REGRESSION.encode(), 10**6)) as short:
        short.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 2" not in answer(short)
    sent = request("/v1/graphs", REGRESSION.encode(), len(REGRESSION.encode()) - 30, Connection="close")
    with connection(process, sent) as long:
        assert b"HTTP/1.1 400" in answer(long)  # the document is cut off; what is left is no request
    with connection(process, request("/v1/graphs", b"", 10**30)) as enormous:
        assert re.match(rb"HTTP/1.1 4", enormous.recv(1000))
    assert_others_are_served(process)


def test_a_gzip_bomb(process: Process) -> None:
    before = peak_bytes(process)
    bomb = gzip.compress(b" " * (256 * MIB), 9)
    assert len(bomb) < 2 * MIB
    headers = {"Content-Encoding": "gzip"}
    response = httpx.post(f"{process.url}/v1/graphs", content=bomb, headers=headers, timeout=120)
    assert response.json()["code"] == "body_too_large"
    assert peak_bytes(process) - before < 150 * MIB
    assert_others_are_served(process)


def test_a_client_that_does_not_read_its_answer(process: Process) -> None:
    node = {"id": "y", "op": "iota", "dtype": "float32", "shape": [6_000_000], "axis": 0}
    digest = add(process, {"asg": 1, "nodes": [node], "outputs": [{"name": "y", "value": "y"}]}).json()["digest"]
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                connection(
                    process,
                    request(f"/v1/graphs/{digest}/run", b'{"inputs": {}}', Accept="application/vnd.safetensors"),
                    4096,
                )
            )
            for _ in range(5)
        ]
        assert_others_are_served(process)
        time.sleep(5)  # longer than it may stop reading
        for client in clients:
            assert bytes_until_the_end(client) < 24_000_000
        assert_others_are_served(process)


def test_a_document_of_many_nodes_in_a_chain(process: Process) -> None:
    run_chain(process.url, 10_000)  # nothing may recurse; tests/faults has a longer one
    assert peak_bytes(process) < 1024 * MIB
    assert_others_are_served(process)


def test_what_is_no_http_is_answered_with_a_problem(process: Process) -> None:
    for sent in (b"\0\1\2\3 nothing\r\n\r\n", b"GET /v1 HTTP/9.9\r\n\r\n", b"GET /v1 HTTP/1.1\r\nno colon\r\n\r\n"):
        with connection(process, sent) as client:
            head, _, body = answer(client).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 "), head
        assert b"content-type: application/problem+json" in head
        found = json.loads(body)
        assert (found["code"], found["status"], found["retryable"]) == ("invalid_http", 400, False)
    assert_others_are_served(process)


def test_documents_of_very_many_faults_keep_nobody_waiting(process: Process) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "y", "op": "sum", "inputs": ["x"], "axis": list(range(1_000_000))},
        {"id": "y", "op": "sum", "inputs": ["x"], **{f"field{number}": 1 for number in range(300_000)}},
    ]
    for node in nodes:
        refused = add(process, {"asg": 1, "inputs": [{"id": "x", "dtype": "float32", "shape": [2]}], "nodes": [node]})
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_document")
        assert len(refused.content) < 2000
        assert_others_are_served(process)


def test_tensors_of_petabytes_that_are_only_claimed(process: Process) -> None:
    header = json.dumps({"x": {"dtype": "F32", "shape": [2**50], "data_offsets": [0, 2**52]}}).encode()
    digest = httpx.post(f"{process.url}/v1/graphs", content=REGRESSION).json()["digest"]
    before = peak_bytes(process)
    for length in (len(header), 2**62):
        body = struct.pack("<Q", length) + header
        response = httpx.post(
            f"{process.url}/v1/graphs/{digest}/run",
            content=body,
            headers={"Content-Type": "application/vnd.safetensors"},
        )
        assert response.status_code == 400, response.text
    long_form = {"inputs": {"x": {"dtype": "float32", "shape": [2**25, 2**25], "data": []}}}
    assert httpx.post(f"{process.url}/v1/graphs/{digest}/run", json=long_form).status_code == 422
    assert peak_bytes(process) - before < 50 * MIB


def test_more_connections_than_there_may_be() -> None:
    with serving(environment={**os.environ, "ASG_MAX_CONNECTIONS": "4"}) as process, ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(connection(process))
        time.sleep(0.5)
        response = httpx.get(f"{process.url}/v1")
        assert (response.status_code, response.json()["code"]) == (503, "too_many_connections")
        assert int(response.headers["retry-after"]) >= 1
        stack.close()
        deadline = time.monotonic() + GENEROUS_SECONDS
        while httpx.get(f"{process.url}/v1").status_code == 503:
            assert time.monotonic() < deadline
            time.sleep(0.05)
