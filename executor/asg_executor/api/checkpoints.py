"""`/v1/sessions/{id}/checkpoints`: states of a session under a name: made, listed, downloaded, restored, removed."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeAlias

from fastapi import APIRouter, Request
from pydantic import Field, StrictBool, StrictStr
from starlette.responses import Response

from asg_executor.api.answer_documentation import TENSORS, answers
from asg_executor.api.answers import checkpoints as forms
from asg_executor.api.bodies import Body, json_response, tensor_response
from asg_executor.api.body_documentation import json_documentation
from asg_executor.api.content_digest import with_content_digest
from asg_executor.api.entity_tags import (
    IF_MATCH,
    IF_NONE_MATCH,
    EntityTags,
    check_state,
    etag,
    not_modified,
    required_state,
)
from asg_executor.api.media_types import JSON, SAFETENSORS, accepted_type
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.sessions.checkpointing import add_checkpoint
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.retention import KeepBest, Retention
from asg_executor.sessions.unusable_session import UnusableSession
from asg_executor.store.checkpoints import Checkpoint, metrics_to_json
from asg_schema.wire import nearest, show_value

__all__ = ["checkpoint_name", "describe_checkpoint", "found_checkpoint", "router"]

router = APIRouter(prefix="/v1/sessions/{session_id}/checkpoints", tags=["checkpoints"])

NonFinite: TypeAlias = Literal["nan", "inf", "-inf"]
"""How JSON has a number that is not finite."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")


Metric = Annotated[float, Field(allow_inf_nan=False)]
"""The value of a metric. Those that are not finite come as text, as in tensors."""


class CreateCheckpointBody(Body):
    """A new checkpoint, and which of the others are kept beside it."""

    name: StrictStr | None = Field(
        default=None, description="Its name: letters, digits, dots, dashes, underscores; absent: step-<number>."
    )
    metrics: dict[Annotated[StrictStr, Field(min_length=1, max_length=200)], Metric | NonFinite] = Field(
        default={}, max_length=100, description='Figures that belong to it, by name: `{"val_loss": 0.31}`.'
    )
    pinned: StrictBool | None = Field(
        default=None,
        description="Whether no retention ever removes it; absent: exactly where it is made without `keep_last` and "
        "`keep_best`.",
    )
    keep_last: int | None = Field(
        default=None,
        ge=1,
        description="Of the checkpoints that are not pinned so many of the last are kept, this one included, beside "
        "those of `keep_best`; the others are removed. Absent: 1 where there is `keep_best`, else all.",
    )
    keep_best: KeepBest | None = Field(
        default=None,
        description="Of the checkpoints that are not pinned those are kept that are best by a metric: its name, "
        '`mode` ("min" or "max": what is better), and how many.',
    )

    def retention(self) -> Retention | None:
        """Which checkpoints are kept; None for all."""
        if self.keep_last is None and self.keep_best is None:
            return None
        return Retention(keep_last=self.keep_last or 1, keep_best=self.keep_best)


class RestoreBody(Body):
    """How to restore a checkpoint."""

    optimizer: StrictBool = Field(
        default=True, description="Whether the optimizer's slots are restored, too; else they begin anew."
    )


