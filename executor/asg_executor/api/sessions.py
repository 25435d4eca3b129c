"""`/v1/sessions`: sessions, and runs of their graphs."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, ClassVar

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers.sessions import Session, SessionList, SessionRunAnswer
from asg_executor.api.bodies import Body, Tensors, json_response, tensor_response
from asg_executor.api.body_documentation import body_documentation
from asg_executor.api.client_presence import WhileClientWaits
from asg_executor.api.descriptions import describe_damaged, describe_session, summarize_session
from asg_executor.api.document_limits import check_optimizer
from asg_executor.api.entity_tags import IF_MATCH, IF_NONE_MATCH, check_state, etag, not_modified, required_state
from asg_executor.api.idempotency import IDEMPOTENCY_KEY, idempotency_key
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import accepted_type
from asg_executor.api.problems import refuse
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.engines.lookup import engine_named, offered_engine
from asg_executor.plan.arrays import Array
from asg_executor.sessions import opening
from asg_executor.sessions.durability import parse_durability
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.precision import PrecisionForm, parse_precision
from asg_executor.sessions.random_keys import MOST_SEED
from asg_executor.sessions.registry import SessionRequest
from asg_executor.sessions.session import WhichParameters
from asg_executor.sessions.session_settings import CreationKey, SessionSettings
from asg_executor.sessions.step_request import tensors_digest
from asg_executor.sessions.training_steps import NonFinitePolicy
from asg_schema.document import Document
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType
from asg_schema.wire import json_pointer

__all__ = ["router"]

router = APIRouter(prefix="/v1/sessions", tags=["sessions"])


class CreateSessionBody(Body):
    """A new session. In safetensors the tensors are the first values of parameters."""

    tensor_field: ClassVar[str] = "parameters"
    text_fields: ClassVar[frozenset[str]] = frozenset({"engine", "non_finite"})

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
    non_finite: NonFinitePolicy = Field(
        default="apply",
        description="What becomes of a step that leaves NaN or an infinity in the state: it is applied, taken without "
        "its changes (`skipped` in the answer), or fails.",
    )
    precision: PrecisionForm = Field(
        default="as_written",
        description='"as_written": in the dtypes of the graphs. "mixed": contractions of float32 in bfloat16, or as an '
        "object says.",
    )
    parameters: Tensors = Field(default={}, description="First values of parameters; the others are initialised.")


_CREATION: dict[str, Any] = {**body_documentation(CreateSessionBody), **IDEMPOTENCY_KEY}


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


@router.post("", openapi_extra=_CREATION, status_code=201, responses=answers(Session, 201))
async def create_session(request: Request, service: TrainAccess) -> Response:
    """Create a session from graphs that were sent before. The graphs share their parameters by name.

    With an `Idempotency-Key` the same request creates one session however often it is sent: it is answered with that
    session as it is now, and `Idempotent-Replayed: true`.
    """
    with service.admit():
        key = idempotency_key(request)
        body = await service.body(request, CreateSessionBody)
        check_optimizer(body.optimizer, service.settings.max_nodes)
        graphs = _graphs(service, body)
        parameters = await service.pool.run(lambda: _first_values(body, graphs))
        creation = None if key is None else CreationKey(key, _request_digest(body, parameters))
        settings = _settings(service, body, graphs, creation)
        directory, limit = service.directory, service.settings.max_memory_bytes
        tenant = service.principal.tenant

        async def make() -> HeldSession:
            store = None if directory is None else directory.sessions
            return await service.pool.run(lambda: opening.create_session(settings, parameters, limit, store, tenant))

        wanted = SessionRequest(tenant, await service.pool.run(settings.required_bytes), creation)
        held, replayed = await service.create_session(wanted, make)
        description = await service.pool.run_locked(held.lock, lambda: describe_session(held))
    headers = {"Location": f"/v1/sessions/{held.id}", **etag(description["digest"])}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(description, 201, headers)


def _request_digest(body: CreateSessionBody, parameters: Mapping[str, Array]) -> str:
    """The SHA-256 of what a request says, not of how it is written."""
    fields = body.model_dump(exclude={"parameters"})
    if fields["precision"] == "as_written":
        del fields["precision"]  # a key may be older than this field
    text = json.dumps(fields, sort_keys=True)
    return sha256(f"{text}{tensors_digest([parameters])}".encode()).hexdigest()


def _graphs(service: TenantService, body: CreateSessionBody) -> dict[str, Document]:
    graphs = {name: service.find_graph(digest) for name, digest in body.graphs.items()}
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


def _first_values(body: CreateSessionBody, graphs: Mapping[str, Document]) -> dict[str, Array]:
    declared: dict[str, TensorType] = {
        item.id: item.type for document in graphs.values() for item in document.parameters
    }
    parameters, problems = decode_tensors("parameter", body.parameters, declared, "parameters")
    refuse("interface_mismatch", problems)
    return parameters


def _settings(
    service: TenantService, body: CreateSessionBody, graphs: Mapping[str, Document], creation: CreationKey | None
) -> SessionSettings:
    engine = offered_engine(body.engine) if body.engine else engine_named(service.settings.engine)
    return SessionSettings(
        graphs=graphs,
        graph_digests=body.graphs,
        optimizer=body.optimizer,
        seed=body.seed,
        engine=engine.name,  # what auto is may change
        durability=parse_durability(body.durability),
        non_finite=body.non_finite,
        creation=creation,
        precision=parse_precision(body.precision),
    )


@router.get("", responses=answers(SessionList))
async def list_sessions(service: RunAccess) -> Response:
    """All sessions of the tenant, briefly; with the scope `admin` those of all tenants."""
    sound = [summarize_session(held) for held in service.sessions()]
    return json_response({"sessions": sound + [describe_damaged(damaged) for damaged in service.damaged_sessions()]})


@router.get("/{session_id}", openapi_extra=IF_NONE_MATCH, responses=answers(Session))
async def get_session(session_id: str, request: Request, service: RunAccess) -> Response:
    """A session: its step, graphs, optimizer and parameters, and the digest of its state, which is the ETag, too."""
    with service.admit():
        held = service.session(session_id)
        description = await service.pool.run_locked(held.lock, lambda: describe_session(held))
    digest = description["digest"]
    return not_modified(request, digest) or json_response(description, headers=etag(digest))


@router.delete("/{session_id}", status_code=204, openapi_extra=IF_MATCH)
async def delete_session(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Let go of a session and its parameters. A step that it is taking is finished and answered.

    With `If-Match` this happens only in a state that it names, else the answer is 412.
    """
    required = required_state(request)
    if required is None:
        await service.remove_session(session_id)
    else:
        await service.remove_session(session_id, lambda held: check_state(required, held.digest()))
    return Response(status_code=204)


@router.post(
    "/{session_id}/run",
    openapi_extra=body_documentation(RunBody),
    responses=answers(SessionRunAnswer, binary=TENSORS),
)
async def run_session(session_id: str, request: Request, service: RunAccess) -> Response:
    """Run one of the session's graphs with the parameters as they are. It changes nothing.

    Without `outputs` the answer has every output that is neither a gradient nor a state update and that the given
    inputs suffice for.
    """
    with service.admit():
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

        async with WhileClientWaits(request):
            return await service.pool.run_locked(held.lock, compute)
