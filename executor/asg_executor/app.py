"""`create_app`: the executor as an ASGI application."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from asg_executor.access.exposure import key_required
from asg_executor.allowance import RunBounds
from asg_executor.api import (
    access,
    capabilities,
    checkpoints,
    datasets,
    documentation,
    exports,
    graphs,
    health,
    job_events,
    jobs,
    metrics,
    parameters,
    parts,
    sessions,
    steps,
)
from asg_executor.api.answer_flow import AnswerFlow
from asg_executor.api.answers.schemas import written_schemas
from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.direct_dispatch import DirectApplication, DirectDispatch
from asg_executor.api.direct_route import DirectRoute
from asg_executor.api.examples import add_examples
from asg_executor.api.open_inference import infer, resources
from asg_executor.api.problems import PROBLEM_RESPONSE, install_problem_handlers
from asg_executor.api.request_context import RequestContext
from asg_executor.api.service import Service
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.blas import set_blas_threads
from asg_executor.disk_quota import DiskQuota
from asg_executor.engines.lookup import engine_named
from asg_executor.inference.repository import ModelRepository
from asg_executor.inference.running import InferenceRunner
from asg_executor.jobs.bounds import JobBounds
from asg_executor.jobs.job import JobState
from asg_executor.jobs.runner import JobLimits, JobRunner
from asg_executor.kernel_directory import keep_kernels_in
from asg_executor.memory_budget import MemoryBudget
from asg_executor.metrics import Metrics
from asg_executor.observability.requests import Observation, RequestObserver
from asg_executor.observability.service_collector import ServiceCollector
from asg_executor.observability.telemetry import exporting_tracing
from asg_executor.sessions.recovery import recover_and_set_blas_threads
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.sessions.saving import save_changed
from asg_executor.settings import Settings
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.graphs import MemoryGraphStore, TenantGraphs

if TYPE_CHECKING:
    from asg_executor.observability.tracing import Tracing

__all__ = ["create_app"]

_log = logging.getLogger("asg_executor")


def create_app(
    settings: Settings | None = None,
    *,
    host_names: Collection[str] | None = None,
    tracing: "Tracing | None" = None,
) -> DirectApplication:
    """The service. What its data directory has of an earlier time is there again; without one it keeps nothing.

    Args:
        settings: its settings; absent: those of the environment.
        host_names: the host names, in lower case, that requests may be addressed to beside IP addresses; absent: any.
            `asg serve` names those of the address that it listens on.
        tracing: traces requests; absent: where the settings say so, spans are sent as OpenTelemetry's variables say.

    Returns:
        An ASGI application; `app.state.service` is its `Service`.

    Raises:
        UnknownEngineError: the settings name an engine that is not at hand.
        TelemetryUnavailableError: the settings wish for traces, and OpenTelemetry is not installed.
        StoreError: the data directory is another process's, is damaged, or cannot be used.
    """
    settings = settings or Settings()
    engine_named(settings.engine)
    if tracing is None and settings.telemetry:
        tracing = exporting_tracing()
    service = _service(settings, tracing)
    service.metrics.registry.register(ServiceCollector(service))

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        if service.jobs is not None:
            service.jobs.wake()
        yield
        await _end(service)
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    app = DirectApplication(
        title="ASG executor",
        description="Holds the weights of differentiable programs, runs them, and trains them step by step.",
        version=version("asgraph"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE},
        lifespan=lifespan,
        # The spans and metrics are the service's own: FastAPI need not look for others' at each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.service = service
    direct = [route for router in (infer.router, steps.router) for route in router.routes]
    observation = Observation(service.metrics, tracing)
    app.add_middleware(AnswerFlow, budget=service.bytes_in_flight)
    app.add_middleware(RequestContext, names=host_names)
    app.add_middleware(RequestObserver, observation=observation)
    routes = [route for route in direct if isinstance(route, DirectRoute)]
    app.direct = DirectDispatch(routes, observation, host_names, service.bytes_in_flight)
    install_problem_handlers(app)
    # The first that matches answers: what is called most often comes first.
    for resource in (
        steps,
        infer,
        capabilities,
        access,
        graphs,
        sessions,
        parts,
        parameters,
        checkpoints,
        exports,
        datasets,
        jobs,
        job_events,
        health,
        metrics,
        documentation,
        resources,
    ):
        app.include_router(resource.router)
    app.openapi = partial(_described, app, app.openapi)
    return app


def _described(app: FastAPI, describe: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI description, made when it is first asked for."""
    if app.openapi_schema is None:
        description = describe()
        add_examples(description)
        description["components"]["schemas"] = written_schemas()
    return describe()


