"""`create_app`: the executor as an ASGI application."""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from asg_executor.api import capabilities, documentation, graphs, health, parameters, sessions, steps
from asg_executor.api.problems import PROBLEM_RESPONSE, install_problem_handlers
from asg_executor.api.request_context import RequestContext
from asg_executor.api.service import Service
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.engines.lookup import engine_named
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.settings import Settings
from asg_executor.store.graphs import MemoryGraphStore

__all__ = ["create_app"]


def create_app(settings: Settings | None = None, *, host_names: Collection[str] | None = None) -> FastAPI:
    """The service. Graphs and sessions live in memory, for as long as the application does.

    Args:
        settings: its settings; absent: those of the environment.
        host_names: the host names, in lower case, that requests may be addressed to beside IP addresses; absent: any.
            `asg serve` names those of the address that it listens on.

    Returns:
        An ASGI application; `app.state.service` is its `Service`.

    Raises:
        UnknownEngineError: the settings name an engine that is not at hand.
    """
    settings = settings or Settings()
    engine_named(settings.engine)
    service = Service(
        settings=settings,
        graphs=MemoryGraphStore(settings.max_graphs),
        sessions=SessionRegistry(settings.max_sessions),
        pool=WorkerPool(settings.workers, settings.max_queue),
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
        yield
        service.pool.close()

    app = FastAPI(
        title="ASG executor",
        description="Holds the weights of differentiable programs, runs them, and trains them step by step.",
        version=version("asgraph"),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses={"4XX": PROBLEM_RESPONSE, "5XX": PROBLEM_RESPONSE},
        lifespan=lifespan,
    )
    app.state.service = service
    app.add_middleware(RequestContext, names=host_names)
    install_problem_handlers(app)
    for resource in (capabilities, graphs, sessions, steps, parameters, health, documentation):
        app.include_router(resource.router)
    return app
