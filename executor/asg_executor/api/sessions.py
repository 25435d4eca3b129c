"""`/v1/sessions`: sessions, and runs of their graphs."""

from typing import Any, ClassVar

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.api.bodies import Body, Tensors, json_response, tensor_response
from asg_executor.api.descriptions import describe_session, summarize_session
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import accepted_type
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.service import Service, ServiceDependency, body_documentation
from asg_executor.sessions.durability import parse_durability
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.random_keys import MOST_SEED
from asg_executor.sessions.registry import TooManySessionsError
from asg_executor.sessions.session import WhichParameters
from asg_executor.sessions.session_settings import SessionSettings
from asg_schema.document import Document
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer

__all__ = ["router"]

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])


class CreateSessionBody(Body):
    """A new session. In safetensors the tensors are the first values of parameters."""

    tensor_field: ClassVar[str] = "parameters"
    text_fields: ClassVar[frozenset[str]] = frozenset({"engine"})

    graphs: dict[StrictStr, StrictStr] = Field(
        min_length=1, description="The digest of each graph, by the name that the session gives it. Steps run `train`."
    )
    optimizer: dict[StrictStr, Any] | None = Field(
        default=None, description="What a step does with the gradients; needed where `train` has gradients."
    )
    seed: int = Field(default=0, ge=0, le=MOST_SEED, description="It determines initial values and random keys.")
    engine: StrictStr | None = Field(default=None, description="The engine; absent: the service's.")
    durability: Any = Field(
        default="every_step",
        description='What is on disk when a step is acknowledged: "every_step", {"snapshot_every": steps}, or '
        '"checkpoint_only".',
    )
    parameters: Tensors = Field(default={}, description="First values of parameters; the others are initialised.")


class RunBody(Body):
    """A run of one of the session's graphs. In safetensors the tensors are the inputs."""

    tensor_field: ClassVar[str] = "inputs"
    text_fields: ClassVar[frozenset[str]] = frozenset({"graph", "parameters"})

    graph: StrictStr = Field(description="The name that the session gives the graph.")
    inputs: Tensors
    outputs: list[StrictStr] | None = Field(default=None, description="The outputs to compute; absent: the default.")
    parameters: WhichParameters = Field(
        default="current", description="The values of the parameters: as they are, or their average over the steps."
    )


@router.post("", openapi_extra=body_documentation(CreateSessionBody), status_code=201)
async def create_session(request: Request, service: ServiceDependency) -> Response:
    """Create a session from graphs that were sent before. The graphs share their parameters by name."""
    async with service.pool.admit():
        body = await service.body(request, CreateSessionBody)
        graphs = _graphs(service, body)

        async def make() -> HeldSession:
            return await service.pool.run(lambda: _make_session(service, body, graphs))

        try:
            held = await service.sessions.create(make)
        except TooManySessionsError as error:
            raise ProblemError("too_many_sessions", str(error)) from None
        description = await service.pool.run_locked(held.lock, lambda: describe_session(held))
    return json_response(description, 201, {"Location": f"/v1/sessions/{held.id}"})


def _graphs(service: Service, body: CreateSessionBody) -> dict[str, Document]:
    graphs = {name: service.graphs.get(digest) for name, digest in body.graphs.items()}
    problems = [
        Problem(
            json_pointer(["graphs", name]),
            "unknown_graph",
            f'there is no graph "{body.graphs[name]}"; POST it to /v1/graphs',
        )
        for name, document in graphs.items()
        if document is None
    ]
    refuse("invalid_session", problems)
    return {name: document for name, document in graphs.items() if document is not None}


def _make_session(service: Service, body: CreateSessionBody, graphs: dict[str, Document]) -> HeldSession:
    declared: dict[str, TensorType] = {
        item.id: item.type for document in graphs.values() for item in document.parameters
    }
    parameters, problems = decode_tensors("parameter", body.parameters, declared, "parameters")
    refuse("interface_mismatch", problems)
    settings = SessionSettings(
        graphs=graphs,
        graph_digests=body.graphs,
        optimizer=body.optimizer,
        seed=body.seed,
        engine=body.engine or service.settings.engine,
        durability=parse_durability(body.durability),
    )
    store = None if service.directory is None else service.directory.sessions
    return HeldSession.create(settings, parameters, service.settings.max_memory_bytes, store)


@router.get("")
async def list_sessions(service: ServiceDependency) -> Response:
    """All sessions, briefly."""
    return json_response({"sessions": [summarize_session(held) for held in service.sessions]})


@router.get("/{session_id}")
async def get_session(session_id: str, service: ServiceDependency) -> Response:
    """A session: its step, graphs, optimizer and parameters, and the digest of its state."""
    async with service.pool.admit():
        held = service.session(session_id)
        description = await service.pool.run_locked(held.lock, lambda: describe_session(held))
    return json_response(description, headers={"ETag": f'"{description["digest"]}"'})


@router.delete("/{session_id}", status_code=204)
async def delete_session(session_id: str, service: ServiceDependency) -> Response:
    """Let go of a session and its parameters. A step that it is taking is finished and answered."""
    await service.remove_session(session_id)
    return Response(status_code=204)


@router.post("/{session_id}/run", openapi_extra=body_documentation(RunBody))
async def run_session(session_id: str, request: Request, service: ServiceDependency) -> Response:
    """Run one of the session's graphs with the parameters as they are. It changes nothing.

    Without `outputs` the answer has every output that is neither a gradient nor a state update and that the given
    inputs suffice for.
    """
    async with service.pool.admit():
        held = service.session(session_id)
        media_type = accepted_type(request)
        body = await service.body(request, RunBody)

        def compute() -> Response:
            session = held.session
            document = session.graph(body.graph)
            types: dict[str, TensorType] = {item.id: item.type for item in document.inputs}
            inputs, problems = decode_tensors("input", body.inputs, types, "inputs")
            refuse("interface_mismatch", problems)
            results = session.run(body.graph, inputs, body.outputs, body.parameters)
            return tensor_response("outputs", results, media_type, {"step": session.number})

        return await service.pool.run_locked(held.lock, compute)
