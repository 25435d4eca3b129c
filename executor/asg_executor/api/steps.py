"""`/v1/sessions/{id}/steps/{n}`: training steps, each taken exactly once however often it is sent."""

import re
from dataclasses import dataclass
from typing import ClassVar

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.api.bodies import Body, Tensors, check_carries, parse_body, tensor_response
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import accepted_type, body_type
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.service import ServiceDependency, body_documentation
from asg_executor.plan.arrays import Array
from asg_executor.sessions.graph_set import TRAIN, default_outputs
from asg_executor.sessions.registry import HeldSession
from asg_executor.sessions.session import Session
from asg_executor.sessions.step_record import request_digest
from asg_schema.tensor_type import TensorType

__all__ = ["router"]

router = APIRouter(prefix="/v1/sessions", tags=["steps"])

_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


class StepBody(Body):
    """A training step. In safetensors the tensors are the inputs."""

    tensor_field: ClassVar[str] = "inputs"

    inputs: Tensors
    outputs: list[StrictStr] | None = Field(default=None, description="The outputs to answer; absent: the default.")


@dataclass(frozen=True, slots=True)
class _StepRequest:
    """A step as it was asked for, decoded."""

    inputs: dict[str, Array]
    outputs: list[str] | None
    digest: str


@router.put("/{session_id}/steps/{number}", openapi_extra=body_documentation(StepBody))
async def take_step(session_id: str, number: str, request: Request, service: ServiceDependency) -> Response:
    """Run `train`, apply its gradients and state updates, and answer its outputs as they were before the update.

    `number` is that of the session's last step plus one. The same step sent again is not taken again: it is answered
    from memory, with the header `Idempotent-Replayed: true`; with another body it is refused. So whoever loses an
    answer simply sends the step again. A step that fails changes nothing and may be sent again, changed or not.
    """
    async with service.pool.admit():
        held = service.session(session_id)
        step = _step_number(number)
        answer_type, request_type = accepted_type(request), body_type(request)
        content = await service.body_bytes(request, request_type)
        asked = await service.decode(content, lambda: _read(held.session, content, request_type))
        check_carries(answer_type, _answered(held.session, asked))

        def answer() -> Response:
            outputs, replayed = _take(held, step, asked)
            headers = {"Idempotent-Replayed": "true"} if replayed else None
            return tensor_response("outputs", outputs, answer_type, {"step": step}, headers)

        return await service.pool.run_locked(held.lock, answer)


def _step_number(text: str) -> int:
    if not _NUMBER.match(text):
        raise ProblemError("invalid_request", f'"{text}" is not the number of a step: an integer from 1 is needed')
    return int(text)


def _read(session: Session, content: bytes, media_type: str) -> _StepRequest:
    body = parse_body(StepBody, content, media_type)
    types: dict[str, TensorType] = {item.id: item.type for item in session.graph(TRAIN).inputs}
    inputs, problems = decode_tensors("input", body.inputs, types, "inputs")
    refuse("interface_mismatch", problems)
    return _StepRequest(inputs, body.outputs, request_digest(inputs, body.outputs))


def _answered(session: Session, asked: _StepRequest) -> list[str]:
    """The names of the outputs that the step answers."""
    return default_outputs(session.graph(TRAIN)) if asked.outputs is None else asked.outputs


def _take(held: HeldSession, number: int, asked: _StepRequest) -> tuple[dict[str, Array], bool]:
    """Take the step, or find that it was taken; the answer, and whether it is a stored one."""
    stored = held.record.replay(number, asked.digest, held.session.number)
    if stored is not None:
        return dict(stored), True
    outputs = held.session.step(asked.inputs, asked.outputs)
    held.record.keep(number, asked.digest, outputs)
    return outputs, False
