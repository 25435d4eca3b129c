"""`TenantService`: the service as one request sees it, and the steps that all resources take with a request."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import TypeVar

from fastapi import Request

from asg_executor.access.principal import Principal, Scope
from asg_executor.api.admission import Admission
from asg_executor.api.bodies import Body, parse_body, parse_json_body
from asg_executor.api.json_depth import check_depth
from asg_executor.api.media_types import JSON, SAFETENSORS, body_type
from asg_executor.api.problems import ProblemError
from asg_executor.api.request_body import ArrivingBody
from asg_executor.api.service import Service
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.jobs.errors import JobDamagedError, UnknownJobError
from asg_executor.jobs.job import Job
from asg_executor.jobs.runner import JobRunner
from asg_executor.metrics import Metrics
from asg_executor.sessions.errors import NothingKeptError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.registry import Quota, QuotaError, SessionRequest, TooManySessionsError
from asg_executor.sessions.unusable_session import UnusableSession
from asg_executor.settings import Settings
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.datasets import DatasetStore
from asg_executor.store.jobs import DamagedJob
from asg_schema.document import Document
from asg_schema.wire import show_value

__all__ = ["TenantService", "unknown_session"]

B = TypeVar("B", bound=Body)
T = TypeVar("T")

_LITTLE_BYTES = {JSON: 16_384, SAFETENSORS: 4 * 2**20}
"""How much of each media type is read in less than a millisecond."""


class TenantService:
    """The service as one request sees it: the graphs and sessions of whom it acts for, and no others.

    What is another's is to it as what does not exist. Whose scope is `admin` sees the sessions of all tenants, with the
    graphs that they hold.

    Args:
        whole: the service.
        principal: whom the request acts for.
    """

    __slots__ = ("_admission", "principal", "whole")

    def __init__(self, whole: Service, principal: Principal) -> None:
        self.whole = whole
        self.principal = principal
        self._admission = Admission(whole.pool, principal.tenant, whole.bytes_in_flight)

    @property
    def settings(self) -> Settings:
        """The settings."""
        return self.whole.settings

    @property
    def pool(self) -> WorkerPool:
        """The threads that compute."""
        return self.whole.pool

    @property
    def metrics(self) -> Metrics:
        """What is counted."""
        return self.whole.metrics

    @property
    def directory(self) -> DataDirectory | None:
        """Where graphs and sessions are kept; None where they live in memory alone."""
        return self.whole.directory

    def admit(self) -> AbstractContextManager[object]:
        """A place for the request, from before its body is read until its answer is made.

        While the body arrives others have the place, so that a slow client keeps nobody from computing.

        Raises:
            ProblemError: all places are taken, or the server is shutting down.
        """
        return self._admission

    def awaiting_client(self) -> AbstractContextManager[object]:
        """Let others have the request's place while its client is awaited.

        Raises:
            ProblemError: all places are taken when the client has done its part.
        """
        return self._admission.awaiting_client()

    def add_graph(self, document: Document) -> bool:
        """Keep a document for the tenant; whether it is new to it."""
        return self.whole.graphs.of(self.principal.tenant).add(document)

    def find_graph(self, digest: str) -> Document | None:
        """The tenant's document of this digest, if there is one."""
        return self.whole.graphs.of(self.principal.tenant).get(digest)

    def graph(self, digest: str) -> Document:
        """The document of this digest, which a session may hold though the store let go of it.

        Raises:
            ProblemError: there is none.
        """
        document = self.find_graph(digest) or self._held_graph(digest)
        if document is None:
            raise ProblemError("unknown_graph", f'there is no graph "{digest}"; POST it to /v1/graphs')
        return document

    def _held_graph(self, digest: str) -> Document | None:
        for held in self.sessions():
            for name, own in held.settings.graph_digests.items():
                if own == digest:
                    return held.session.graphs[name]
        return None

    def sessions(self) -> Iterator[HeldSession]:
        """The sessions that it sees."""
        return (held for held in self.whole.sessions if self._sees(held.id))

    def _sees(self, id: str) -> bool:
        sessions, principal = self.whole.sessions, self.principal
        return id in sessions and (sessions.tenant_of(id) == principal.tenant or principal.may(Scope.ADMIN))

    def session(self, id: str) -> HeldSession:
        """The session of this id.

        Raises:
            ProblemError: there is none.
        """
        held = self.whole.sessions.find(id, self.principal.tenant)  # which is what almost all ask for
        if held is None and self._sees(id):
            held = self.whole.sessions.get(id)
        if held is None:
            raise unknown_session(id)
        return held

    def session_with_checkpoints(self, id: str) -> HeldSession | UnusableSession:
        """The session of this id, damaged or not.

        Raises:
            ProblemError: there is none.
        """
        damaged = self.whole.sessions.damaged.get(id) if self._sees(id) else None
        return damaged or self.session(id)

    def damaged_sessions(self) -> list[UnusableSession]:
        """The sessions that it sees and that cannot be used."""
        return [damaged for damaged in self.whole.sessions.damaged.values() if self._sees(damaged.id)]

    async def revive_session(
        self, damaged: UnusableSession, restore: Callable[[], tuple[HeldSession, T]]
    ) -> tuple[HeldSession, T] | None:
        """Have a damaged session usable again.

        Args:
            damaged: the session.
            restore: makes it what it was; called in a thread, while nothing else is done with it.

        Returns:
            What `restore` returns; None where the session is none of the damaged ones any more.
        """

        async def revive() -> tuple[HeldSession, T] | None:
            async with damaged.lock:
                if self.whole.sessions.damaged.get(damaged.id) is not damaged:
                    return None
                held, rest = await self.pool.run(restore)
                self.whole.sessions.revive(held)
                return held, rest

        # Whoever asked may go away: what was begun is finished all the same.
        return await asyncio.shield(asyncio.ensure_future(revive()))

    async def create_session(
        self, request: SessionRequest, make: Callable[[], Awaitable[HeldSession]]
    ) -> tuple[HeldSession, bool]:
        """Make a session and hold it, or find the one that was made for the same key.

        Args:
            request: what is asked for.
            make: makes the session; called only where there is room for it.

        Returns:
            The session, and whether it was there before.

        Raises:
            ProblemError: the tenant has as much as it may, or the service holds as many sessions as it may.
            ExecutorError: as `SessionRegistry.create`, and as `make`.
        """
        quota = Quota(self.settings.tenant_max_sessions, self.settings.tenant_max_bytes)
        try:
            return await self.whole.sessions.create(request, quota, make)
        except QuotaError as error:
            figures = {"quota": error.quota, "used": error.used, "wanted": error.wanted, "maximum": error.maximum}
            raise ProblemError("quota_exceeded", str(error), extensions=figures) from None
        except TooManySessionsError as error:
            raise ProblemError("too_many_sessions", str(error)) from None

    async def remove_session(self, id: str, check: Callable[[HeldSession], None] | None = None) -> None:
        """Let go of a session and all that is kept of it, once what it is doing is finished.

        Args:
            id: its id.
            check: called before anything is done, while nothing changes the session; it raises to have it stay.

        Raises:
            ProblemError: there is none, or what `check` raises.
        """
        if not self._sees(id):
            raise unknown_session(id)
        check = await self._end_job(id, check)
        # With a check the session has to be sound.
        damaged = check is None and id in self.whole.sessions.damaged
        held = None if damaged else self.whole.sessions.get(id)
        directory = self.directory

        def remove() -> None:
            if held is not None and check is not None:
                check(held)
            if directory is not None:
                directory.sessions.remove(id)
            if held is not None:
                held.close_files()

        if held is None:
            await self.pool.run(remove)
        else:
            await self.pool.run_locked(held.lock, remove)
        # Not before: what could not be removed is still there, and must be found.
        self.whole.sessions.remove(id)
        self.whole.models.forget(id)

    async def _end_job(
        self, id: str, check: Callable[[HeldSession], None] | None
    ) -> Callable[[HeldSession], None] | None:
        """Cancel the job of a session that is to be removed, if it has one; what is still to be checked then."""
        jobs = self.whole.jobs
        if jobs is None or not jobs.has(id):
            return check
        if check is not None:
            held = self.session(id)
            await self.pool.run_locked(held.lock, partial(check, held))
        await jobs.end_of_session(id)
        return None

    @property
    def datasets(self) -> DatasetStore:
        """The data sets, of all tenants.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        if self.directory is None:
            raise NothingKeptError("the service has no data directory, and keeps no data sets")
        return self.directory.datasets

    @property
    def jobs(self) -> JobRunner:
        """The jobs, of all tenants.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        if self.whole.jobs is None:
            raise NothingKeptError("the service has no data directory, and so has no jobs")
        return self.whole.jobs

    def job(self, id: str) -> Job:
        """The job of this id.

        Raises:
            UnknownJobError: it sees none.
            JobDamagedError: it is damaged.
            NothingKeptError: the service keeps nothing.
        """
        if self.has_damaged_job(id):
            raise JobDamagedError(id, self.jobs.damaged[id].reason)
        job = self.jobs.get(id)
        if not self._owns(job.record.tenant):
            raise UnknownJobError(id)
        return job

    def has_damaged_job(self, id: str) -> bool:
        """Whether it sees a job of this id that is damaged.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        damaged = self.jobs.damaged.get(id)
        return damaged is not None and self._owns(damaged.tenant)

    def own_jobs(self) -> list[Job]:
        """The jobs that it sees, in the order in which they were created.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        return [job for job in self.jobs if self._owns(job.record.tenant)]

    def damaged_jobs(self) -> list[DamagedJob]:
        """The jobs that it sees and that are damaged.

        Raises:
            NothingKeptError: the service keeps nothing.
        """
        return [job for job in self.jobs.damaged.values() if self._owns(job.tenant)]

    def _owns(self, tenant: str) -> bool:
        return tenant == self.principal.tenant or self.principal.may(Scope.ADMIN)

    async def body_bytes(self, request: Request, media_type: str) -> bytes:
        """The bytes of a request's body, which is of this media type.

        Raises:
            ProblemError: there are too many, they do not arrive in time, or all places are taken when they are there.
            LimitExceededError: they are JSON that is nested too deep.
        """
        content = await self.unread_body(request, media_type)
        if media_type == JSON:
            await self.decode(content, JSON, lambda: check_depth(content, self.settings.max_json_depth))
        return content

    async def unread_body(self, request: Request, media_type: str) -> bytes:
        """Like `body_bytes`, for who checks himself how deep JSON is nested, in the thread that reads it.

        Raises:
            ProblemError: there are too many, they do not arrive in time, or all places are taken when they are there.
        """
        admission = self._admission
        body = ArrivingBody(request, media_type, self.whole.settings, admission.room)
        if body.is_there():
            if not admission.has_place:
                admission.room.give_back()
        else:
            with admission.awaiting_client():
                await body.arrive()
        return body.whole()

    async def body(self, request: Request, kind: type[B]) -> B:
        """The body of a request, in JSON or safetensors.

        Raises:
            ProblemError: it cannot be read.
        """
        media_type = body_type(request)
        content = await self.unread_body(request, media_type)

        def parse() -> B:
            if media_type == JSON:
                check_depth(content, self.settings.max_json_depth)
            return parse_body(kind, content, media_type)

        return await self.decode(content, media_type, parse)

    async def json_body(self, request: Request, kind: type[B]) -> B:
        """The body of a request that has no tensors, in JSON; an empty one is `{}`.

        Raises:
            ProblemError: it cannot be read.
        """
        if body_type(request) != JSON:
            raise ProblemError("unsupported_media_type", f"the body of this request is {JSON}")
        content = await self.body_bytes(request, JSON)
        return kind.check(parse_json_body(content) if content else {})

    async def decode(self, content: bytes, media_type: str, function: Callable[[], T]) -> T:
        """Call `function`, which reads `content` of this media type: in a thread where there is much to read.

        A thread costs more than it spares where there is little.
        """
        return function() if len(content) <= _LITTLE_BYTES[media_type] else await self.pool.run(function)


def unknown_session(id: str) -> ProblemError:
    """The problem of an id that no session has."""
    return ProblemError("unknown_session", f"there is no session {show_value(id)}; GET /v1/sessions lists them")
