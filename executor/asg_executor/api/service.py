"""`Service`: what the resources share, and the steps that all of them take with a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from asg_executor.api.bodies import Body, parse_body, parse_json_body, read_body
from asg_executor.api.media_types import JSON, body_type
from asg_executor.api.problems import ProblemError
from asg_executor.api.worker_pool import WorkerPool
from asg_executor.metrics import Metrics
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.settings import Settings
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.graphs import GraphStore
from asg_schema.document import Document

__all__ = ["Service", "ServiceDependency", "body_documentation", "json_documentation"]

B = TypeVar("B", bound=Body)
T = TypeVar("T")

_LITTLE_BYTES = 16_384  # of nested lists in JSON: less than a millisecond


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """The state of the service.

    Attributes:
        settings: its settings.
        graphs: the documents that were sent.
        sessions: the sessions that were created.
        pool: the threads that compute.
        metrics: what is counted.
        directory: where graphs and sessions are kept; None where they live in memory alone.
    """

    settings: Settings
    graphs: GraphStore
    sessions: SessionRegistry
    pool: WorkerPool
    metrics: Metrics
    directory: DataDirectory | None = None

    def graph(self, digest: str) -> Document:
        """The document of this digest.

        Raises:
            ProblemError: there is none.
        """
        document = self.graphs.get(digest) or self._held_graph(digest)
        if document is None:
            raise ProblemError("unknown_graph", f'there is no graph "{digest}"; POST it to /v1/graphs')
        return document

    def _held_graph(self, digest: str) -> Document | None:
        """A document that the store let go of but a session still runs."""
        for held in self.sessions:
            for name, own in held.settings.graph_digests.items():
                if own == digest:
                    return held.session.graphs[name]
        return None

    def session(self, id: str) -> HeldSession:
        """The session of this id.

        Raises:
            ProblemError: there is none.
        """
        held = self.sessions.get(id)
        if held is None:
            raise unknown_session(id)
        return held

    async def remove_session(self, id: str) -> None:
        """Let go of a session and all that is kept of it, once what it is doing is finished.

        Raises:
            ProblemError: there is none.
        """
        if id not in self.sessions:
            raise unknown_session(id)
        held = self.sessions.remove(id)
        directory = self.directory
        if held is not None:
            await self.pool.run_locked(held.lock, held.close_files)
        if directory is not None:
            await self.pool.run(lambda: directory.sessions.remove(id))

    async def body_bytes(self, request: Request, media_type: str) -> bytes:
        """The bytes of a request's body, which is of this media type.

        Raises:
            ProblemError: there are too many, or they do not arrive in time.
        """
        return await read_body(request, media_type, self.settings)

    async def body(self, request: Request, kind: type[B]) -> B:
        """The body of a request, in JSON or safetensors.

        Raises:
            ProblemError: it cannot be read.
        """
        media_type = body_type(request)
        content = await self.body_bytes(request, media_type)
        return await self.decode(content, lambda: parse_body(kind, content, media_type))

    async def json_body(self, request: Request, kind: type[B]) -> B:
        """The body of a request that has no tensors, in JSON; an empty one is `{}`.

        Raises:
            ProblemError: it cannot be read.
        """
        if body_type(request) != JSON:
            raise ProblemError("unsupported_media_type", f"the body of this request is {JSON}")
        content = await self.body_bytes(request, JSON)
        return kind.check(parse_json_body(content) if content else {})

    async def decode(self, content: bytes, function: Callable[[], T]) -> T:
        """Call `function`, which reads `content`: in a thread where there is much to read.

        A thread costs more than it spares where there is little.
        """
        return function() if len(content) <= _LITTLE_BYTES else await self.pool.run(function)


def json_documentation(kind: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body that is read by `Service.json_body`."""
    return {"requestBody": {"required": False, "content": {JSON: {"schema": kind.model_json_schema()}}}}


def unknown_session(id: str) -> ProblemError:
    """The problem of an id that no session has."""
    return ProblemError("unknown_session", f'there is no session "{id}"; GET /v1/sessions lists them')


async def _service(request: Request) -> Service:  # FastAPI would call a plain function in a thread
    return request.app.state.service


ServiceDependency = Annotated[Service, Depends(_service)]


def body_documentation(kind: type[Body]) -> dict[str, Any]:
    """The OpenAPI description of a body that is read by `Service.body`."""
    binary = {"type": "string", "format": "binary", "description": f"`{kind.tensor_field}` as the tensors, by name"}
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": kind.model_json_schema()},
                "application/vnd.safetensors": {"schema": binary},
            },
        }
    }
