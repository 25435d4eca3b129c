"""`/v1/sessions/{id}/parameters`: the weights, read and replaced."""

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers.sessions import ParameterValues
from asg_executor.api.answers.values import StateReference
from asg_executor.api.bodies import Body, Tensors, json_response, tensor_response
from asg_executor.api.body_documentation import body_documentation
from asg_executor.api.content_digest import with_content_digest
from asg_executor.api.entity_tags import IF_MATCH, IF_NONE_MATCH, check_state, etag, not_modified, required_state
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import JSON, SAFETENSORS, accepted_type
from asg_executor.api.problems import refuse
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_schema.tensor_type import TensorType

__all__ = ["router"]

router = APIRouter(prefix="/v1/sessions", tags=["parameters"])


_VALUES = answers(ParameterValues, binary=TENSORS)


class ParametersBody(Body):
    """New values of parameters. In safetensors the tensors are the parameters."""

    tensor_field: ClassVar[str] = "parameters"

    parameters: Tensors


@router.get("/{session_id}/parameters", openapi_extra=IF_NONE_MATCH, responses=_VALUES)
async def get_parameters(session_id: str, request: Request, service: RunAccess) -> Response:
    """All parameters, in safetensors, or in JSON where the client prefers it. The ETag is the digest of the state.

    With `If-None-Match` the answer is 304 in the states that it names.
    """
    with service.admit():
        held = service.session(session_id)
        media_type = accepted_type(request, (SAFETENSORS, JSON))

        def read() -> Response:
            session, digest = held.session, held.digest()
            return not_modified(request, digest) or with_content_digest(
                tensor_response("parameters", session.parameters(), media_type, {"step": session.number}, etag(digest))
            )

        return await service.pool.run_locked(held.lock, read)


@router.get("/{session_id}/parameters/average", openapi_extra=IF_NONE_MATCH, responses=_VALUES)
async def get_average(session_id: str, request: Request, service: RunAccess) -> Response:
    """All parameters, of the trained ones the average over the steps; where the optimizer has an `average_decay`."""
    with service.admit():
        held = service.session(session_id)
        media_type = accepted_type(request, (SAFETENSORS, JSON))

        def read() -> Response:
            session, digest = held.session, held.digest()
            averages = session.averaged_parameters()
            return not_modified(request, digest) or with_content_digest(
                tensor_response("parameters", averages, media_type, {"step": session.number}, etag(digest))
            )

        return await service.pool.run_locked(held.lock, read)


@router.put(
    "/{session_id}/parameters",
    openapi_extra={**body_documentation(ParametersBody), **IF_MATCH},
    responses=answers(StateReference),
)
async def put_parameters(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Replace the values of the parameters that the body names; others and the optimizer's slots stay as they are.

    With `If-Match` this happens only in the state that it names, else the answer is 412.
    """
    with service.admit():
        held = service.session(session_id)
        required = required_state(request)
        body = await service.body(request, ParametersBody)

        def replace() -> Response:
            session = held.session
            types: dict[str, TensorType] = {name: item.type for name, item in session.declarations.items()}
            parameters, problems = decode_tensors("parameter", body.parameters, types, "parameters")
            refuse("interface_mismatch", problems)
            if required is not None:
                check_state(required, held.digest())
            held.set_parameters(parameters)
            digest = held.digest()
            return json_response({"step": session.number, "digest": digest}, headers=etag(digest))

        return await service.pool.run_locked(held.lock, replace)
