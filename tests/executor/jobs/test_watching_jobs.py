"""Watching jobs: streams that resume, that take no place and no memory, and that show nobody else's job."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from asg_executor.api import job_events
from asg_executor.api.problems import ProblemError
from asg_executor.api.watchers import Watchers
from asg_executor.jobs.job import JobState
from asg_executor.store import jobs as stored_jobs
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import add_dataset, create_session, data, events_of, start_job, wait
from executor_harness.problems import problem


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path, workers=2, max_queue=0, max_watchers=3) as server:
        yield server


def new_job(server: Server, **fields: Any) -> str:
    session, dataset = create_session(server.http), add_dataset(server.http, data())
    return start_job(server.http, session, **{"dataset": dataset, "batch_size": 16, **fields})


def test_a_stream_goes_on_behind_the_last_event(server: Server) -> None:
    job = new_job(server, epochs=3)
    wait(server.http, job)
    everything = events_of(server, job)
    assert [id for id, _, _ in everything] == ["1", "2", "3", "4", "5", "6"]
    for after in range(6):
        assert events_of(server, job, after) == everything[after:]
    assert server.http.get(f"{job}/events", headers={"Last-Event-ID": "6"}).status_code == 204
    for text in ("x", "-1", "7", "9" * 18, "9" * 30, "", "1, 2"):
        problem(server.http.get(f"{job}/events", headers={"Last-Event-ID": text}), "invalid_request")


def test_many_events_are_read_in_parts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_jobs, "_PAGE_EVENTS", 2)
    job = new_job(server, epochs=6)
    wait(server.http, job)
    assert [id for id, _, _ in events_of(server, job)] == [str(number) for number in range(1, 10)]


def test_a_silent_stream_says_that_it_lives(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job that waits for another has nothing to tell."""
    monkeypatch.setattr(job_events, "_HEARTBEAT_SECONDS", 0.05)
    job = new_job(server)
    service = server.app.state.service
    found = service.jobs.get(job.rpartition("/")[2])
    wait(server.http, job)
    found.state = JobState.QUEUED

    async def listen() -> bytes:
        text = b""
        stream = job_events.event_stream(found, service.jobs, service.watchers.watching(""), found.last_event)
        async for piece in stream:
            text += piece
            if text.count(b": nothing new") == 3:
                await stream.aclose()
                return text
        return text

    assert b"data:" not in server.runner.run(listen())
    assert service.watchers.count == 0


def test_whoever_waits_takes_no_place_and_is_bounded(server: Server) -> None:
    """There are two places in all, and three wait for news."""
    job = new_job(server, epochs=10**5)
    session = create_session(server.http)

    async def watch() -> list[int]:
        async with server.asynchronous() as http:
            waiting = [asyncio.create_task(http.get(job, params={"after": 10**9, "wait": 20})) for _ in range(3)]
            while server.app.state.service.watchers.count < 3:
                await asyncio.sleep(0.01)
            refused = await http.get(job)
            statuses = [(await http.get(session)).status_code for _ in range(5)]
            assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
            await http.post(f"{job}/cancel")
            return [*statuses, *[(await task).status_code for task in waiting]]

    assert server.runner.run(watch()) == [200] * 8
    assert server.app.state.service.watchers.count == 0


def test_others_have_their_turn_beside_a_job(server: Server) -> None:
    """With a place less than there are requests the job waits, not they."""
    job = new_job(server, epochs=10**5)
    session = create_session(server.http)
    server.http.get(job, params={"after": 2, "wait": 30})
    before = server.http.get(job).json()["step"]
    for _ in range(30):
        assert server.http.get(session).status_code == 200
    assert server.http.get(job).json()["step"] > before
    server.http.post(f"{job}/cancel")


def test_one_tenant_leaves_room_for_others_to_watch() -> None:
    watchers = Watchers()
    with ExitStack() as stack:
        for _ in range(6):
            watchers.check("many", 8)
            stack.enter_context(watchers.watching("many"))
        with pytest.raises(ProblemError, match="6 of your requests") as refused:
            watchers.check("many", 8)
        assert refused.value.code == "too_many_requests"
        for _ in range(2):
            watchers.check("one", 8)
            stack.enter_context(watchers.watching("one"))
        with pytest.raises(ProblemError, match="8 requests wait"):
            watchers.check("another", 8)
    assert watchers.count == 0


def test_a_long_history_comes_in_parts(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_jobs, "_PAGE_EVENTS", 2)
    job = new_job(server, epochs=6)
    wait(server.http, job)
    found, after = list[int](), 0
    while after < 9:
        page = server.http.get(job, params={"after": after}).json()
        assert page["history_through"] == min(after + 2, 9)
        found += [report["event"] for report in page["history"]]
        after = page["history_through"]
    assert found == [3, 4, 5, 6, 7, 8]


def test_large_events_are_read_one_by_one(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_jobs, "_PAGE_LETTERS", 1)
    job = new_job(server, epochs=2)
    wait(server.http, job)
    assert server.http.get(job, params={"after": 2}).json()["history_through"] == 3
    assert [id for id, _, _ in events_of(server, job)] == ["1", "2", "3", "4", "5"]
