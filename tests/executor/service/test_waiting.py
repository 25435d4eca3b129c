"""What is there at once is had at once; what is not is awaited, and no longer than it may be."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

import pytest

from asg_executor.api.waiting import Begun

T = TypeVar("T")

_NEVER = 0.0  # long before now, so that whatever waits is too late
_LONG = 60.0


async def _end() -> float:
    return asyncio.get_running_loop().time() + _LONG


async def _begun(awaited: Awaitable[T]) -> T:
    """Begun while an event loop runs, and given up at once."""
    return await Begun(awaited).until(_NEVER)


def test_what_is_there_needs_no_time() -> None:
    async def ready() -> str:
        return "there"

    begun = Begun(ready())
    assert begun.is_done
    assert begun.result == "there"
    assert asyncio.run(begun.until(_NEVER)) == "there"


def test_what_waits_is_not_there() -> None:
    async def wait() -> str:
        await asyncio.sleep(0)
        return "late"

    async def ask() -> tuple[bool, str]:
        begun = Begun(wait())
        return begun.is_done, await begun.until(await _end())

    assert asyncio.run(ask()) == (False, "late")


def test_what_raises_at_once_raises() -> None:
    async def refuse() -> str:
        raise KeyError("no")

    with pytest.raises(KeyError, match="no"):
        asyncio.run(_begun(refuse()))


def test_what_waits_several_times_is_awaited() -> None:
    async def wait() -> list[int]:
        found: list[int] = []
        for number in range(3):
            await asyncio.sleep(0)
            future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(future.set_result, number)
            found.append(await future)
        return found

    async def ask() -> list[int]:
        return await Begun(wait()).until(await _end())

    assert asyncio.run(ask()) == [0, 1, 2]


def test_what_fails_while_it_is_awaited_raises() -> None:
    async def fail() -> str:
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(future.set_exception, KeyError("late"))
        try:
            return await future
        except KeyError:
            await asyncio.sleep(0)  # it goes on after what failed
            raise

    async def ask() -> str:
        return await Begun(fail()).until(await _end())

    with pytest.raises(KeyError, match="late"):
        asyncio.run(ask())


def test_what_does_not_come_is_given_up_and_told() -> None:
    told: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            told.append("cancelled")
            raise

    with pytest.raises(TimeoutError):
        asyncio.run(_begun(hang()))
    assert told == ["cancelled"]


def test_a_task_that_is_cancelled_stays_cancelled() -> None:
    async def ask() -> None:
        async def hang() -> None:
            await asyncio.get_running_loop().create_future()

        task = asyncio.ensure_future(Begun(hang()).until(await _end()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(ask())
