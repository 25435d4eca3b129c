"""Overload is answered at once, and a shutdown finishes what was begun."""

import asyncio
import threading
from typing import Any

import httpx
import pytest

from asg_executor.sessions.session import Session
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem

STEP: dict[str, Any] = {"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}


class Gate:
    """Holds every step inside the session until it is opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.inside = threading.Semaphore(0)
        self._open = threading.Event()
        original = Session.step

        def waiting(session: Session, *args: Any, **options: Any) -> Any:
            self.inside.release()
            assert self._open.wait(30)
            return original(session, *args, **options)

        monkeypatch.setattr(Session, "step", waiting)

    async def until_inside(self) -> None:
        await asyncio.to_thread(self.inside.acquire, timeout=30)

    def open(self) -> None:
        self._open.set()


def test_overload_is_answered_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with in_process(workers=1, max_queue=2) as server:
        session, gate = server.create_session(), Gate(monkeypatch)

        async def overload() -> list[httpx.Response]:
            async with server.asynchronous() as http:
                running = [asyncio.ensure_future(http.put(f"{session}/steps/1", json=STEP)) for _ in range(3)]
                await gate.until_inside()
                refused = [await http.put(f"{session}/steps/1", json=STEP) for _ in range(3)]
                # What needs no computation is still answered.
                assert (await http.get("/healthz/live")).status_code == 200
                assert (await http.get("/healthz/ready")).status_code == 200
                assert (await http.get("/v1/sessions")).status_code == 200
                gate.open()
                assert {response.status_code for response in await asyncio.gather(*running)} == {200}
                return refused

        for response in server.runner.run(overload()):
            problem(response, "overloaded")
        # The places are free again.
        assert server.http.put(f"{session}/steps/2", json=STEP).status_code == 200


def test_the_event_loop_stays_free_while_a_step_computes(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    session, gate = server.create_session(), Gate(monkeypatch)

    async def ask_meanwhile() -> None:
        async with server.asynchronous() as http:
            step = asyncio.ensure_future(http.put(f"{session}/steps/1", json=STEP))
            await gate.until_inside()
            assert (await http.get("/healthz/live")).json() == {"live": True}
            assert not step.done()
            gate.open()
            assert (await step).status_code == 200

    server.runner.run(ask_meanwhile())


def test_draining_finishes_what_was_begun_and_refuses_what_is_new(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, gate = server.create_session(), Gate(monkeypatch)
    pool = server.app.state.service.pool

    async def drain() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            step = asyncio.ensure_future(http.put(f"{session}/steps/1", json=STEP))
            await gate.until_inside()
            draining = asyncio.ensure_future(pool.drain())
            await asyncio.sleep(0)
            ready = await http.get("/healthz/ready")
            assert (ready.status_code, ready.json()) == (503, {"ready": False})
            assert (await http.get("/healthz/live")).status_code == 200
            refused = [await http.put(f"{session}/steps/2", json=STEP), await http.get(session)]
            assert not draining.done()
            gate.open()
            assert (await step).status_code == 200
            await draining
            return refused

    for response in server.runner.run(drain()):
        problem(response, "draining")


def test_ready_and_live(server: Server) -> None:
    assert server.http.get("/healthz/live").json() == {"live": True}
    ready = server.http.get("/healthz/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True})
