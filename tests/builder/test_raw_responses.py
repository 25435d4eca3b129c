"""`with_raw_response`: the response beside what the method comes to."""

import asyncio
from typing import Any

import httpx
import numpy as np
import pytest

from asg_builder.client import AsyncClient, Client, NotFound, RawResponse
from asg_builder.client.answer import Answer
from builder_harness.played_executor import DOCUMENT, Server

BATCH: dict[str, Any] = {"x": [[1, 2]], "n": 0}


def answer(server: Server, request: httpx.Request) -> httpx.Response:
    """The played server's answer, with the headers that a real one gives."""
    response = server.answer(request)
    response.headers["X-Request-ID"] = request.headers["x-request-id"]
    response.headers["Server-Timing"] = 'queue;dur=0.5, load;desc="body";dur=1.25, total, run;dur=3'
    if "/steps/" in request.url.path:
        response.headers["Idempotent-Replayed"] = "true"
    return response


def check(created: RawResponse[Any], step: RawResponse[Any], server: Server) -> None:
    assert (created.status, created.parse().id) == (200, "s")
    assert [item.status for item in created.answers] == [201, 200]
    assert not created.replayed
    np.testing.assert_array_equal(step.parse()["loss"], np.float32(0.5))
    assert step.status == 200
    assert step.replayed
    assert step.headers["content-type"] == "application/vnd.safetensors"
    assert step.body[8:9] == b"{"
    assert step.request_id == server.requests[-1].headers["x-request-id"]
    assert len(step.answers) == 2  # the interface of the graph was asked for, too
    assert step.server_timing == {"queue": 0.5, "load": 1.25, "run": 3.0}
    assert 0 < step.elapsed < 60
    assert repr(step) == f"RawResponse(200, {len(step.body)} bytes, request {step.request_id})"


def test_responses() -> None:
    server = Server()
    client = Client("http://executor", transport=httpx.MockTransport(lambda request: answer(server, request)))
    created = client.with_raw_response.create_session({"train": DOCUMENT}, seed=1)
    session = created.parse()
    check(created, session.with_raw_response.step(BATCH, outputs=["loss"]), server)
    assert session.number == 1
    with pytest.raises(NotFound):
        client.with_raw_response.session("other")
    with pytest.raises(NotFound):
        session.with_raw_response.checkpoints.list()


def test_asynchronous_responses_do_not_mix() -> None:
    server = Server()

    async def run() -> None:
        transport = httpx.MockTransport(lambda request: answer(server, request))
        async with AsyncClient("http://executor", transport=transport) as client:
            created = await client.with_raw_response.create_session({"train": DOCUMENT}, seed=1)
            session = created.parse()
            check(created, await session.with_raw_response.step(BATCH, outputs=["loss"]), server)
            several = await asyncio.gather(*(session.with_raw_response.run("train", BATCH) for _ in range(5)))
            assert [len(item.answers) for item in several] == [1] * 5
            assert len({item.request_id for item in several}) == 5

    asyncio.run(run())


def test_headers_that_are_not_there() -> None:
    plain = RawResponse([Answer(204, {}, b"")], None)
    assert (plain.request_id, plain.server_timing, plain.replayed) == ("", {}, False)


def test_options_of_a_call_keep_the_session() -> None:
    server = Server()
    client = Client("http://executor", transport=httpx.MockTransport(server.answer))
    session = client.with_options(timeout=5).create_session({"train": DOCUMENT})
    assert server.requests[-1].extensions["timeout"]["read"] == 5
    session.with_options(timeout=2.5, retries=0).step(BATCH)
    assert server.requests[-1].extensions["timeout"]["read"] == 2.5
    assert session.number == 1
    session.step(BATCH)
    assert server.requests[-1].extensions["timeout"]["read"] == 5
    assert client.with_options(timeout=9).url == client.url
