"""`/v2`: the health of the server, and its models: what they are and how they did.

See https://github.com/kserve/open-inference-protocol and the extensions of Triton that its clients ask for.
"""

from collections.abc import Callable
from importlib.metadata import version as distribution_version
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers import open_inference as forms
from asg_executor.api.answers.service import Live
from asg_executor.api.bodies import json_response
from asg_executor.api.body_documentation import json_documentation
from asg_executor.api.health import READY
from asg_executor.api.open_inference.descriptions import describe_config, describe_model, describe_statistics
from asg_executor.api.open_inference.models import find_model
from asg_executor.api.open_inference.repository_requests import IndexBody, LoadBody, UnloadBody, read_repository_body
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import PublicAccess, RunAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.inference.repository import LATEST, model_names, require_version, versions_of

__all__ = ["router"]

router = APIRouter(prefix="/v2", tags=["inference"])

_NEVER: dict[int | str, dict[str, Any]] = {200: {"description": "Never: it is refused."}}

_EXTENSIONS = ("binary_tensor_data", "model_configuration", "model_repository", "statistics")


@router.get("", responses=answers(forms.ServerMetadata))
async def server_metadata() -> Response:
    """The server, and which extensions of the protocol it knows."""
    return json_response({"name": "asg", "version": distribution_version("asgraph"), "extensions": _EXTENSIONS})


@router.get("/health/live", responses=answers(Live))
async def live() -> Response:
    """Whether the process answers."""
    return json_response({"live": True})


@router.get("/health/ready", responses=READY)
async def ready(service: PublicAccess) -> Response:
    """Whether new work is taken; 503 while the service shuts down."""
    if service.pool.draining:
        return json_response({"ready": False}, 503, {"Retry-After": "1"})
    return json_response({"ready": True})


@router.get("/models/stats", responses=answers(forms.StatisticsOfModels))
async def all_statistics(service: RunAccess) -> Response:
    """How all models did, each version that was asked for."""
    described: list[dict[str, Any]] = []
    for held in service.sessions():
        for graph in held.session.graphs:
            for version, statistics in service.whole.models.known_statistics(held, graph).items():
                described.append(describe_statistics(f"{held.id}.{graph}", version, statistics))
    return json_response({"model_stats": described})


@router.get("/models/{model_name}", responses=answers(forms.ModelMetadata))
async def model_metadata(model_name: str, service: RunAccess) -> Response:
    """A model: its versions, inputs and outputs; -1 stands for a size that a symbol names."""
    return await _describe(service, model_name, LATEST, _metadata)


@router.get("/models/{model_name}/versions/{version}", responses=answers(forms.ModelMetadata))
async def version_metadata(model_name: str, version: str, service: RunAccess) -> Response:
    """The same; there is such a version."""
    return await _describe(service, model_name, version, _metadata)


@router.get("/models/{model_name}/ready", responses=answers(forms.ModelReady))
async def model_ready(model_name: str, service: RunAccess) -> Response:
    """Whether a model can be asked: 404 where there is none."""
    return await _describe(service, model_name, LATEST, _ready)


@router.get("/models/{model_name}/versions/{version}/ready", responses=answers(forms.ModelReady))
async def version_ready(model_name: str, version: str, service: RunAccess) -> Response:
    """Whether a version of a model can be asked: 404 where there is none."""
    return await _describe(service, model_name, version, _ready)


@router.get("/models/{model_name}/config", responses=answers(forms.ModelConfig))
async def model_config(model_name: str, service: RunAccess) -> Response:
    """A model's configuration, as Triton's clients read it."""
    return await _describe(service, model_name, LATEST, _config)


@router.get("/models/{model_name}/versions/{version}/config", responses=answers(forms.ModelConfig))
async def version_config(model_name: str, version: str, service: RunAccess) -> Response:
    """The same; there is such a version."""
    return await _describe(service, model_name, version, _config)


