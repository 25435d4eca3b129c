"""The client before a server that has no room: what may be tried again is, and what may not is raised at once."""

import asyncio
import json
import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from asg_builder.client import AsyncClient, Client, Overloaded, QuotaExceeded
from executor_harness.regression import regression
from executor_harness.server_process import serving

GRAPHS = {"predict": regression()}


class Counting(httpx.HTTPTransport):
    """The network, which notes how each creation of a session was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        if (request.method, request.url.path) == ("POST", "/v1/sessions"):
            self.statuses.append(response.status_code)
        return response


class AsyncCounting(httpx.AsyncHTTPTransport):
    """The same, for `AsyncClient`."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        if (request.method, request.url.path) == ("POST", "/v1/sessions"):
            self.statuses.append(response.status_code)
        return response


@contextmanager
def url_of_server(**limits: int) -> Generator[str]:
    environment = {**os.environ, **{f"ASG_{name.upper()}": str(value) for name, value in limits.items()}}
    with serving(environment=environment) as process:
        yield process.url


def delete_all(url: str) -> None:
    for session in httpx.get(f"{url}/v1/sessions").json()["sessions"]:
        assert httpx.delete(f"{url}/v1/sessions/{session['id']}").status_code == 204


def create_many(client: Client) -> None:
    for _ in range(100):
        client.create_session(GRAPHS)


@pytest.mark.parametrize(
    ("limits", "code"), [({"max_sessions": 1}, "too_many_sessions"), ({"max_held_bytes": 10_000}, "out_of_memory")]
)
def test_a_full_server_is_asked_again_and_told_as_overloaded(limits: dict[str, int], code: str) -> None:
    with url_of_server(**limits) as url:
        transport = Counting()
        with Client(url, retries=1, transport=transport) as client:
            client.create_session(GRAPHS)
            with pytest.raises(Overloaded) as raised:
                create_many(client)
            assert (raised.value.status, raised.value.code, raised.value.retryable) == (503, code, True)
            assert raised.value.retry_after is not None
            assert raised.value.retry_after >= 1
            assert transport.statuses[-3:] == [201, 503, 503]
            transport.statuses.clear()
            # Another client makes room while this one waits.
            delete_all(url)
            client.create_session(GRAPHS)
            assert transport.statuses == [201]


def test_a_quota_is_not_asked_for_again() -> None:
    with url_of_server(tenant_max_sessions=1) as url:
        transport = Counting()
        with Client(url, retries=4, transport=transport) as client:
            client.create_session(GRAPHS)
            with pytest.raises(QuotaExceeded) as raised:
                client.create_session(GRAPHS)
            assert (raised.value.status, raised.value.code, raised.value.retryable) == (429, "quota_exceeded", False)
            figures: dict[str, Any] = json.loads(json.dumps(raised.value.content))
            assert (figures["quota"], figures["used"], figures["maximum"]) == ("sessions", 1, 1)
            assert transport.statuses == [201, 429]


def test_the_asynchronous_client_does_the_same() -> None:
    async def use(url: str, expected: type[Exception], retries: int) -> list[int]:
        transport = AsyncCounting()
        async with AsyncClient(url, retries=retries, transport=transport) as client:
            await client.create_session(GRAPHS)
            with pytest.raises(expected):
                await client.create_session(GRAPHS)
        return transport.statuses

    with url_of_server(max_sessions=1) as url:
        assert asyncio.run(use(url, Overloaded, 1)) == [201, 503, 503]
    with url_of_server(tenant_max_sessions=1) as url:
        assert asyncio.run(use(url, QuotaExceeded, 4)) == [201, 429]


def test_a_client_that_waits_gets_in_when_there_is_room() -> None:
    with url_of_server(max_sessions=1) as url:

        class Helpful(Counting):
            """Makes room once the server has said that there is none."""

            def handle_request(self, request: httpx.Request) -> httpx.Response:
                response = super().handle_request(request)
                if response.status_code == 503:
                    delete_all(url)
                return response

        transport = Helpful()
        with Client(url, retries=3, transport=transport) as client:
            client.create_session(GRAPHS)
            session = client.create_session(GRAPHS)
            assert [item["id"] for item in client.sessions()] == [session.id]
            assert transport.statuses == [201, 503, 201]
