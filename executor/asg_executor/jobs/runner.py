"""`JobRunner`: the jobs of the service: those that run, those that wait, and those that ended."""

import asyncio
import json
import logging
import time
from collections import Counter
from collections.abc import Iterator
from contextvars import Context
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4
from weakref import WeakValueDictionary

from asg_executor.api.worker_pool import WorkerPool
from asg_executor.datasets.dataset import DatasetInfo
from asg_executor.datasets.errors import DatasetInUseError
from asg_executor.jobs.bounds import JobBounds
from asg_executor.jobs.driver import Surroundings
from asg_executor.jobs.errors import JobActiveError, JobNotResumableError, TooManyJobsError, UnknownJobError
from asg_executor.jobs.execution import leave
from asg_executor.jobs.interface import JobInterface
from asg_executor.jobs.job import EventType, Job, JobState
from asg_executor.jobs.job_runs import JobRuns
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.jobs.journal import Journal
from asg_executor.jobs.turns import Turns
from asg_executor.metrics import Metrics
from asg_executor.sessions.errors import CreationMismatchError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.jobs import DamagedJob, Event, JobRecord

if TYPE_CHECKING:
    from asg_executor.observability.tracing import Tracing

__all__ = ["JobLimits", "JobRunner"]

_log = logging.getLogger("asg_executor")


class JobLimits(NamedTuple):
    """How many jobs there may be.

    Attributes:
        running: how many run at a time.
        running_of_tenant: how many of one tenant do.
        kept: how many are kept, those that ended included.
        bounds: how much one may be.
    """

    running: int
    running_of_tenant: int
    kept: int
    bounds: JobBounds


