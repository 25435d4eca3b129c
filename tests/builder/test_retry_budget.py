"""The repetitions that all requests of a client have together."""

import asyncio
import math

import httpx
import pytest

from asg_builder.client import AsyncClient, Client, ConnectionFailed, NotFound
from asg_builder.client.async_transport import AsyncTransport
from asg_builder.client.exchanges.asking import get
from asg_builder.client.retry_budget import RetryBudget
from asg_builder.client.transport import Transport
from asg_schema.errors import AsgError


class Server:
    """A server that is there or not."""

    def __init__(self, *, there: bool = False) -> None:
        self.there = there
        self.failures = 0
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.failures:
            self.failures -= 1
            raise httpx.ConnectError("refused")
        if not self.there:
            raise httpx.ConnectError("refused")
        if request.url.path == "/none":
            return httpx.Response(404, json={"code": "unknown_session", "detail": "none", "retryable": False})
        return httpx.Response(200, json={})


def transport_to(server: Server, budget: float = 5.0) -> Transport:
    return Transport(
        "http://executor", http=httpx.MockTransport(server), sleep=lambda _: None, retries=4, retry_budget=budget
    )


def ask(transport: Transport, path: str = "/v1") -> None:
    transport.request("GET", path, idempotent=True)


def test_a_server_that_is_gone_is_asked_once_by_each_request_when_the_budget_is_used_up() -> None:
    server = Server()
    transport = transport_to(server)
    counts: list[int] = []
    for _ in range(3):
        before = server.asked
        with pytest.raises(ConnectionFailed):
            ask(transport)
        counts.append(server.asked - before)
    assert counts == [5, 2, 1]
    with pytest.raises(ConnectionFailed) as caught:
        ask(transport)
    assert caught.value.__notes__ == ["It was not sent again, because the client's retry_budget is used up."]


def test_what_succeeds_gives_back_what_it_took() -> None:
    server = Server(there=True)
    transport = transport_to(server)
    for _ in range(20):
        server.failures = 4
        ask(transport)
    assert server.asked == 100


def test_what_needs_no_repetition_earns_a_tenth_of_one() -> None:
    server = Server()
    transport = transport_to(server)
    for _ in range(2):
        with pytest.raises(ConnectionFailed):
            ask(transport)
    server.there = True
    for _ in range(10):
        ask(transport)
    server.failures = 1
    ask(transport)
    server.there = False
    before = server.asked
    with pytest.raises(ConnectionFailed):
        ask(transport)
    assert server.asked - before == 2, "it has the one repetition that was earned, and was given back"


def test_what_cannot_succeed_neither_takes_nor_gives() -> None:
    server = Server(there=True)
    transport = transport_to(server, budget=1)
    for _ in range(30):
        with pytest.raises(NotFound):
            ask(transport, "/none")
    server.failures = 1
    ask(transport)


def test_many_requests_at_a_time_share_it_and_so_do_clients_with_other_options() -> None:
    server = Server()

    async def sleep(_: float) -> None:
        await asyncio.sleep(0)

    async def run() -> None:
        http = httpx.MockTransport(server)
        transport = AsyncTransport("http://executor", http=http, sleep=sleep, retries=4, retry_budget=7)
        other = transport.with_options(retries=3)
        requests = [each.perform(get("/v1")) for each in (transport, other) for _ in range(20)]
        found = await asyncio.gather(*requests, return_exceptions=True)
        assert all(isinstance(item, ConnectionFailed) for item in found)
        await transport.close()

    asyncio.run(run())
    assert server.asked == 40 + 7


def test_no_budget_is_no_bound_and_none_at_all_no_repetition() -> None:
    server = Server()
    transport = transport_to(server, math.inf)
    for _ in range(30):
        with pytest.raises(ConnectionFailed):
            ask(transport)
    assert server.asked == 150
    with pytest.raises(ConnectionFailed):
        ask(transport_to(server, 0))
    assert server.asked == 151


@pytest.mark.parametrize("budget", [-1, math.nan])
def test_what_is_no_budget(budget: float) -> None:
    for kind in (Client, AsyncClient):
        with pytest.raises(AsgError, match=r"retry_budget is .*; a number of at least 0 is needed"):
            kind("http://executor", retry_budget=budget)


def test_it_never_holds_more_than_at_first() -> None:
    budget = RetryBudget(2)
    assert budget.take()
    budget.succeeded(5)
    assert budget.left == 2
    budget.succeeded()
    assert budget.left == 2
