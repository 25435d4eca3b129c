"""`JobRuns`: a job from the moment that its turn comes to its end, or until the server shuts down."""

import asyncio
import logging
from typing import Any

from asg_executor.api.problems import problem_for
from asg_executor.api.worker_pool import current_tenant
from asg_executor.errors import ShutdownError
from asg_executor.jobs.driver import Driver, JobCancelledError, JobPausedError, Surroundings
from asg_executor.jobs.execution import Execution, JobData, leave
from asg_executor.jobs.job import EventType, Job, JobState
from asg_executor.jobs.journal import Journal
from asg_executor.sessions.errors import SessionDeletedError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.store.datasets import DatasetStore

__all__ = ["JobRuns"]

_log = logging.getLogger("asg_executor")


class JobRuns:
    """Runs jobs whose turn it is. Its methods are called from the event loop alone.

    Args:
        datasets: the data sets.
        sessions: the sessions that the service holds.
        journal: what happened to the jobs.
        surroundings: what a job at work needs of the service.
    """

    def __init__(
        self, datasets: DatasetStore, sessions: SessionRegistry, journal: Journal, surroundings: Surroundings
    ) -> None:
        self._datasets = datasets
        self._sessions = sessions
        self._journal = journal
        self._surroundings = surroundings
        self._pool = surroundings.pool

    async def run(self, job: Job) -> None:
        """Run a job to its end, or until the server shuts down."""
        current_tenant.set(job.record.tenant)
        try:
            await self._drive(job)
        except (JobPausedError, ShutdownError):
            _log.info("job %s pauses at step %d of %d", job.id, job.position, job.steps_total)
            return
        except (JobCancelledError, SessionDeletedError):
            await self._end(job, EventType.CANCELLED, {})
        except Exception as error:  # whatever it is, the job must not seem to go on
            problem = problem_for(error)
            _log.warning("job %s failed: %s: %s", job.id, problem.code, problem.detail)
            found = {"code": problem.code, "detail": problem.detail, "retryable": problem.kind.retryable}
            await self._end(job, EventType.FAILED, {"error": found})
        # In the same turn of the loop as the last event: who hears of it finds the session free.
        held = self.held(job)
        if held is not None and held.job == job.id:
            held.job = None

    def held(self, job: Job) -> HeldSession | None:
        """The session of a job; None where it is damaged, or was deleted."""
        id = job.record.session
        return None if id in self._sessions.damaged else self._sessions.get(id)

    async def _drive(self, job: Job) -> None:
        if job.cancelling:
            raise JobCancelledError
        held = self._sessions.get(job.record.session)
        if held is None:
            raise SessionDeletedError(f'the session "{job.record.session}" was deleted')
        # Beside the threads that compute: a large data set takes long to read.
        data = await asyncio.to_thread(JobData.open, self._datasets, job.record.tenant, job.settings)
        execution = await self._pool.run_locked(held.lock, lambda: Execution(job.record, job.settings, held, data))
        job.position = execution.position
        if not job.began:
            await self._journal.add(job, EventType.RUNNING, {})
        job.state = JobState.RUNNING
        await Driver(job, held, execution, self._surroundings).run()

    async def _end(self, job: Job, kind: EventType, content: dict[str, Any]) -> None:
        """Say that a job ended before its last step, with the state that it leaves."""
        held = self.held(job)
        try:
            if held is not None:
                content = {**content, "digest": await self._pool.run_locked(held.lock, held.digest)}
                await self._pool.run_locked(held.lock, lambda: leave(held))
            await self._journal.add(job, kind, content)
        except Exception as error:  # it ended all the same; after a restart it goes on from where it is
            _log.error("job %s: that it is %s could not be kept: %s", job.id, kind.value, error)
            self._journal.apply_unkept(job, kind, content)
