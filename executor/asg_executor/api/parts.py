"""`/v1/sessions/{id}/steps/{n}/parts`: the batch of a step in parts, each in a request of its own."""

import asyncio
import re
import weakref
from typing import ClassVar

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers.sessions import PartAnswer, Parts
from asg_executor.api.bodies import Body, Tensors, check_carries, json_response, parse_body, tensor_response
from asg_executor.api.body_documentation import body_documentation
from asg_executor.api.entity_tags import IF_MATCH, check_state, required_state
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import accepted_type, body_type
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.api.steps import step_number
from asg_executor.api.tenant_service import TenantService
from asg_executor.sessions.graph_set import TRAIN, default_outputs
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.sent_parts import PartLimits
from asg_executor.sessions.session import Session
from asg_executor.sessions.step_request import StepRequest
from asg_schema.tensor_type import TensorType

__all__ = ["router"]

router = APIRouter(prefix="/v1/sessions/{session_id}/steps/{number}/parts", tags=["steps"])

_PART = re.compile(r"(0|[1-9][0-9]{0,8})\Z")


class PartBody(Body):
    """A part of a step's batch. In safetensors the tensors are the inputs."""

    tensor_field: ClassVar[str] = "inputs"

    inputs: Tensors
    outputs: list[StrictStr] | None = Field(
        default=None, description="The outputs to answer, the same for all parts; absent: the default."
    )


@router.put(
    "/{part}",
    openapi_extra={**body_documentation(PartBody), **IF_MATCH},
    responses=answers(PartAnswer, binary=TENSORS),
)
async def put_part(session_id: str, number: str, part: str, request: Request, service: TrainAccess) -> Response:
    """Compute a part of the session's next step, and hold it: outputs are answered, the state stays as it is.

    Parts are numbered from 0 and come in order. The same part sent again is answered from memory, with
    `Idempotent-Replayed: true`; another one under its number is refused. `PUT …/steps/{n}` with their number as `parts`
    then takes the step, as if they had come as its `micro_batches`.

    Parts are held in memory until then: they are lost with the process, when the session is changed otherwise, and when
    none comes for a while. `expected_part` says which comes next.
    """
    with service.admit():
        held = service.session(session_id)
        step, place, required = step_number(number), _part_number(part), required_state(request)
        answer_type, request_type = accepted_type(request), body_type(request)
        content = await service.body_bytes(request, request_type)
        asked = await service.decode(content, request_type, lambda: _read(held.session, content, request_type))
        train = held.session.graph(TRAIN)
        check_carries(answer_type, default_outputs(train) if asked.outputs is None else asked.outputs)

        def answer() -> Response:
            if required is not None:
                check_state(required, held.digest())
            taken = held.add_part(step, place, asked, _limits(service, held))
            headers = {"Idempotent-Replayed": "true"} if taken.replayed else {}
            others = {"step": step, "part": place, "expected_part": taken.expected, "digest": taken.digest}
            return tensor_response("outputs", taken.answer, answer_type, others, headers)

        response = await service.pool.run_locked(held.lock, answer)
    if place == 0:
        _forget_later(held, service.settings.parts_idle_seconds, service.settings.parts_idle_seconds)
    return response


def _limits(service: TenantService, held: HeldSession) -> PartLimits:
    """How much may be held for the parts of a session's step, as all others are now."""
    settings = service.settings
    others = sum(other.parts_bytes for other in service.whole.sessions if other is not held)
    return PartLimits(settings.max_parts, settings.max_parts_bytes, settings.max_held_parts_bytes - others)


def _forget_later(held: HeldSession, idle: float, wait: float) -> None:
    """Have the parts of a session's next step forgotten once none came for `idle` seconds; looked at after `wait`.

    A session that is deleted meanwhile, with all its memory, is not held by this.
    """
    session = weakref.ref(held)

    def look() -> None:
        held = session()
        if held is None:
            return
        rest = idle if held.lock.locked() else held.drop_idle_parts(idle)
        if rest is not None:
            _forget_later(held, idle, rest)

    asyncio.get_running_loop().call_later(wait, look)


@router.get("", responses=answers(Parts))
async def get_parts(session_id: str, number: str, service: RunAccess) -> Response:
    """Which parts of the session's next step are there: those before `expected_part`."""
    with service.admit():
        held = service.session(session_id)
        step = step_number(number)

        def read() -> Response:
            sent = held.parts(step)
            if sent is None:
                return json_response({"step": step, "expected_part": 0, "bytes": 0})
            fields = {"step": step, "expected_part": sent.count, "bytes": sent.nbytes}
            return json_response({**fields, "digest": sent.digest} if sent.count else fields)

        return await service.pool.run_locked(held.lock, read)


@router.delete("", status_code=204, openapi_extra=IF_MATCH)
async def delete_parts(session_id: str, number: str, request: Request, service: TrainAccess) -> Response:
    """Forget the parts of the session's next step that came, so that others can be sent."""
    with service.admit():
        held = service.session(session_id)
        step, required = step_number(number), required_state(request)

        def drop() -> Response:
            held.parts(step)
            if required is not None:
                check_state(required, held.digest())
            held.drop_parts()
            return Response(status_code=204)

        return await service.pool.run_locked(held.lock, drop)


def _part_number(text: str) -> int:
    if not _PART.match(text):
        raise ProblemError("invalid_request", f'"{text}" is not the number of a part: an integer from 0 is needed')
    return int(text)


def _read(session: Session, content: bytes, media_type: str) -> StepRequest:
    body = parse_body(PartBody, content, media_type)
    types: dict[str, TensorType] = {item.id: item.type for item in session.graph(TRAIN).inputs}
    inputs, problems = decode_tensors("input", body.inputs, types, "inputs")
    refuse("interface_mismatch", problems)
    return StepRequest([inputs], body.outputs)
