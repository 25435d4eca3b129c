"""`/v1/sessions/{id}/steps/{n}`: training steps, each taken exactly once however often it is sent."""

import re
import time
from typing import Any, ClassVar, Self, cast

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response
from typing_extensions import override

from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers.sessions import MicroBatchAnswer, StepAnswer
from asg_executor.api.bodies import Body, Tensors, check_carries, parse_body, tensor_response
from asg_executor.api.body_documentation import body_documentation
from asg_executor.api.direct_route import DirectRoute
from asg_executor.api.entity_tags import IF_MATCH, check_state, etag, required_state
from asg_executor.api.json_tensors import decode_tensors
from asg_executor.api.media_types import accepted_type, body_type
from asg_executor.api.micro_batches import FIELD, micro_batch_response, separated, too_many_entries
from asg_executor.api.problems import ProblemError, refuse
from asg_executor.api.scoped_access import TrainAccess
from asg_executor.api.timing import server_timing
from asg_executor.observability.telemetry import trace_phases
from asg_executor.plan.arrays import Array
from asg_executor.sessions.graph_set import TRAIN, default_outputs
from asg_executor.sessions.sent_parts import SentPartsRequest
from asg_executor.sessions.session import Session
from asg_executor.sessions.step_request import StepRequest
from asg_schema.errors import Problem
from asg_schema.tensor_type import TensorType

__all__ = ["router", "step_number"]

router = APIRouter(prefix="/v1/sessions", tags=["steps"], route_class=DirectRoute)

_NUMBER = re.compile(r"[1-9][0-9]{0,17}\Z")


class StepBody(Body):
    """A training step, of either `inputs` or `micro_batches`. In safetensors the tensors are the inputs."""

    tensor_field: ClassVar[str] = "inputs"

    inputs: Tensors | None = None
    micro_batches: list[Tensors] | None = Field(
        default=None,
        min_length=1,
        description="The batch in parts: the inputs of each, whose gradients are applied together. In safetensors the "
        "metadata has their number, and the tensors are named 0/x, 1/x, ….",
    )
    parts: int | None = Field(
        default=None, ge=1, description="In their place: the number of the parts that were sent one by one before."
    )
    digest: StrictStr | None = Field(
        default=None, description="With `parts`: the digest that the answer of the last one had; others are refused."
    )
    outputs: list[StrictStr] | None = Field(
        default=None, description="The outputs to answer; absent: the default. Not with `parts`, which have named them."
    )

    @classmethod
    @override
    def with_tensors(cls, fields: dict[str, Any], tensors: dict[str, Array]) -> dict[str, Any]:
        if "parts" in fields and not tensors:
            return fields
        if FIELD not in fields:
            return super().with_tensors(fields, tensors)
        return {**fields, FIELD: separated(fields[FIELD], tensors)}

    @classmethod
    @override
    def check(cls, source: Any) -> Self:
        fields = cast("dict[str, Any]", source) if isinstance(source, dict) else {}
        refuse("invalid_request", too_many_entries(fields.get(FIELD)))
        body = super().check(source)
        refuse("invalid_request", body.contradictions())
        return body

    def contradictions(self) -> list[Problem]:
        """What is wrong with the fields that are there together."""
        given = [name for name in ("inputs", FIELD, "parts") if getattr(self, name) is not None]
        if not given:
            return [Problem("/inputs", "missing_field", f"a step needs the field inputs, or {FIELD}, or parts")]
        if len(given) > 1:
            message = f"a step has one of inputs, {FIELD} and parts, not {' and '.join(given)}"
            return [Problem(f"/{given[1]}", "unknown_field", message)]
        if self.parts is None and self.digest is not None:
            return [Problem("/digest", "unknown_field", "a digest belongs to parts")]
        if self.parts is not None and self.outputs is not None:
            return [Problem("/outputs", "unknown_field", "the parts that were sent have named the outputs")]
        return []


