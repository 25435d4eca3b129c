"""Jobs through the client, on a real server: what `fit` does, without the client."""

import asyncio
import io
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from rich.console import Console

from asg_builder import optim
from asg_builder.client import (
    AsyncClient,
    Client,
    Conflict,
    JobCancelled,
    JobEvent,
    JobFailed,
    NotFound,
    Session,
    ValidationProblem,
)
from asg_builder.data import Batches, micro_batches
from asg_builder.training import EarlyStopping
from asg_schema.errors import AsgError
from executor_harness.jobs import data, network
from executor_harness.server_process import serving

TRAIN, TEST = data(), data(20, 1)
LONG = 100_000


def new_session(client: Client) -> Session:
    graphs = {"train": network(training=True), "validate": network(training=False)}
    return client.create_session(graphs, optim.Adam(0.02), seed=3)


def equal(one: Session, other: Session) -> bool:
    values = other.parameters()
    return all(np.array_equal(value, values[name]) for name, value in one.parameters().items())


def test_a_job_leaves_the_weights_and_the_history_of_fit(client: Client) -> None:
    """With dropout, a last batch that is smaller, validation and early stopping that restores the best weights."""
    by_hand, session = new_session(client), new_session(client)
    stopping: dict[str, Any] = {"monitor": "val_loss", "patience": 1, "min_delta": 0.02}
    expected = by_hand.fit(
        Batches(TRAIN, 16, shuffle=True, seed=5),
        epochs=40,
        validation=Batches(TEST, 7),
        early_stopping=EarlyStopping(**stopping),
    )
    wide = {**TRAIN, "x": TRAIN["x"].astype(np.float64)}  # converted as `step` does it
    job = session.start_job(
        wide,
        batch_size=16,
        epochs=40,
        shuffle_seed=5,
        validation=TEST,
        validation_settings={"batch_size": 7},
        early_stopping=EarlyStopping(**stopping),
    )
    assert job.wait() == expected
    assert len(expected["loss"]) < 40
    assert equal(session, by_hand)
    assert session.number == by_hand.number, "it goes on from there"
    assert (job.state, job.description["stopped_early"]) == ("succeeded", True)
    assert session.step(TRAIN)["loss"] == by_hand.step(TRAIN)["loss"]
    assert client.job(job.id).history() == expected
    assert job.id in [item["id"] for item in client.jobs()]
    job.delete()
    job.delete()
    with pytest.raises(NotFound):
        client.job(job.id)


def test_a_job_of_micro_batches_leaves_the_weights_of_a_loop_of_them(client: Client) -> None:
    by_hand, session = new_session(client), new_session(client)
    for batch in Batches(TRAIN, 16, shuffle=True, seed=5):
        by_hand.step_micro_batches(micro_batches(batch, 3))
    session.start_job(TRAIN, batch_size=16, shuffle_seed=5, micro_batches=3).wait()
    assert equal(session, by_hand)
    assert session.number == by_hand.number


def test_a_data_set_is_sent_once(client: Client) -> None:
    sent: list[tuple[int, int]] = []
    tensors = data(50, seed=8)
    first = client.add_dataset(tensors, progress=lambda done, total: sent.append((done, total)))
    assert sent[-1] == (first.bytes, first.bytes)
    assert (first.length, first.tensors["x"]) == (50, {"dtype": "float32", "shape": [50, 4]})
    count = len(sent)
    assert client.add_dataset(tensors, progress=lambda done, total: sent.append((done, total))) == first
    assert len(sent) == count
    assert first in client.datasets()
    session = new_session(client)
    for source in (tensors, first, first.digest):
        session.start_job(source, batch_size=25).wait()
    assert session.number == 6
    client.delete_dataset(first.digest)
    client.delete_dataset(first.digest)
    assert first not in client.datasets()


