"""`drive`: a job from where it is to its end, one step at a time, between the requests that others send."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from asg_executor.api.problems import ProblemError
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.jobs.execution import Execution, leave
from asg_executor.jobs.figures import RunningFigures, numbers_of
from asg_executor.jobs.job import EventType, Job
from asg_executor.metrics import Metrics
from asg_executor.sessions.held_session import HeldSession

if TYPE_CHECKING:
    from asg_executor.observability.tracing import Tracing

__all__ = ["Driver", "JobCancelledError", "JobPausedError", "Surroundings"]

T = TypeVar("T")

_PULSE_SECONDS = 0.2
_NO_PLACE = ("overloaded", "too_many_requests", "draining")
_NO_PLACE_SECONDS = 0.05
_RATE_WEIGHT = 0.1


class JobCancelledError(Exception):
    """Somebody asked the job to end."""


class JobPausedError(Exception):
    """The server is shutting down; the job goes on when it is started again."""


class Surroundings(NamedTuple):
    """What a job at work needs of the service.

    Attributes:
        pool: the threads that compute.
        metrics: what is counted.
        emit: has an event on disk and applies it.
        draining: whether the server is shutting down.
        tracing: traces the steps; None for nothing.
    """

    pool: WorkerPool
    metrics: Metrics
    emit: Callable[[Job, EventType, dict[str, Any]], Awaitable[None]]
    draining: Callable[[], bool]
    tracing: "Tracing | None"


class Driver:
    """A job at work.

    Args:
        job: the job.
        held: the session that it trains.
        execution: its numerical part.
        surroundings: what it needs of the service.
    """

    def __init__(self, job: Job, held: HeldSession, execution: Execution, surroundings: Surroundings) -> None:
        self._job = job
        self._held = held
        self._execution = execution
        self._pool, self._metrics, self._emit, self._draining, self._tracing = surroundings
        self._pulsed = time.monotonic()

    async def run(self) -> None:
        """Take all steps that are left, and say that it is done.

        Raises:
            JobCancelledError: the job was asked to end.
            JobPausedError: the server is shutting down.
            ExecutorError: a step, or what follows it, could not be done.
        """
        job, execution = self._job, self._execution
        while True:
            if execution.position > job.reported:  # else it was reported before the session lost the step
                await self._report()
            is_last = job.stopped_early or execution.position == job.steps_total
            if is_last and execution.position >= job.reported:
                break
            await self._step()
        await self._finish()

    async def _locked(self, function: Callable[[], T]) -> T:
        """Call a function in a thread, while nobody else has the session: one request among the others."""
        while True:
            if self._job.cancelling:
                raise JobCancelledError
            if self._draining():
                raise JobPausedError
            try:
                with self._place():
                    return await self._pool.run_locked(self._held.lock, function)
            except ProblemError as error:
                if error.code not in _NO_PLACE:
                    raise
                await asyncio.sleep(_NO_PLACE_SECONDS)  # requests come first

    @contextmanager
    def _place(self) -> Generator[None]:
        """A place among the requests of the job's tenant.

        Raises:
            ProblemError: all places are taken, or the server is shutting down.
        """
        pool, tenant = self._pool, self._job.record.tenant
        pool.check_open()
        pool.take_place(tenant)
        pool.begin()
        try:
            yield
        finally:
            pool.free_place(tenant)
            pool.end()

    async def _step(self) -> None:
        job = self._job
        begin = time.monotonic()
        done = await self._locked(self._execution.take)
        job.position, job.figures = done.position, done.figures
        now = time.monotonic()
        seconds = {"run": done.taken.run_seconds, "persist": done.taken.persist_seconds}
        self._metrics.observe_step(seconds)
        if self._tracing is not None:
            self._tracing.step_of_job(job.id, self._held.id, done.number, seconds)
        rate, before = 1 / max(now - begin, 1e-9), job.steps_per_second
        job.steps_per_second = rate if before is None else before + _RATE_WEIGHT * (rate - before)
        if now - self._pulsed >= _PULSE_SECONDS:
            self._pulsed = now
            job.notify()

    async def _report(self) -> None:
        """Say what there is to say after a step, if there is anything."""
        job, execution, settings = self._job, self._execution, self._job.settings
        position, per_epoch = execution.position, job.record.steps_per_epoch
        ends_epoch = position % per_epoch == 0
        validates = settings.validation is not None and settings.validation.is_due(position, per_epoch)
        asked = settings.checkpoints is not None and settings.checkpoints.is_due(position, per_epoch)
        if not (ends_epoch or validates or asked):
            return
        figures: dict[str, Any] = execution.epoch_figures() if ends_epoch else {}
        content: dict[str, Any] = {"epoch": position // per_epoch, "ends_epoch": ends_epoch}
        if validates:
            found, arrays = await self._validate()
            figures |= found
            content |= {"arrays": arrays} if arrays else {}
        improved = job.improves(figures)
        if asked or (improved and job.restores_best):
            name = job.checkpoint_name(self._held.session.number)
            await self._locked(lambda: execution.add_checkpoint(name, numbers_of(figures)))
            content |= {"checkpoint": name, "asked": asked, "improved": improved}
        await self._emit(job, EventType.REPORT, {**content, "figures": figures})
        await self._drop_checkpoints(finished=False)

    async def _validate(self) -> tuple[dict[str, Any], dict[str, Any]]:
        execution, figures = self._execution, RunningFigures()
        for batch in range(execution.validation_batches):
            figures = await self._locked(lambda batch=batch, before=figures: execution.validate(batch, before))
        return execution.validation_report(figures)

    async def _drop_checkpoints(self, *, finished: bool) -> None:
        checkpoints = self._job.checkpoints
        dropped = checkpoints.made - checkpoints.kept(finished=finished)
        if dropped:
            await self._locked(lambda: self._execution.remove_checkpoints(dropped))
            checkpoints.made -= dropped

    async def _finish(self) -> None:
        """Restore the best parameters, where that was asked for, remove what nobody needs, and say that it is done.

        Whatever is broken off in between is done again when the job goes on.
        """
        job, execution = self._job, self._execution
        best = job.checkpoints.best_figure
        if job.restores_best and best is not None:
            await self._locked(lambda: execution.restore_parameters(best))
        digest = await self._locked(lambda: leave(self._held))
        await self._drop_checkpoints(finished=True)
        await self._emit(job, EventType.SUCCEEDED, {"digest": digest})
