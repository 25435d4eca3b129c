"""Bodies: compressed ones, those that stall, and how many bytes all of them may have."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
from starlette.types import Message

from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION

CONTENT = REGRESSION.encode()


def post(server: Server, content: Any, encoding: str | None = None) -> httpx.Response:
    headers = {} if encoding is None else {"Content-Encoding": encoding}
    return server.http.post("/v1/graphs", content=content, headers=headers)


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(CONTENT)),
        ("x-gzip", gzip.compress(CONTENT)),
        ("GZIP", gzip.compress(CONTENT[:10]) + gzip.compress(CONTENT[10:])),  # two members
        ("deflate", zlib.compress(CONTENT)),
        ("identity", CONTENT),
    ],
    ids=["gzip", "x-gzip", "members", "deflate", "identity"],
)
def test_a_compressed_body_is_the_body(server: Server, encoding: str, body: bytes) -> None:
    plain = post(server, CONTENT).json()["digest"]
    assert post(server, body, encoding).json()["digest"] == plain


@pytest.mark.parametrize(
    ("encoding", "body", "reason"),
    [
        ("gzip", CONTENT, "incorrect header"),
        ("gzip", gzip.compress(CONTENT)[:-9], "ends too early"),
        ("deflate", zlib.compress(CONTENT) + b"more", "follow its end"),
        ("gzip", gzip.compress(CONTENT)[:-8] + b"\0" * 8, "incorrect data check"),
    ],
)
def test_a_body_that_is_not_compressed_as_it_says(server: Server, encoding: str, body: bytes, reason: str) -> None:
    assert reason in problem(post(server, body, encoding), "invalid_body")["detail"]


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip"])
def test_another_encoding(server: Server, encoding: str) -> None:
    response = post(server, CONTENT, encoding)
    assert f'"{encoding}"' in problem(response, "unsupported_media_type")["detail"]
    assert response.headers["accept-encoding"] == "gzip, deflate"


def test_a_bomb_is_decompressed_no_further_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    made = 0
    original = zlib.decompressobj

    class Counting:
        def __init__(self, window: int) -> None:
            self._stream = original(window)

        def decompress(self, chunk: bytes, most: int) -> bytes:
            nonlocal made
            piece = self._stream.decompress(chunk, most)
            made += len(piece)
            return piece

        def __getattr__(self, name: str) -> Any:
            return getattr(self._stream, name)

    bomb = gzip.compress(b" " * 50_000_000)
    monkeypatch.setattr("asg_executor.api.content_coding.zlib.decompressobj", Counting)
    with in_process(max_json_bytes=100_000) as server:
        assert len(bomb) < 100_000
        problem(post(server, bomb, "gzip"), "body_too_large")
        assert 100_000 < made < 1_000_000


def test_a_body_that_stalls_is_given_up_before_the_time_for_all_of_it() -> None:
    with in_process(body_stall_seconds=0.05, body_timeout_seconds=600) as server:

        async def stalled() -> AsyncGenerator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        async def send() -> httpx.Response:
            async with server.asynchronous() as http:
                return await http.post("/v1/graphs", content=stalled())

        body = problem(server.runner.run(send()), "body_timeout")
        assert "nothing came for 0.05 seconds; 1 bytes had come" in body["detail"]


def test_uploads_that_stall_take_no_place_from_those_that_compute() -> None:
    with in_process(workers=1, max_queue=1, body_stall_seconds=30) as server:
        session = server.create_session()

        async def scenario() -> None:
            async with server.asynchronous() as http:
                never = asyncio.Event()

                async def stalled() -> AsyncGenerator[bytes]:
                    yield b"{"
                    await never.wait()

                uploads = [asyncio.ensure_future(http.post("/v1/graphs", content=stalled())) for _ in range(50)]
                for _ in range(20):
                    await asyncio.sleep(0)
                step = {"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}
                assert (await http.put(f"{session}/steps/1", json=step)).status_code == 200
                for upload in uploads:
                    upload.cancel()
                await asyncio.gather(*uploads, return_exceptions=True)

        server.runner.run(scenario())
        assert server.app.state.service.bytes_in_flight.held == 0
        assert server.app.state.service.pool.admitted == 0


def test_all_bodies_together_have_a_limit() -> None:
    with in_process(max_inflight_bytes=10_000) as server:
        problem(post(server, b" " * (65_536 + 10_001)), "overloaded")
        problem(post(server, b" " * (65_536 + 10_000)), "invalid_body")
        assert post(server, CONTENT).status_code == 201
        assert server.app.state.service.bytes_in_flight.held == 0


def test_a_large_answer_counts_until_it_is_read() -> None:
    with in_process(max_inflight_bytes=4_000_000) as server:
        document = (
            '{"asg": 1, "nodes": [{"id": "y", "op": "iota", "dtype": "float32", "shape": [500000], "axis": 0}],'
            ' "outputs": [{"name": "y", "value": "y"}]}'
        )
        digest = server.add_graph(document)
        budget = server.app.state.service.bytes_in_flight

        async def scenario() -> list[int]:
            seen: list[int] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": b'{"inputs": {}}', "more_body": False}

            async def send(message: Message) -> None:
                seen.append(budget.held)
                assert len(message.get("body", b"")) <= 128 * 1024

            headers = [(b"host", b"localhost"), (b"accept", b"application/vnd.safetensors")]
            path = f"/v1/graphs/{digest}/run"
            scope = {"type": "http", "method": "POST", "path": path, "headers": headers, "query_string": b""}
            await server.app(scope, receive, send)
            return seen

        seen = server.runner.run(scenario())
        assert seen[0] == 0
        assert all(2_000_000 <= held < 2_010_000 for held in seen[1:])
        assert len(seen) == 1 + -(-2_000_080 // (128 * 1024))
        assert budget.held == 0
