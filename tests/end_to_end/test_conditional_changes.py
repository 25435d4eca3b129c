"""What is done only in the state that the caller knows: `if_match`, on a real server."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx
import numpy as np
import pytest

from asg_builder import optim
from asg_builder.client import AsyncClient, Client, Conflict, ConnectionFailed, NotFound, Session
from asg_builder.client.request import Exchange
from asg_schema.errors import AsgError
from executor_harness.jobs import data, network

BATCH = data(8)


def new_session(client: Client) -> Session:
    return client.create_session({"train": network(training=True)}, optim.Adam(0.02), seed=3)


def never_fits(parts: Sequence[Mapping[str, Any]], limit: int | None) -> Exchange[tuple[bool, int | None]]:
    yield from ()
    return False, limit


CHANGES: dict[str, Callable[[Session, str], object]] = {
    "a step": lambda session, state: session.step(BATCH, if_match=state),
    "micro-batches": lambda session, state: session.step_micro_batches([BATCH, BATCH], if_match=state),
    "parameters": lambda session, state: session.set_parameters({"net.0.bias": np.zeros(8)}, if_match=state),
    "a file": lambda session, state: session.load_parameters(session.parameters(), if_match=state),
    "a checkpoint": lambda session, state: session.checkpoints.create("new", if_match=state),
    "restoring": lambda session, state: session.checkpoints.restore("old", if_match=state),
    "deletion": lambda session, state: session.delete(if_match=state),
}


@pytest.mark.parametrize("name", CHANGES)
def test_it_happens_in_no_other_state(client: Client, name: str) -> None:
    session, change = new_session(client), CHANGES[name]
    before = session.digest()
    session.checkpoints.create("old")
    session.step(BATCH)
    now = session.digest()
    with pytest.raises(Conflict) as caught:
        change(session, before)
    assert caught.value.code == "state_changed"
    assert caught.value.content["digest"] == now == session.digest()
    assert (session.number, client.session(session.id).number) == (1, 1)
    change(session, now)


def test_a_checkpoint_is_removed_only_if_it_has_the_state(client: Client) -> None:
    session = new_session(client)
    made = session.checkpoints.create("old")
    session.step(BATCH)
    with pytest.raises(Conflict):
        session.checkpoints.delete("old", if_match=session.digest())
    session.checkpoints.delete("old", if_match=made["digest"])
    with pytest.raises(NotFound):
        session.checkpoints.delete("old", if_match=made["digest"])


def test_parts_sent_one_by_one_make_a_step_of_that_state_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_builder.client.exchanges.session.fits_one_body", never_fits)
    session = new_session(client)
    before = session.digest()
    session.step_micro_batches([BATCH, BATCH], if_match=before)
    with pytest.raises(Conflict) as caught:
        session.step_micro_batches([BATCH, BATCH], if_match=before)
    assert caught.value.code == "state_changed"
    session.step_micro_batches([BATCH, BATCH], if_match=session.digest())
    assert session.number == 2


def test_what_changes_the_state_itself_is_not_sent_again_where_its_answer_is_lost(client: Client) -> None:
    """It would be refused then, though it was done."""
    session = new_session(client)
    session.checkpoints.create("old")
    asked: list[tuple[str, str]] = []

    def lose(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path.rpartition("/")[2]))
        if request.method == "GET":
            with httpx.Client() as http:
                found = http.get(str(request.url), headers={"Accept": request.headers["accept"]})
                return httpx.Response(found.status_code, headers=found.headers, content=found.content)
        raise httpx.ReadError("reset")

    lost = Client(client.url, transport=httpx.MockTransport(lose), retries=2).session(session.id)
    state = session.digest()
    for conditional in (state, None):
        asked.clear()
        with pytest.raises(ConnectionFailed):
            lost.set_parameters({"net.0.bias": np.zeros(8)}, if_match=conditional)
        with pytest.raises(ConnectionFailed):
            lost.checkpoints.restore("old", if_match=conditional)
        assert len(asked) == (2 if conditional else 6)


def test_asyncio_has_it_too(client: Client) -> None:
    async def run() -> None:
        async with AsyncClient(client.url) as other:
            session = await other.session(new_session(client).id)
            before = await session.digest()
            assert (await session.with_raw_response.digest()).headers["etag"] == f'"{before}"'
            await session.step(BATCH, if_match=before)
            with pytest.raises(Conflict):
                await session.set_parameters({"net.0.bias": np.zeros(8)}, if_match=before)
            with pytest.raises(Conflict):
                await session.checkpoints.create("new", if_match=before)
            await session.delete(if_match=await session.digest())

    asyncio.run(run())


@pytest.mark.parametrize("state", ["", 'a"b', "a\nb", "é"])
def test_what_is_no_digest_is_not_sent(client: Client, state: str) -> None:
    session = new_session(client)
    with pytest.raises(AsgError, match=r"if_match is .*; the digest of a state is needed"):
        session.delete(if_match=state)
    assert client.session(session.id).number == 0


def test_the_responses_of_a_job(client: Client) -> None:
    session = new_session(client)
    job = session.start_job(BATCH, batch_size=4, epochs=2)
    job.wait()
    raw = job.with_raw_response
    found = raw.refresh()
    assert (found.status, found.parse()["state"]) == (200, "succeeded")
    assert found.request_id
    assert raw.history().parse() == job.history()
    assert raw.reports().parse() == job.reports()
    cancelled = raw.cancel()
    assert cancelled.answers[0].json()["id"] == job.id
    assert cancelled.parse()["state"] == "succeeded"
    with pytest.raises(Conflict):
        raw.resume()

    async def run() -> None:
        async with AsyncClient(client.url) as other:
            response = await (await other.job(job.id)).with_raw_response.history()
            assert (response.status, response.parse()) == (200, job.history())

    asyncio.run(run())