@router.put(
    "/{session_id}/steps/{number}",
    openapi_extra={**body_documentation(StepBody), **IF_MATCH},
    responses=answers(StepAnswer | MicroBatchAnswer, binary=TENSORS),
)
async def take_step(session_id: str, number: str, request: Request, service: TrainAccess) -> Response:
    """Run `train`, apply its gradients and state updates, and answer its outputs as they were before the update.

    With `micro_batches` in the place of `inputs` `train` runs for each of them, their gradients are summed (averaged
    where the optimizer's `accumulation` is "mean") and applied once, and the answer has the outputs of each. With
    `parts` these are the parts that were sent to `…/parts/{k}` before: the step is the same, bit for bit.

    `number` is that of the session's last step plus one. The same step sent again is not taken again: it is answered
    from memory, with the header `Idempotent-Replayed: true`; with another body it is refused. So whoever loses an
    answer simply sends the step again. A step that fails changes nothing and may be sent again, changed or not.

    With `If-Match` the step is taken only in a state that it names, else the answer is 412; the answer then has the
    ETag of the state after the step. A step that was taken is answered all the same when it is sent again.
    """
    with service.admit():
        begin = time.perf_counter()
        held = service.session(session_id)
        step, required = step_number(number), required_state(request)
        answer_type, request_type = accepted_type(request), body_type(request)
        content = await service.body_bytes(request, request_type)
        asked = await service.decode(content, request_type, lambda: _read(held.session, content, request_type))
        check_carries(answer_type, _answered(held.session, asked))
        loaded = time.perf_counter()

        def answer() -> Response:
            queue = time.perf_counter() - loaded
            if required is not None and not held.has_taken(step, asked):
                check_state(required, held.digest())
            outputs, replayed, run, persist = held.take(step, asked)
            seconds = {"queue": queue, "load": loaded - begin, "run": run, "persist": persist}
            # The digest takes time, and is not computed for who does not ask for it.
            headers = {"Server-Timing": server_timing(seconds), **(etag(held.digest()) if required else {})}
            if replayed:
                headers["Idempotent-Replayed"] = "true"
            else:
                service.metrics.observe_step(seconds)
                trace_phases(request.scope, seconds)
            fields = {"step": step, **({"skipped": True} if held.session.skipped else {})}
            if asked.micro_batches:
                return micro_batch_response(outputs, answer_type, fields, headers)
            return tensor_response("outputs", outputs[0], answer_type, fields, headers)

        return await service.pool.run_locked(held.lock, answer)


def step_number(text: str) -> int:
    """The number of a step in a path.

    Raises:
        ProblemError: it is none.
    """
    if not _NUMBER.match(text):
        raise ProblemError("invalid_request", f'"{text}" is not the number of a step: an integer from 1 is needed')
    return int(text)


def _read(session: Session, content: bytes, media_type: str) -> StepRequest | SentPartsRequest:
    body = parse_body(StepBody, content, media_type)
    if body.parts is not None:
        return SentPartsRequest(body.parts, body.digest)
    types: dict[str, TensorType] = {item.id: item.type for item in session.graph(TRAIN).inputs}
    given: list[tuple[list[str | int], Tensors]] = [(["inputs"], body.inputs or {})]
    if body.micro_batches is not None:
        given = [([FIELD, number], part) for number, part in enumerate(body.micro_batches)]
    parts: list[dict[str, Array]] = []
    problems: list[Problem] = []
    for place, tensors in given:
        arrays, faults = decode_tensors("input", tensors, types, place)
        parts.append(arrays)
        problems += faults
    refuse("interface_mismatch", problems)
    return StepRequest(parts, body.outputs, micro_batches=body.micro_batches is not None)


def _answered(session: Session, asked: StepRequest | SentPartsRequest) -> list[str]:
    """The names of the outputs that the step answers."""
    return default_outputs(session.graph(TRAIN)) if asked.outputs is None else asked.outputs
