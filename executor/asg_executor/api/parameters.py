"""`/v1/sessions/{id}/parameters`: the weights, read and replaced."""

from typing import ClassVar

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.bodies import Body, Tensors, json_response, tensor_response
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import JSON, SAFETENSORS, accepted_type
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.tenant_service import RunAccess, TrainAccess, body_documentation
from asg_executor.sessions.session import Session
from asg_schema.tensor_type import TensorType

__all__ = ["check_condition", "router"]

router = APIRouter(prefix="/v1/sessions", tags=["parameters"])


class ParametersBody(Body):
    """New values of parameters. In safetensors the tensors are the parameters."""

    tensor_field: ClassVar[str] = "parameters"

    parameters: Tensors


@router.get("/{session_id}/parameters")
async def get_parameters(session_id: str, request: Request, service: RunAccess) -> Response:
    """All parameters, in safetensors, or in JSON where the client prefers it. The ETag is the digest of the state."""
    async with service.admit():
        held = service.session(session_id)
        media_type = accepted_type(request, (SAFETENSORS, JSON))

        def read() -> Response:
            session = held.session
            headers = {"ETag": f'"{session.digest()}"'}
            return tensor_response("parameters", session.parameters(), media_type, {"step": session.number}, headers)

        return await service.pool.run_locked(held.lock, read)


@router.get("/{session_id}/parameters/average")
async def get_average(session_id: str, request: Request, service: RunAccess) -> Response:
    """All parameters, of the trained ones the average over the steps; where the optimizer has an `average_decay`."""
    async with service.admit():
        held = service.session(session_id)
        media_type = accepted_type(request, (SAFETENSORS, JSON))

        def read() -> Response:
            session = held.session
            averages = session.averaged_parameters()
            headers = {"ETag": f'"{session.digest()}"'}
            return tensor_response("parameters", averages, media_type, {"step": session.number}, headers)

        return await service.pool.run_locked(held.lock, read)


@router.put("/{session_id}/parameters", openapi_extra=body_documentation(ParametersBody))
async def put_parameters(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Replace the values of the parameters that the body names; others and the optimizer's slots stay as they are.

    With `If-Match` this happens only in the state that it names, else the answer is 412.
    """
    async with service.admit():
        held = service.session(session_id)
        body = await service.body(request, ParametersBody)
        condition = ", ".join(request.headers.getlist("if-match"))

        def replace() -> Response:
            session = held.session
            types: dict[str, TensorType] = {name: item.type for name, item in session.declarations.items()}
            parameters, problems = decode_tensors("parameter", body.parameters, types, "parameters")
            refuse("interface_mismatch", problems)
            check_condition(condition, session)
            held.set_parameters(parameters)
            digest = session.digest()
            return json_response({"step": session.number, "digest": digest}, headers={"ETag": f'"{digest}"'})

        return await service.pool.run_locked(held.lock, replace)


def check_condition(condition: str, session: Session) -> None:
    """Refuse to go on where `If-Match` names other states than the present one."""
    if condition.strip() in ("", "*"):
        return
    present = f'"{session.digest()}"'
    if present not in [tag.strip() for tag in condition.split(",")]:
        raise ProblemError("state_changed", f"If-Match is {condition}; the state is {present} now")