def _service(settings: Settings, tracing: "Tracing | None") -> Service:
    """The state of the service, with what its data directory has of an earlier time."""
    directory = (
        None
        if settings.data_dir is None
        else DataDirectory(settings.data_dir, settings.tenant_max_graphs, settings.max_datasets)
    )
    if settings.kernel_cache is not None:
        keep_kernels_in(settings.kernel_cache)
    if directory is None and settings.blas_threads is not None:
        set_blas_threads(settings.blas_threads)
    held = SessionRegistry(settings.max_sessions)
    budget = MemoryBudget()
    disk = DiskQuota(settings.tenant_max_disk_bytes, partial(_disk_use, directory, held))
    bounds = RunBounds(
        seconds=settings.run_timeout_seconds,
        operations=settings.max_operations,
        tensor_bytes=settings.max_tensor_bytes,
        instructions=settings.max_nodes,
        memory=budget,
        disk=disk,
    )
    pool = WorkerPool(settings.workers, settings.max_queue, settings.max_queue_per_tenant, bounds)
    counted = Metrics(lambda: len(list(held)), lambda: len(held.damaged), lambda: pool.admitted)
    limits = _job_limits(settings)
    runner = None if directory is None else JobRunner(directory, held, pool, counted, limits, tracing)
    if directory is not None and runner is not None:
        try:
            recover_and_set_blas_threads(
                held,
                directory,
                settings.max_memory_bytes,
                settings.workers,
                settings.blas_threads,
                RunBounds(memory=budget),
            )
            runner.recover()
        except BaseException:
            directory.close()
            raise
        counted.watch_jobs(list(JobState), runner.count)
    # Not before: sessions that were there already are there again, whatever they take.
    budget.capacity = settings.max_held_bytes
    if budget.held > budget.capacity:
        message = "the recovered sessions take %d bytes, more than the %d that may be held (max_held_bytes)"
        _log.warning(message, budget.held, budget.capacity)
    return Service(
        settings=settings,
        graphs=_memory_graphs(settings.tenant_max_graphs) if directory is None else directory.graphs,
        sessions=held,
        pool=pool,
        memory=budget,
        disk=disk,
        bytes_in_flight=ByteBudget(settings.max_inflight_bytes),
        metrics=counted,
        models=ModelRepository(settings.max_memory_bytes, settings.max_served_bytes, budget),
        inference=InferenceRunner(pool, settings.batching_max_delay_ms / 1000, settings.batching_max_size),
        key_required=key_required(settings),
        keys=None if directory is None else directory.keys,
        directory=directory,
        jobs=runner,
    )


async def _end(service: Service) -> None:
    """Let what is under way end, save every session, and let go of the data directory."""
    if service.jobs is not None:
        # A server that drained has waited for them already.
        await service.jobs.drain(0.0 if service.pool.draining else service.settings.drain_seconds)
    service.pool.close()
    if service.directory is not None:
        await save_changed(service.sessions)
        for held in service.sessions:
            if not held.lock.locked():  # else a thread that cannot be stopped still works with it
                held.close_files()
        service.directory.close()


def _disk_use(directory: DataDirectory | None, sessions: SessionRegistry, tenant: str) -> Mapping[str, int]:
    """How many bytes of each kind a tenant has on the disk."""
    return {} if directory is None else {**directory.tenant_bytes(tenant), "logs": sessions.log_bytes(tenant)}


def _memory_graphs(capacity: int) -> TenantGraphs:
    return TenantGraphs(lambda _: MemoryGraphStore(capacity))


def _job_limits(settings: Settings) -> JobLimits:
    return JobLimits(
        running=settings.max_running_jobs,
        running_of_tenant=settings.max_running_jobs_of_tenant,
        kept=settings.max_jobs,
        bounds=JobBounds(settings.max_job_steps, settings.max_body_bytes),
    )
