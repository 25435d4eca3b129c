"""`Journal`: what happens to jobs, on disk before it counts."""

import time
from collections.abc import Iterator
from typing import Any

from asg_executor.api.worker_pool import WorkerPool
from asg_executor.jobs.job import EventType, Job
from asg_executor.store.jobs import Event, JobStore

__all__ = ["Journal"]


class Journal:
    """What happens to jobs, on disk before it counts. Its methods are called from the event loop.

    Args:
        store: where it is kept.
        pool: the threads that write.
    """

    def __init__(self, store: JobStore, pool: WorkerPool) -> None:
        self._store = store
        self._pool = pool

    async def add(self, job: Job, kind: EventType, content: dict[str, Any]) -> None:
        """Have an event on disk, and apply it.

        Raises:
            StoreError: it could not be kept; nothing is applied.
        """
        async with job.changing:
            await self.add_locked(job, kind, content)

    async def add_locked(self, job: Job, kind: EventType, content: dict[str, Any]) -> None:
        """As `add`; the caller holds `job.changing`."""
        event = Event(job.last_event + 1, _content(job, kind, content))
        await self._pool.run(lambda: self._store.append(job.id, event.number, event.content))
        job.apply(event)

    @staticmethod
    def apply_unkept(job: Job, kind: EventType, content: dict[str, Any]) -> None:
        """Apply an event that could not be kept. It has no number; after a restart it has not happened."""
        job.apply(Event(job.last_event, _content(job, kind, content)))

    async def page(self, job: Job, after: int) -> list[Event]:
        """The events of a job after a number, in order, as many as are read at a time: at least one, if there is one.

        Raises:
            StoreError: an event is damaged, or the system refuses to read it.
        """
        return await self._pool.run(lambda: self._store.page(job.id, after))

    def replay(self, job: Job) -> None:
        """Apply to a job all that ever happened to it.

        Raises:
            DamagedFileError: an event is damaged or missing.
            StoreError: the system refuses.
        """
        for event in self._every(job.id):
            job.apply(event)

    def _every(self, job: str) -> Iterator[Event]:
        after = 0
        while events := self._store.page(job, after):
            yield from events
            after = events[-1].number


def _content(job: Job, kind: EventType, content: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind.value, "time": time.time(), "step": job.position, **content}