def test_the_events_and_the_bar_of_a_job(client: Client) -> None:
    output = io.StringIO()
    session = new_session(client)
    job = session.start_job(TRAIN, batch_size=2, epochs=20, checkpoints={"every_epochs": 10, "prefix": "mine"})
    job.wait(console=Console(file=output, force_terminal=True, width=120))
    assert "epoch " in output.getvalue()
    assert "steps/s" in output.getvalue()
    assert ", loss " in output.getvalue()
    kept = [event for event in job.events() if event.number is not None]
    assert [event.number for event in kept] == list(range(1, 24))
    assert [event.type for event in kept] == ["queued", "running", *["report"] * 20, "succeeded"]
    assert list(job.events(after=22)) == [kept[-1]]
    assert list(job.events(after=23)) == []
    with pytest.raises(ValidationProblem, match="Last-Event-ID is 99; the last event of the job is 23"):
        list(job.events(after=99))
    assert [item["name"] for item in session.checkpoints.list()] == ["mine-step-250", "mine-step-500"]
    assert job.figures == {name: values[-1] for name, values in job.history().items()}


def test_a_job_is_cancelled_and_goes_on(client: Client) -> None:
    session = new_session(client)
    job = session.start_job(TRAIN, batch_size=16, epochs=LONG, shuffle_seed=5)
    with pytest.raises(Conflict, match="trains the session") as busy:
        session.set_parameters({"net.0.bias": np.zeros(8)})
    assert busy.value.code == "session_busy"
    assert session.run("validate", x=TRAIN["x"], y=TRAIN["y"])["loss"] > 0
    assert job.cancel()["state"] == "cancelled"
    assert session.number == job.description["step"]
    with pytest.raises(JobCancelled, match=f"was cancelled after step {session.number}"):
        job.wait()
    assert job.resume()["state"] in ("queued", "running")
    session.delete()
    with pytest.raises(JobCancelled):
        job.wait()
    with pytest.raises(Conflict, match="was deleted"):
        job.resume()


def test_a_job_that_fails_says_why(client: Client) -> None:
    bad = {**TRAIN, "y": np.full(50, 3)}
    job = new_session(client).start_job(bad, batch_size=16)
    with pytest.raises(JobFailed, match=r"out of range|outside|classes") as failed:
        job.wait()
    assert (failed.value.code, failed.value.retryable, failed.value.job) == ("index_out_of_range", False, job.id)
    with pytest.raises(AsgError, match='"y"'):
        new_session(client).start_job({**TRAIN, "y": TRAIN["x"]}, batch_size=16)


def test_a_program_that_is_started_again_gets_its_job(client: Client) -> None:
    session = new_session(client)
    ids = [session.start_job(TRAIN, batch_size=16, idempotency_key="experiment").id for _ in range(2)]
    assert ids[0] == ids[1]
    client.job(ids[0]).wait()
    assert session.refresh() == 4


def test_events_go_on_where_the_connection_broke_off(tmp_path: Path) -> None:
    """The server is killed while a client listens, and started again at the same address."""
    expected = list(range(1, 64))
    with serving(["--data-dir", str(tmp_path)]) as first:
        port = httpx.URL(first.url).port
        with Client(first.url, timeout=30) as client:
            job = new_session(client).start_job(TRAIN, batch_size=16, epochs=60)
            found: list[JobEvent] = []
            events = job.events()
            while len(found) < 10:
                found.append(next(events))
            first.popen.kill()
            first.popen.wait()
            with serving(["--data-dir", str(tmp_path), "--port", str(port)]):
                found += events
                assert [event.number for event in found if event.number is not None] == expected
                assert len(job.wait()["loss"]) == 60


def test_the_asynchronous_client_has_jobs_too(client: Client) -> None:
    by_hand = new_session(client)
    expected = by_hand.fit(Batches(TRAIN, 16, shuffle=True, seed=5), epochs=3)

    async def train() -> tuple[str, dict[str, list[float]], list[int]]:
        graphs = {"train": network(training=True), "validate": network(training=False)}
        async with AsyncClient(client.url) as other:
            session = await other.create_session(graphs, optim.Adam(0.02), seed=3)
            job = await session.start_job(TRAIN, batch_size=16, epochs=3, shuffle_seed=5)
            history = await job.wait()
            numbers = [event.number async for event in job.events() if event.number is not None]
            assert [event async for event in job.events(after=6)] == []
            assert (await other.job(job.id)).state == "succeeded"
            return session.id, history, numbers

    id, history, numbers = asyncio.run(train())
    assert history == expected
    assert numbers == [1, 2, 3, 4, 5, 6]
    assert equal(client.session(id), by_hand)
