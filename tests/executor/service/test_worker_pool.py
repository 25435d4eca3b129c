"""The threads serve the tenants in turn, and each tenant has a bounded number of requests under way."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from asg_executor.allowance import current_allowance
from asg_executor.api.admission import Admission
from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.problems import ProblemError
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.errors import ShutdownError


def run(pool: WorkerPool, scenario: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(60):
            await scenario()

    try:
        asyncio.run(bounded())
    finally:
        pool.close()


class Requests:
    """Requests that compute one after another on a pool's only thread, in the order that is noted."""

    def __init__(self, pool: WorkerPool) -> None:
        self.order: list[str] = []
        self._pool = pool
        self._budget = ByteBudget(1000)
        self._gate = threading.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def occupy(self) -> None:
        """Let the thread wait for `release`."""
        inside = asyncio.Event()
        loop = asyncio.get_running_loop()

        def wait() -> None:
            loop.call_soon_threadsafe(inside.set)
            assert self._gate.wait(30)

        self._tasks.append(asyncio.ensure_future(self._pool.run(wait)))
        await inside.wait()

    async def send(self, tenant: str, count: int) -> None:
        """Let a tenant wait for the thread with this many requests."""
        for _ in range(count):
            self._tasks.append(asyncio.ensure_future(self._request(tenant)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async def _request(self, tenant: str) -> None:
        with Admission(self._pool, tenant, self._budget):
            await self._pool.run(lambda: self.order.append(tenant))

    async def release(self) -> None:
        """Let the thread work until all is done."""
        self._gate.set()
        await asyncio.gather(*self._tasks)


def test_a_flood_of_one_tenant_keeps_no_other_waiting() -> None:
    pool = WorkerPool(1, 1000)
    requests = Requests(pool)

    async def scenario() -> None:
        await requests.occupy()
        await requests.send("flood", 200)
        await requests.send("b", 3)
        await requests.send("c", 1)
        await requests.release()

    run(pool, scenario)
    # Before anything else is looked at: nothing got lost, and a tenant's own order was kept.
    assert sorted(requests.order) == ["b"] * 3 + ["c"] + ["flood"] * 200
    assert requests.order[:7] == ["flood", "b", "c", "flood", "b", "flood", "b"]


def test_a_tenant_with_too_many_requests_is_told_and_others_are_not() -> None:
    pool = WorkerPool(1, 6, 2)
    requests = Requests(pool)

    async def scenario() -> None:
        await requests.occupy()
        await requests.send("a", 3)
        with pytest.raises(ProblemError) as refused, Admission(pool, "a", ByteBudget(0)):
            pass
        assert refused.value.code == "too_many_requests"
        assert int(refused.value.headers["Retry-After"]) >= 1
        await requests.send("b", 3)
        await requests.send("c", 1)
        assert pool.admitted == 7
        with pytest.raises(ProblemError) as refused, Admission(pool, "c", ByteBudget(0)):
            pass
        assert refused.value.code == "overloaded"
        assert int(refused.value.headers["Retry-After"]) >= 1
        await requests.release()

    run(pool, scenario)
    assert pool.admitted == 0
    assert len(requests.order) == 7


def test_who_awaits_its_client_has_no_place_and_drain_waits_for_it() -> None:
    pool = WorkerPool(1, 0)
    budget = ByteBudget(100)

    async def scenario() -> None:
        with Admission(pool, "slow", budget) as slow:
            with slow.awaiting_client() as room:
                room.take(65_536 + 60)
                assert pool.admitted == 0
                with Admission(pool, "quick", budget) as quick:
                    assert await pool.run(lambda: 1) == 1
                    with pytest.raises(ProblemError) as refused, quick.awaiting_client() as other:
                        other.take(65_536 + 41)
                    assert refused.value.code == "overloaded"
                assert budget.held == 60
            assert pool.admitted == 1
            draining = asyncio.ensure_future(pool.drain())
            await asyncio.sleep(0)
            assert not draining.done()
            with pytest.raises(ProblemError, match="shutting down"), Admission(pool, "late", budget):
                pass
        await draining
        assert (pool.admitted, budget.held) == (0, 0)

    run(pool, scenario)


def test_who_comes_back_to_a_full_service_is_refused() -> None:
    pool = WorkerPool(1, 0)
    budget = ByteBudget(100)

    async def scenario() -> None:
        with Admission(pool, "other", budget) as other:
            with pytest.raises(ProblemError) as refused, other.awaiting_client():
                taker.__enter__()
            assert refused.value.code == "overloaded"
            taker.__exit__(None, None, None)

    taker = Admission(pool, "taker", budget)
    run(pool, scenario)
    assert (pool.admitted, budget.held) == (0, 0)


def test_a_call_that_is_cancelled_while_it_waits_is_not_made() -> None:
    pool = WorkerPool(1, 10)
    requests = Requests(pool)
    called: list[int] = []

    async def scenario() -> None:
        await requests.occupy()
        call = asyncio.ensure_future(pool.run(lambda: called.append(1)))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await requests.send("a", 1)
        await requests.release()

    run(pool, scenario)
    assert not called
    assert not pool.busy


def test_retry_after_grows_with_the_queue_and_with_how_long_calls_take(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool(2, 40)
    clock = iter(range(0, 100_000, 5))  # each call takes 5 seconds of it
    monkeypatch.setattr("asg_executor.api.worker_pool.perf_counter", lambda: next(clock))
    requests = Requests(pool)

    async def scenario() -> None:
        for _ in range(60):
            await pool.run(lambda: None)
        for _ in range(42):
            await pool_place()
        with pytest.raises(ProblemError) as refused:
            await pool_place()
        assert 40 <= int(refused.value.headers["Retry-After"]) <= 60  # 42 requests of 5 s, two at a time, half of them

    async def pool_place() -> None:
        Admission(pool, "", ByteBudget(0)).__enter__()

    run(pool, scenario)
    assert not requests.order


def test_a_pool_that_is_closed_leaves_nobody_waiting_for_what_no_thread_has_begun() -> None:
    pool, gate = WorkerPool(1, 10), threading.Event()

    async def scenario() -> None:
        lock, inside = asyncio.Lock(), threading.Event()

        def occupy() -> None:
            inside.set()
            gate.wait(60)

        first = asyncio.create_task(pool.run(occupy))
        await asyncio.to_thread(inside.wait, 60)
        second = asyncio.create_task(pool.run_locked(lock, lambda: None))
        await asyncio.sleep(0)
        assert lock.locked()
        pool.close()
        await asyncio.wait([second])
        assert second.cancelled()
        async with asyncio.timeout(60):
            await lock.acquire()
        lock.release()
        with pytest.raises(RuntimeError):
            await pool.run_locked(lock, lambda: None)
        assert not lock.locked()
        gate.set()
        await first
        assert not pool.busy

    try:
        run(pool, scenario)
    finally:
        gate.set()


def test_what_computes_is_stopped_when_the_server_waits_no_longer() -> None:
    pool = WorkerPool(1, 10)
    looks: list[int] = []
    inside = threading.Event()

    def compute() -> None:
        while True:
            current_allowance().check_time()
            looks.append(1)
            inside.set()
            time.sleep(0.001)

    async def scenario() -> None:
        lock = asyncio.Lock()
        running = asyncio.ensure_future(pool.run_locked(lock, compute))
        assert await asyncio.to_thread(inside.wait, 30)
        assert not pool.abandoned
        pool.halt()
        with pytest.raises(ShutdownError, match="was stopped and has changed nothing"):
            await running
        assert pool.abandoned
        assert not lock.locked()
        with pytest.raises(ProblemError, match="shutting down"):
            pool.check_open()

    run(pool, scenario)
    assert looks