@router.post(
    "",
    openapi_extra={**json_documentation(CreateCheckpointBody), **IF_MATCH},
    status_code=201,
    responses=answers(forms.CreatedCheckpoint, 201),
)
async def create_checkpoint(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Have the present state on disk, optimizer included, until it is removed.

    With `keep_last` or `keep_best` checkpoints that are not pinned and not to be kept are removed at the moment from
    which the new one counts; `removed` names them. The same request for the same state again is answered with what is
    there.
    """
    with service.admit():
        held = service.session(session_id)
        required = required_state(request)
        body = await service.json_body(request, CreateCheckpointBody)

        def create() -> Response:
            name = checkpoint_name(body.name, held.session.number)
            location = f"/v1/sessions/{held.id}/checkpoints/{name}"
            if required is not None:
                check_state(required, held.digest())
            metrics = {key: float(value) for key, value in body.metrics.items()}
            added = add_checkpoint(held, name, metrics=metrics, retention=body.retention(), pinned=body.pinned)
            content = {**describe_checkpoint(added.checkpoint), "removed": added.removed}
            return json_response(content, 201, {"Location": location})

        return await service.pool.run_locked(held.lock, create)


@router.get("", responses=answers(forms.CheckpointList))
async def list_checkpoints(session_id: str, service: RunAccess) -> Response:
    """All checkpoints, in the order in which they were made."""
    with service.admit():
        held = service.session_with_checkpoints(session_id)
        listed = await service.pool.run_locked(
            held.lock, lambda: [describe_checkpoint(item) for item in held.checkpoints.all()]
        )
    return json_response({"checkpoints": listed})


@router.get("/{name}", openapi_extra=IF_NONE_MATCH, responses=answers(forms.Checkpoint, binary=TENSORS))
async def get_checkpoint(session_id: str, name: str, request: Request, service: RunAccess) -> Response:
    """A checkpoint; with `Accept: application/vnd.safetensors` its parameters. The ETag is the digest of its state."""
    with service.admit():
        held = service.session_with_checkpoints(session_id)
        media_type = accepted_type(request, (JSON, SAFETENSORS))

        def read() -> Response:
            checkpoint = found_checkpoint(held, name)
            known = not_modified(request, checkpoint.digest)
            if known is not None:
                return known
            headers = etag(checkpoint.digest)
            if media_type == JSON:
                return json_response(describe_checkpoint(checkpoint), headers=headers)
            state = held.checkpoints.read(name)
            values = {key: array for key, array in state.arrays.items() if key.startswith("value:")}
            parameters = {key.removeprefix("value:"): array for key, array in values.items()}
            fields = {"step": state.number}
            return with_content_digest(tensor_response("parameters", parameters, SAFETENSORS, fields, headers))

        return await service.pool.run_locked(held.lock, read)


@router.post(
    "/{name}/restore",
    openapi_extra={**json_documentation(RestoreBody), **IF_MATCH},
    responses=answers(forms.RestoredState),
)
async def restore_checkpoint(session_id: str, name: str, request: Request, service: TrainAccess) -> Response:
    """Make the session what it was, its number included. The steps since are no more.

    A damaged session is usable again then; its damaged files are kept, in the directory below its own that `set_aside`
    names.

    With `If-Match` this happens only in the state that it names, else the answer is 412.
    """
    with service.admit():
        held = service.session_with_checkpoints(session_id)
        body = await service.json_body(request, RestoreBody)
        required = required_state(request)

        if isinstance(held, UnusableSession):
            response = await _revive(service, held, name, required, optimizer=body.optimizer)
            if response is not None:
                return response
            held = service.session(session_id)  # another request has restored it meanwhile
        return await _restore(service, held, name, required, optimizer=body.optimizer)


async def _restore(
    service: TenantService, held: HeldSession, name: str, required: EntityTags | None, *, optimizer: bool
) -> Response:
    def restore() -> Response:
        found_checkpoint(held, name)
        check_state(required, held.digest())
        held.restore(held.checkpoints.read(name), optimizer=optimizer)
        digest = held.digest()
        return json_response({"step": held.session.number, "digest": digest}, headers=etag(digest))

    return await service.pool.run_locked(held.lock, restore)


async def _revive(
    service: TenantService, damaged: UnusableSession, name: str, required: EntityTags | None, *, optimizer: bool
) -> Response | None:
    """Restore a checkpoint of a damaged session; None where it is none any more."""
    if required is not None:
        raise ProblemError("state_changed", f"If-Match is {required.text}; the session is damaged, and has no state")

    def restore() -> tuple[HeldSession, str]:
        found_checkpoint(damaged, name)
        return damaged.restore(name, service.settings.max_memory_bytes, optimizer=optimizer)

    revived = await service.revive_session(damaged, restore)
    if revived is None:
        return None
    held, aside = revived
    digest = await service.pool.run_locked(held.lock, held.digest)
    content = {"step": held.session.number, "digest": digest, "set_aside": aside}
    return json_response(content, headers=etag(digest))


@router.delete("/{name}", status_code=204, openapi_extra=IF_MATCH)
async def delete_checkpoint(session_id: str, name: str, request: Request, service: TrainAccess) -> Response:
    """Remove a checkpoint. With `If-Match` only if its state is one that it names."""
    with service.admit():
        held = service.session_with_checkpoints(session_id)

        required = required_state(request)

        def remove() -> Response:
            check_state(required, found_checkpoint(held, name).digest)
            held.checkpoints.remove([name])
            return Response(status_code=204)

        return await service.pool.run_locked(held.lock, remove)


def checkpoint_name(name: str | None, step: int) -> str:
    """The name of a new checkpoint.

    Args:
        name: as the client has it; None for that of the step.
        step: the number of the step.

    Raises:
        ProblemError: it is of another form than names are.
    """
    if name is None:
        return f"step-{step}"
    if not _NAME.match(name):
        allowed = "1 to 100 letters, digits, dots, dashes and underscores, a letter or digit first, are needed"
        raise ProblemError("invalid_request", f"the name of the checkpoint is {show_value(name)}; {allowed}")
    return name


def found_checkpoint(held: HeldSession | UnusableSession, name: str) -> Checkpoint:
    """The checkpoint of a name.

    Raises:
        ProblemError: there is none.
    """
    checkpoint = held.checkpoints.find(name)
    if checkpoint is None:
        names = [item.name for item in held.checkpoints.all()]
        hint = nearest(name, names) or f"; the session has {', '.join(names) or 'none'}"
        raise ProblemError("unknown_checkpoint", f"there is no checkpoint {show_value(name)}{hint}")
    return checkpoint


def describe_checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as JSON."""
    created = datetime.fromtimestamp(checkpoint.created, UTC).isoformat(timespec="milliseconds")
    fields = {"created": created.replace("+00:00", "Z"), "metrics": metrics_to_json(checkpoint.metrics)}
    return {**checkpoint._asdict(), **fields}
