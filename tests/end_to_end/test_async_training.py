"""The asynchronous client against a server in another process."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

import asg_builder as asg
from asg_autograd import grad
from asg_builder import losses, metrics, nn, optim
from asg_builder.arrays import Array
from asg_builder.client import AsyncClient, Client, Conflict, ConnectionFailed, LocalServerFailed, NotFound, local
from asg_builder.data import Batches
from asg_builder.training import BestCheckpoint
from asg_schema.errors import AsgError
from builder_harness.dropping_proxy import dropping_proxy

RNG = np.random.default_rng(0)
X = RNG.standard_normal((50, 4)).astype(np.float32)
Y = (X @ RNG.standard_normal((4, 3))).argmax(1)
DATA: Mapping[str, Array] = {"x": X, "y": Y}


def documents() -> dict[str, asg.Document]:
    with asg.graph("classifier") as g:
        x, y = asg.input("x", ("batch", 4)), asg.input("y", ("batch",), "int64")
        scores = nn.Linear(4, 3, name="linear")(x)
        g.output(loss=losses.cross_entropy(scores, y), scores=scores)
        g.metric(accuracy=metrics.accuracy_from_scores(scores, y))
    return {"train": grad(g.document(), of="loss"), "validate": g.document()}


def batches() -> Batches[dict[str, Array]]:
    return Batches(DATA, 16, shuffle=True, seed=1)


def trained_synchronously(client: Client) -> tuple[dict[str, list[float]], dict[str, Array]]:
    session = client.create_session(documents(), optim.Adam(0.1), seed=3)
    history = session.fit(batches(), epochs=3, validation=[DATA])
    return history, session.parameters()


def assert_equal(found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_it_trains_as_the_synchronous_client_does(client: Client, tmp_path: Path) -> None:
    history, parameters = trained_synchronously(client)
    path = tmp_path / "weights.safetensors"

    async def train() -> None:
        async with AsyncClient(client.url) as other:
            session = await other.create_session(documents(), optim.Adam(0.1), seed=3)
            best = BestCheckpoint("val_loss", path=tmp_path / "best.safetensors")
            found = await session.fit(batches(), epochs=3, validation=[DATA], checkpoint=best)
            assert_equal(found, history)
            assert_equal(await session.parameters(), parameters)
            assert best.value == min(history["val_loss"])
            assert (tmp_path / "best.safetensors").exists()
            assert (await session.evaluate([DATA]))["loss"] == history["val_loss"][-1]
            await session.save(path)
            await session.checkpoints.create("three")
            await session.step(DATA)
            await session.checkpoints.restore("three")
            assert session.number == (await other.session(session.id)).number == 12
            await session.step(DATA)
            await session.load_parameters(path)
            assert [item["name"] for item in await session.checkpoints.list()] == ["three"]
            with pytest.raises(Conflict):
                await session.checkpoints.create("three")
            await session.delete()
            with pytest.raises(NotFound):
                await other.session(session.id)

    asyncio.run(train())
    assert_equal(safetensors.numpy.load(path.read_bytes()), parameters)


def test_a_step_whose_answer_is_lost_or_cut_off_is_taken_once(client: Client) -> None:
    _, parameters = trained_synchronously(client)

    async def train() -> None:
        with dropping_proxy(client.url) as proxy:
            async with AsyncClient(proxy.url) as other:
                session = await other.create_session(documents(), optim.Adam(0.1), seed=3)

                def disturb(number: int, figures: Mapping[str, float]) -> None:
                    proxy.answers_to_lose, proxy.answers_to_cut = number % 2, number % 3 == 0

                await session.fit(batches(), epochs=3, on_step=disturb)
                assert proxy.replayed == sum((n % 2) + (n % 3 == 0) for n in range(1, 12))
                assert_equal(await session.parameters(), parameters)

    asyncio.run(train())


def test_sessions_train_side_by_side(client: Client) -> None:
    _, parameters = trained_synchronously(client)

    async def train_several() -> list[dict[str, Array]]:
        async with AsyncClient(client.url) as other:

            async def one() -> dict[str, Array]:
                session = await other.create_session(documents(), optim.Adam(0.1), seed=3)
                await session.fit(batches(), epochs=3)
                return await session.parameters()

            return await asyncio.gather(*(one() for _ in range(4)))

    for found in asyncio.run(train_several()):
        assert_equal(found, parameters)


def test_a_server_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    async def use() -> None:
        async with await AsyncClient.local(retries=0) as client:
            assert (await client.info())["format_version"] == 1
            assert client.server_pid is not None
        with pytest.raises(AsgError, match="the client is closed"):
            await client.info()
        monkeypatch.setattr(local, "_COMMAND", ("false",))
        with pytest.raises(LocalServerFailed, match="the local server has exited with status 1"):
            await AsyncClient.local()
        async with AsyncClient("http://127.0.0.1:9", retries=0) as nobody:
            with pytest.raises(ConnectionFailed, match='"asg serve" starts one'):
                await nobody.info()

    asyncio.run(use())
