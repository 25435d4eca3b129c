"""`/v1/graphs`: documents by their digest, and runs that need no session."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.allowance import current_allowance
from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers.graphs import Graph, GraphWithDocument, RunAnswer
from asg_executor.api.bodies import Body, Tensors, json_response, parse_json_body, tensor_response
from asg_executor.api.body_documentation import body_documentation
from asg_executor.api.client_presence import WhileClientWaits
from asg_executor.api.descriptions import describe_graph
from asg_executor.api.document_limits import check_document
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import JSON, accepted_type, body_type
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.sessions.selection import select_outputs, selected
from asg_executor.single_run import run
from asg_executor.store.errors import DamagedFileError
from asg_schema.document import Document
from asg_schema.tensor_type import TensorType

__all__ = ["router"]

router = APIRouter(prefix="/v1/graphs", tags=["graphs"])

_DOCUMENT_BODY = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"type": "object", "description": "An ASG document.", "required": ["asg"]}}},
    }
}


class RunGraphBody(Body):
    """A run that needs no session: its inputs and parameters come along.

    In safetensors the inputs and the parameters are the tensors, by name.
    """

    tensor_field: ClassVar[str] = "inputs"

    inputs: Tensors
    parameters: Tensors = Field(default={}, description="The parameters, by name.")
    outputs: list[StrictStr] | None = Field(default=None, description="The outputs to compute; absent: the default.")


@router.post("", openapi_extra=_DOCUMENT_BODY, status_code=201, responses=answers(Graph, 200, 201))
async def add_graph(request: Request, service: TrainAccess) -> Response:
    """Keep a document.

    It is kept by what it means: sending the same one again answers 200 instead of 201. An invalid one is answered 422
    with every error and its JSON Pointer.
    """
    with service.admit():
        if body_type(request) != JSON:
            raise ProblemError("unsupported_media_type", f"a document is sent as {JSON}")
        content = await service.body_bytes(request, JSON)

        def add() -> tuple[dict[str, Any], bool]:
            source = parse_json_body(content)
            check_document(source, service.settings.max_nodes)
            document = Document.from_dict(source)
            if not _is_kept(service, document.digest):
                current_allowance().check_disk(service.principal.tenant, "the document", len(content))
            return describe_graph(document), service.add_graph(document)

        description, new = await service.pool.run(add)
    return json_response(description, 201 if new else 200, {"Location": f"/v1/graphs/{description['digest']}"})


def _is_kept(service: TenantService, digest: str) -> bool:
    """Whether the service has a graph; one whose file is damaged it has not, and writes it anew."""
    try:
        return service.find_graph(digest) is not None
    except DamagedFileError:
        return False


@router.get("/{digest}", responses=answers(GraphWithDocument))
async def get_graph(digest: str, service: RunAccess) -> Response:
    """A graph's interface, and the document itself in `document`."""
    with service.admit():
        document = service.graph(digest)
        return await service.pool.run(
            lambda: json_response({**describe_graph(document), "document": document.to_dict()})
        )


@router.post(
    "/{digest}/run", openapi_extra=body_documentation(RunGraphBody), responses=answers(RunAnswer, binary=TENSORS)
)
async def run_graph(digest: str, request: Request, service: RunAccess) -> Response:
    """Run a graph once, without a session.

    Without `outputs` the answer has every output that is neither a gradient nor a state update and that the given
    inputs suffice for.
    """
    with service.admit():
        document = service.graph(digest)
        media_type = accepted_type(request)
        body = await service.body(request, RunGraphBody)
        async with WhileClientWaits(request):
            return await service.pool.run(lambda: _run(service, document, body, media_type))


def _is_binary_parameter(name: str, value: Any, parameters: Mapping[str, TensorType]) -> bool:
    return isinstance(value, np.ndarray) and name in parameters


def _run(service: TenantService, document: Document, body: RunGraphBody, media_type: str) -> Response:
    input_types: dict[str, TensorType] = {item.id: item.type for item in document.inputs}
    parameter_types: dict[str, TensorType] = {item.id: item.type for item in document.parameters}
    # In a binary body all tensors stand side by side; ids are unique, so each has one place.
    own = {name: value for name, value in body.inputs.items() if not _is_binary_parameter(name, value, parameter_types)}
    others = {name: value for name, value in body.inputs.items() if name not in own}
    inputs, input_problems = decode_tensors("input", own, input_types, "inputs")
    parameters, parameter_problems = decode_tensors(
        "parameter", {**body.parameters, **others}, parameter_types, "parameters"
    )
    refuse("interface_mismatch", [*input_problems, *parameter_problems])
    outputs = select_outputs(document, body.outputs, inputs)
    results = run(
        selected(document, inputs),
        inputs,
        parameters,
        engine=service.settings.engine,
        outputs=outputs,
        memory_limit=service.settings.max_memory_bytes,
    )
    return tensor_response("outputs", results, media_type, {})