class JobRunner:
    """The jobs of the service. Its methods are called from the event loop alone.

    Args:
        directory: where jobs and data sets are kept.
        sessions: the sessions that the service holds.
        pool: the threads that compute.
        metrics: what is counted.
        limits: how many jobs there may be.
        tracing: traces their steps; None for nothing.

    Attributes:
        damaged: why the jobs that cannot be read cannot, by id.
        journal: what happened to the jobs.
    """

    def __init__(
        self,
        directory: DataDirectory,
        sessions: SessionRegistry,
        pool: WorkerPool,
        metrics: Metrics,
        limits: JobLimits,
        tracing: "Tracing | None" = None,
    ) -> None:
        self._directory = directory
        self._sessions = sessions
        self._pool = pool
        self._limits = limits
        self._turns = Turns(limits.running, limits.running_of_tenant)
        self._jobs: dict[str, Job] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._creations: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_construction = 0
        self._draining = False
        self.damaged: dict[str, DamagedJob] = {}
        self.journal = Journal(directory.jobs, pool)
        surroundings = Surroundings(pool, metrics, self.journal.add, lambda: self.draining, tracing)
        self._runs = JobRuns(directory.datasets, sessions, self.journal, surroundings)

    @property
    def draining(self) -> bool:
        """Whether the server is shutting down."""
        return self._draining or self._pool.draining

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    def of(self, tenant: str) -> list[Job]:
        """The jobs of a tenant, in the order in which they were created."""
        return [job for job in self if job.record.tenant == tenant]

    def get(self, id: str) -> Job:
        """The job of an id.

        Raises:
            UnknownJobError: there is none.
        """
        job = self._jobs.get(id)
        if job is None:
            raise UnknownJobError(id)
        return job

    def count(self, state: JobState) -> int:
        """How many jobs are in a state."""
        return sum(job.state is state for job in self._jobs.values())

    def recover(self) -> None:
        """Have the jobs of the data directory again. Those that were not at their end go on once `wake` is called.

        Raises:
            StoreError: the data directory is damaged, or the system refuses to read it.
        """
        for stored in self._directory.jobs.stored():
            found = stored if isinstance(stored, DamagedJob) else self._recovered(stored)
            if isinstance(found, DamagedJob):
                _log.error("job %s is damaged and is not used: %s", found.id, found.reason)
                self.damaged[found.id] = found
            else:
                self._jobs[found.id] = found

    def _recovered(self, record: JobRecord) -> Job | DamagedJob:
        job = Job(record)
        try:
            self.journal.replay(job)
        except DamagedFileError as error:
            return DamagedJob(record.id, record.session, record.tenant, str(error))
        if not job.state.is_final:
            job.state = JobState.QUEUED
            held = self._runs.held(job)
            if held is not None:  # else its turn finds that the session is damaged, and says so
                held.job = job.id
                job.position = held.session.number - record.first_step
        return job

    async def create(self, held: HeldSession, settings: JobSettings, key: str | None) -> tuple[Job, bool]:
        """Have a new job, which begins when it is its turn.

        Args:
            held: the session that it trains.
            settings: what is asked for.
            key: the client's name for its wish; where a job of the session was asked for under it, that one is meant.

        Returns:
            The job, and whether it was there before.

        Raises:
            CreationMismatchError: the key is that of a job that was asked for in other words.
            InvalidJobError: what is asked for does not fit together.
            SessionBusyError: another job has the session.
            TooManyJobsError: there is no room for it.
            UnknownDatasetError: there is no such data set.
            StoreError: it could not be kept.
        """
        tenant = held.tenant
        request = sha256(json.dumps(settings.to_json(), sort_keys=True).encode()).hexdigest()
        lock = self._creations.setdefault(held.id, asyncio.Lock())
        async with lock:
            present = None if key is None else self._created_with(tenant, held.id, key)
            if present is not None:
                if present.record.request != request:
                    raise CreationMismatchError(f'the Idempotency-Key "{key}" was sent before, with another request')
                return present, True
            interface = await self._pool.run(lambda: self._accepted(tenant, held, settings))
            id = uuid4().hex
            first = await self._pool.run_locked(held.lock, lambda: _claim(held, id))
            record = JobRecord(
                id, tenant, held.id, first, interface.steps_per_epoch, settings.to_json(), time.time(), key, request
            )
            try:
                job = await self._add(record)
            except BaseException:
                held.job = None
                raise
        self.wake()
        return job, False

    def _created_with(self, tenant: str, session: str, key: str) -> Job | None:
        """The job that was asked for under a key, if there is one."""
        known = (job.record for job in self.of(tenant))
        found = (record.id for record in known if record.session == session and record.key == key)
        return next((self._jobs[id] for id in found), None)

    def _infos(self, tenant: str, settings: JobSettings) -> tuple[DatasetInfo, DatasetInfo | None]:
        """What is known of the data sets of a job."""
        datasets, validation = self._directory.datasets, settings.validation
        data = datasets.find(tenant, settings.dataset)
        return data, None if validation is None else datasets.find(tenant, validation.dataset)

    def _accepted(self, tenant: str, held: HeldSession, settings: JobSettings) -> JobInterface:
        data, other = self._infos(tenant, settings)
        interface = JobInterface.of(settings, held.session, data, other)
        self._limits.bounds.check(settings, interface, data, other)
        return interface

    async def _add(self, record: JobRecord) -> Job:
        """Have a job on disk, and hold it."""
        await self._make_room()
        event = {"type": EventType.QUEUED.value, "time": record.created, "step": 0}
        self._under_construction += 1
        try:
            await self._pool.run(lambda: self._directory.jobs.create(record, event))
        finally:
            self._under_construction -= 1
        job = Job(record)
        job.apply(Event(1, event))
        self._jobs[job.id] = job
        return job

    async def _make_room(self) -> None:
        """Forget the job that ended first, where as many are kept as may be, of the tenant that has the most of them.

        So a tenant with many jobs makes nobody else's go.
        """
        while len(self._jobs) + self._under_construction >= self._limits.kept:
            ended = [job for job in self if job.state.is_final]
            if not ended:
                raise TooManyJobsError(self._limits.kept)
            counts = Counter(job.record.tenant for job in ended)
            await self.forget(min(ended, key=lambda job: (-counts[job.record.tenant], job.ended or 0.0)))

    async def forget(self, job: Job) -> None:
        """Remove a job that is at its end. What it made of its session stays.

        Raises:
            JobActiveError: it is not at its end.
            StoreError: the system refuses.
        """
        async with job.changing:
            if not job.state.is_final:
                raise JobActiveError(
                    f"the job {job.id} is {job.state.value}; it can be deleted once it is at its end, and "
                    f"POST /v1/jobs/{job.id}/cancel ends it"
                )
            await self._pool.run(lambda: self._directory.jobs.remove(job.id))
            self._jobs.pop(job.id, None)

    async def forget_damaged(self, id: str) -> None:
        """Remove what is left of a job that is damaged.

        Raises:
            StoreError: the system refuses.
        """
        await self._pool.run(lambda: self._directory.jobs.remove(id))
        del self.damaged[id]

    def check_dataset_free(self, tenant: str, digest: str) -> None:
        """Find that no job needs a data set.

        Raises:
            DatasetInUseError: one that is not at its end reads it.
        """
        for job in self.of(tenant):
            validation = job.settings.validation
            used = {job.settings.dataset, *([] if validation is None else [validation.dataset])}
            if not job.state.is_final and digest in used:
                raise DatasetInUseError(f"the job {job.id} reads the data set {digest}, and is {job.state.value}")

    def wake(self) -> None:
        """Let the jobs begin whose turn it is."""
        while not self.draining:
            running = [self._jobs[id] for id in self._tasks if id in self._jobs]
            waiting = [job for job in self if job.state is JobState.QUEUED and job.id not in self._tasks]
            job = self._turns.next(running, waiting)
            if job is None:
                return
            self._turns.began(job)
            self._start(job)

    def _start(self, job: Job) -> asyncio.Task[None]:
        # Not in the context of the request that happens to start it: the job is for nobody who may go away.
        task = asyncio.get_running_loop().create_task(self._runs.run(job), context=Context())
        self._tasks[job.id] = task

        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[job.id]
            self.wake()

        task.add_done_callback(ended)
        return task

    async def cancel(self, job: Job) -> None:
        """Ask a job to end, and wait until it has, which takes a step at most; one that ended stays as it is.

        Raises:
            StoreError: the wish could not be kept; the job goes on.
        """
        async with job.changing:
            if job.state.is_final:
                return
            if not job.cancelling:
                await self.journal.add_locked(job, EventType.CANCELLING, {})
        if not self.draining:  # else it ends when the server is started again
            await asyncio.wait([self._tasks.get(job.id) or self._start(job)])

    def has(self, session: str) -> bool:
        """Whether a session has a job that is not at its end."""
        return any(job.record.session == session and not job.state.is_final for job in self)

    async def end_of_session(self, id: str) -> None:
        """Cancel the job of a session that is to be deleted, if it has one.

        Raises:
            StoreError: the wish could not be kept.
        """
        for job in self:
            if job.record.session == id:
                await self.cancel(job)

    async def resume(self, job: Job) -> None:
        """Let a job that failed or was cancelled go on from where it is; one that is not at its end does so anyway.

        Raises:
            JobNotResumableError: it succeeded, or its session was changed or deleted since.
            SessionBusyError: another job has the session.
            UnknownDatasetError: a data set is gone.
            StoreError: that it goes on could not be kept.
        """
        async with job.changing:
            if not job.state.is_final:
                return
            if job.state is JobState.SUCCEEDED:
                raise JobNotResumableError(f"the job {job.id} succeeded; there is nothing left to do")
            held = self._sessions.get(job.record.session)
            if held is None:
                raise JobNotResumableError(f"the session {job.record.session} of the job {job.id} was deleted")
            await self._pool.run_locked(held.lock, lambda: _reclaim(held, job))
            try:
                await self._pool.run(lambda: self._infos(job.record.tenant, job.settings))
                await self.journal.add_locked(job, EventType.QUEUED, {})
            except BaseException:
                held.job = None
                raise
        self.wake()

    async def drain(self, seconds: float | None = None) -> None:
        """Let all jobs pause after the step that they take, and whoever watches them know.

        Args:
            seconds: how long to wait for them; None for as long as it takes.
        """
        self._draining = True
        for job in self:
            job.notify()
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)


def _claim(held: HeldSession, job: str) -> int:
    """Let a new job have a session, which is on disk as it is then; the number of its last step."""
    number = held.claim(job)
    try:
        leave(held)
    except BaseException:
        held.job = None
        raise
    return number


def _reclaim(held: HeldSession, job: Job) -> None:
    """Let a job have its session again, if it is as the job left it."""
    held.claim(job.id)
    if held.digest() != job.digest:
        held.job = None
        raise JobNotResumableError(
            f"the session {held.id} was changed since the job {job.id} ended; start a new job from where it is"
        )