@router.get("/models/{model_name}/stats", responses=answers(forms.StatisticsOfModels))
async def model_statistics(model_name: str, service: RunAccess) -> Response:
    """How a model did since the server was started, each version that was asked for."""
    found = find_model(service, model_name)
    known = service.whole.models.known_statistics(found.held, found.graph)
    known = known or {LATEST: service.whole.models.statistics(found.held, found.graph, LATEST)}
    return json_response({"model_stats": [describe_statistics(model_name, *item) for item in known.items()]})


@router.get("/models/{model_name}/versions/{version}/stats", responses=answers(forms.StatisticsOfModels))
async def version_statistics(model_name: str, version: str, service: RunAccess) -> Response:
    """How a version of a model did since the server was started."""
    return await _describe(service, model_name, version, _statistics)


@router.post(
    "/repository/index", openapi_extra=json_documentation(IndexBody), responses=answers(list[forms.IndexedModel])
)
async def repository_index(request: Request, service: RunAccess) -> Response:
    """All models, each with all of its versions. A graph whose name has a slash is none."""
    body = await read_repository_body(request, service, IndexBody)
    listed: list[dict[str, str]] = []
    with service.admit():
        for held in service.sessions():
            versions = await service.pool.run(lambda held=held: versions_of(held))
            listed += [
                {"name": name, "version": version, "state": "READY", "reason": ""}
                for name in model_names(held)
                for version in versions
            ]
    del body  # every model is ready, so `ready` chooses all of them
    return json_response(listed)


@router.post(
    "/repository/models/{model_name}/load", openapi_extra=json_documentation(LoadBody), responses=answers(forms.Empty)
)
async def load_model(model_name: str, request: Request, service: RunAccess) -> Response:
    """Find that a model is there: a session's graphs are models for as long as the session is there.

    A configuration or files of one's own are refused: models are made with `POST /v1/sessions`.
    """
    body = await read_repository_body(request, service, LoadBody)
    found = find_model(service, model_name)
    if body.parameters:
        raise ProblemError(
            "not_supported",
            f"a model has no {', '.join(body.parameters)} to load: it is a graph of the session {found.held.id}; "
            "POST /v1/sessions makes others",
        )
    return json_response({})


@router.post(
    "/repository/models/{model_name}/unload",
    openapi_extra=json_documentation(UnloadBody),
    response_class=Response,
    responses=_NEVER,
)
async def unload_model(model_name: str, request: Request, service: RunAccess) -> Response:
    """Refused: a session's graphs are models for as long as the session is there."""
    await read_repository_body(request, service, UnloadBody)
    found = find_model(service, model_name)
    raise ProblemError(
        "not_supported",
        f"the model {model_name} is a graph of a session, and is there as long as that is; "
        f"DELETE /v1/sessions/{found.held.id} removes both",
    )


_Describer = Callable[[TenantService, str, str], Any]


async def _describe(service: TenantService, model_name: str, version: str, describe: _Describer) -> Response:
    """Describe a version of a model, in a thread, because that reads the database."""

    def answer() -> Response:
        require_version(find_model(service, model_name).held, version)
        return json_response(describe(service, model_name, version))

    with service.admit():
        return await service.pool.run(answer)


def _ready(_service: TenantService, model_name: str, _version: str) -> Any:
    return {"name": model_name, "ready": True}


def _metadata(service: TenantService, model_name: str, _version: str) -> Any:
    held, graph = find_model(service, model_name)
    return describe_model(model_name, versions_of(held), held.session.graph(graph))


def _config(service: TenantService, model_name: str, _version: str) -> Any:
    held, graph = find_model(service, model_name)
    return describe_config(model_name, held.session.graph(graph), service.settings)


def _statistics(service: TenantService, model_name: str, version: str) -> Any:
    held, graph = find_model(service, model_name)
    statistics = service.whole.models.statistics(held, graph, version)
    return {"model_stats": [describe_statistics(model_name, version, statistics)]}
