"""The asynchronous client against a server that is played by a function."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import httpx
import numpy as np
import pytest

from asg_builder import optim
from asg_builder.client import AsyncClient, AsyncSession, ConnectionFailed, NotFound
from asg_builder.training import BestCheckpoint, EarlyStopping
from asg_schema import AsgError
from builder_harness.played_executor import DOCUMENT, Server

BATCH: Mapping[str, Any] = {"x": [[1, 2]], "n": 0}


def with_session(server: Server, use: Callable[[AsyncSession], Coroutine[Any, Any, Any]]) -> Any:
    """What a function of a new session comes to."""

    async def run() -> Any:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(server.answer), retries=0) as client:
            return await use(await client.create_session({"train": DOCUMENT}, optim.SGD(0.1)))

    return asyncio.run(run())


def test_what_the_synchronous_client_does() -> None:
    server = Server()

    async def use(session: AsyncSession) -> None:
        assert float((await session.step(BATCH))["loss"]) == 0.5
        assert session.number == 1
        np.testing.assert_array_equal((await session.run("train", x=[[1, 2]]))["y"], [[2, 4]])
        assert list(await session.parameters()) == ["w"]
        await session.set_parameters({"w": [7, 2]})
        assert server.sent()["w"][0] == 7
        server.drop = 1
        with pytest.raises(ConnectionFailed):
            await session.step(BATCH)
        assert (session.number, server.step) == (1, 2)
        assert float((await session.step(BATCH))["loss"]) == 0.25
        assert repr(session) == "AsyncSession('s', step 2, at http://executor)"
        await session.delete()
        with pytest.raises(AsgError, match='no graph "predict"; it has "train"'):
            await session.run("predict")

    with_session(server, use)


def test_a_session_that_is_not_there() -> None:
    async def ask() -> None:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(Server().answer)) as client:
            await client.session("other")

    with pytest.raises(NotFound):
        asyncio.run(ask())


def test_steps_of_one_session_are_taken_one_after_the_other() -> None:
    server = Server()
    both_asked = asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/steps/2"):
            await both_asked.wait()
        return server.answer(request)

    async def run() -> None:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(answer), retries=0) as client:
            session = await client.create_session({"train": DOCUMENT})
            await session.step(BATCH)
            first = asyncio.create_task(session.step(BATCH))
            await asyncio.sleep(0)
            with pytest.raises(AsgError, match="is taking step 2; the next comes after its answer"):
                await session.step(BATCH)
            both_asked.set()
            await first
            await session.step(BATCH)

    asyncio.run(run())
    assert server.step == 3


def test_fit_awaits_what_callbacks_return() -> None:
    seen: list[Any] = []

    async def use(session: AsyncSession) -> Mapping[str, list[float]]:
        async def on_epoch(epoch: int, figures: Mapping[str, float]) -> bool:
            await asyncio.sleep(0)
            seen.append((epoch, figures["loss"], len(await session.parameters())))
            return epoch == 2

        steps: list[int] = []
        history = await session.fit(
            [BATCH, BATCH], epochs=5, on_epoch=on_epoch, on_step=lambda number, figures: steps.append(number)
        )
        assert steps == [1, 2, 3, 4]
        return history

    history = with_session(Server(), use)
    assert seen == [(1, history["loss"][0], 1), (2, history["loss"][1], 1)]
    np.testing.assert_allclose(history["loss"], [(0.5 + 0.25) / 2, (0.5 / 3 + 0.125) / 2], rtol=1e-6)


def test_fit_keeps_the_best_weights() -> None:
    best, stopping = BestCheckpoint("loss"), EarlyStopping("loss", mode="max", patience=1)

    async def use(session: AsyncSession) -> Mapping[str, list[float]]:
        return await session.fit([BATCH], epochs=9, checkpoint=best, early_stopping=stopping)

    history = with_session(Server(), use)
    assert len(history["loss"]) == 3  # the loss only falls: the first epoch has the greatest
    assert (best.epoch, stopping.best_epoch, stopping.stopped_epoch) == (3, 1, 3)
    assert list(best.parameters) == ["w"]


def test_the_next_batch_is_made_while_a_step_is_awaited() -> None:
    """The server answers a step once the batch after it has been drawn, and not in the event loop's thread."""
    server = Server()
    drawn = [threading.Event() for _ in range(3)]
    threads: list[int] = []

    def batches() -> Iterator[Mapping[str, Any]]:
        for event in drawn:
            event.set()
            threads.append(threading.get_ident())
            yield BATCH

    async def answer(request: httpx.Request) -> httpx.Response:
        if "/steps/" in request.url.path:
            number = int(request.url.path.rpartition("/")[2])
            if number < len(drawn):
                assert await asyncio.to_thread(drawn[number].wait, 30)
        return server.answer(request)

    async def run() -> None:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(answer), retries=0) as client:
            session = await client.create_session({"train": DOCUMENT})
            await session.fit(batches())
            assert session.number == 3

    asyncio.run(run())
    assert threads[0] == threading.get_ident()
    assert threading.get_ident() not in threads[1:]


def test_a_batch_that_is_wrong_fails_after_the_step_before_it() -> None:
    server = Server()

    async def use(session: AsyncSession) -> None:
        wrong: Any = {"nonsense": 1}
        with pytest.raises(AsgError, match='there is no input "nonsense"'):
            await session.fit([BATCH, wrong, BATCH])
        assert (session.number, server.step) == (1, 1)

    with_session(server, use)


def test_a_cancelled_step_can_be_taken_again() -> None:
    server = Server()
    reached, release = asyncio.Event(), asyncio.Event()

    async def answer(request: httpx.Request) -> httpx.Response:
        response = server.answer(request)
        if "/steps/" in request.url.path and not release.is_set():
            reached.set()
            await release.wait()
        return response

    async def run() -> None:
        async with AsyncClient("http://executor", transport=httpx.MockTransport(answer), retries=0) as client:
            session = await client.create_session({"train": DOCUMENT})
            step = asyncio.create_task(session.step(BATCH))
            await reached.wait()
            step.cancel()
            with pytest.raises(asyncio.CancelledError):
                await step
            assert (session.number, server.step) == (0, 1)
            release.set()
            assert float((await session.step(BATCH))["loss"]) == 0.5
            assert (session.number, server.step) == (1, 1)

    asyncio.run(run())
