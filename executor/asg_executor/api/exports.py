"""Checkpoints exported to URLs, and imported from them: into a session, or as a new one."""

import asyncio
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field, StrictStr
from starlette.responses import Response

from asg_executor.access.principal import Principal, Scope
from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers.checkpoints import Checkpoint, ExportedState
from asg_executor.api.answers.sessions import Session
from asg_executor.api.bodies import Body, json_response
from asg_executor.api.body_documentation import json_documentation
from asg_executor.api.checkpoints import checkpoint_name, describe_checkpoint, found_checkpoint
from asg_executor.api.descriptions import describe_session
from asg_executor.api.document_limits import check_document, check_optimizer
from asg_executor.api.entity_tags import IF_MATCH, check_state, etag, required_state
from asg_executor.api.idempotency import IDEMPOTENCY_KEY, idempotency_key
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import TrainAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.exports.exported_checkpoint import ExportedCheckpoint, read_export, write_export
from asg_executor.exports.places import ExportPlace, open_place
from asg_executor.sessions.checkpointing import add_state
from asg_executor.sessions.durability import parse_durability
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import adopt_state
from asg_executor.sessions.registry import SessionRequest
from asg_executor.sessions.session_settings import CreationKey
from asg_schema.wire import show_value

__all__ = ["allowed_prefixes", "router"]

router = APIRouter(prefix="/v1/sessions", tags=["checkpoints"])

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=+-]{0,127}\Z")
_MOST_SEGMENTS = 16


class ExportBody(Body):
    """Where to export a checkpoint."""

    url: StrictStr = Field(max_length=2000, description="A directory, below one of the server's `export_urls`.")


class ImportBody(Body):
    """Which exported checkpoint to import."""

    url: StrictStr = Field(max_length=2000, description="The URL that it was exported to.")
    name: StrictStr | None = Field(
        default=None, description="Its name in the session: as for a new checkpoint; absent: step-<number>."
    )


class ImportSessionBody(Body):
    """Which exported checkpoint a new session is to be."""

    url: StrictStr = Field(max_length=2000, description="The URL that it was exported to.")
    engine: StrictStr | None = Field(default=None, description="The engine; absent: that of the exported session.")
    durability: Any = Field(default=None, description="As for other sessions; absent: that of the exported session.")


_IMPORT: dict[str, Any] = {**json_documentation(ImportSessionBody), **IDEMPOTENCY_KEY}


@router.post(
    "/{session_id}/checkpoints/{name}/export",
    openapi_extra=json_documentation(ExportBody),
    responses=answers(ExportedState),
)
async def export_checkpoint(session_id: str, name: str, request: Request, service: TrainAccess) -> Response:
    """Write a checkpoint to a URL, with all that it takes to go on from it elsewhere: documents, optimizer and seed.

    It counts there once all of it is written; what was interrupted is sent again. None is replaced by another.
    """
    with service.admit():
        held = service.session_with_checkpoints(session_id)
        body = await service.json_body(request, ExportBody)
        place = await _place(service, body.url)

        def read() -> ExportedCheckpoint:
            checkpoint = found_checkpoint(held, name)
            return ExportedCheckpoint(held.settings, held.checkpoints.read(name), checkpoint.metrics)

        exported = await service.pool.run_locked(held.lock, read)
        # Another machine may be slow: no thread that computes waits for it.
        size = await asyncio.to_thread(write_export, place, exported)
    state = exported.state
    return json_response({"url": place.url, "step": state.number, "digest": state.digest, "bytes": size})


@router.post(
    "/{session_id}/checkpoints/import",
    openapi_extra={**json_documentation(ImportBody), **IF_MATCH},
    status_code=201,
    responses=answers(Checkpoint, 201),
)
async def import_checkpoint(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Have an exported checkpoint among those of a session with the same parameters and the same optimizer.

    Every byte is compared with the checksums of the export before it counts. The session itself stays as it is until
    the checkpoint is restored. The imported checkpoint is pinned.
    """
    with service.admit():
        held = service.session(session_id)
        required = required_state(request)
        body = await service.json_body(request, ImportBody)
        place = await _place(service, body.url)
        exported = await _read(service, place)

        def add() -> Response:
            name = checkpoint_name(body.name, exported.state.number)
            if required is not None:
                check_state(required, held.digest())
            checkpoint = add_state(held, name, exported.state, exported.metrics)
            location = f"/v1/sessions/{held.id}/checkpoints/{name}"
            return json_response(describe_checkpoint(checkpoint), 201, {"Location": location})

        return await service.pool.run_locked(held.lock, add)


@router.post("/import", openapi_extra=_IMPORT, status_code=201, responses=answers(Session, 201))
async def import_session(request: Request, service: TrainAccess) -> Response:
    """Create a session that is what an exported checkpoint was: documents, optimizer, seed, weights and step.

    It goes on as the exported one would have, bit for bit on the same engine. `Idempotency-Key` is as for other
    sessions.
    """
    with service.admit():
        key = idempotency_key(request)
        body = await service.json_body(request, ImportSessionBody)
        exported = await _read(service, await _place(service, body.url))
        creation = None if key is None else CreationKey(key, sha256(body.model_dump_json().encode()).hexdigest())
        settings = replace(exported.settings, creation=creation, engine=body.engine or exported.settings.engine)
        if body.durability is not None:
            settings = replace(settings, durability=parse_durability(body.durability))
        store = None if service.directory is None else service.directory.sessions
        limit, tenant = service.settings.max_memory_bytes, service.principal.tenant

        async def make() -> HeldSession:
            return await service.pool.run(lambda: adopt_state(settings, exported.state, limit, store, tenant))

        wanted = SessionRequest(tenant, await service.pool.run(settings.required_bytes), creation)
        held, replayed = await service.create_session(wanted, make)
        description = await service.pool.run_locked(held.lock, lambda: describe_session(held))
    headers = {"Location": f"/v1/sessions/{held.id}", **etag(description["digest"])}
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return json_response(description, 201, headers)


async def _read(service: TenantService, place: ExportPlace) -> ExportedCheckpoint:
    """An exported checkpoint, within the limits of the settings."""
    nodes = service.settings.max_nodes

    def inspect(source: Any) -> None:
        check_document(source, nodes)
        check_optimizer(source, nodes)

    return await asyncio.to_thread(read_export, place, service.settings.max_memory_bytes, inspect)


async def _place(service: TenantService, url: str) -> ExportPlace:
    """The place that a URL names, if the settings let the principal use it.

    Raises:
        ProblemError: they do not, or the URL is none of a directory below.
        ExportError: the place cannot be used.
    """
    prefixes = allowed_prefixes(service.settings.export_urls or (), service.principal)
    prefix = next((prefix for prefix in prefixes if url.startswith(prefix)), None)
    if prefix is None:
        allowed = f"below {', '.join(prefixes)}" if prefixes else "to no URL; its setting export_urls would say where"
        raise ProblemError("export_not_allowed", f"url is {show_value(url)}; this server exports {allowed}")
    segments = url.removeprefix(prefix).removesuffix("/").split("/")
    if len(segments) > _MOST_SEGMENTS or not all(map(_SEGMENT.match, segments)):
        raise ProblemError(
            "export_not_allowed",
            f"url is {show_value(url)}; after {prefix} at most {_MOST_SEGMENTS} names of directories are needed, each "
            "of up to 128 letters, digits and . _ = + -, a letter or digit first",
        )
    return await asyncio.to_thread(open_place, prefix, "/".join(segments))


def allowed_prefixes(allowed: tuple[str, ...], principal: Principal) -> list[str]:
    """The beginnings of URLs that a principal may use: its tenant's own, and for an administrator all others."""
    named = bool(_SEGMENT.match(principal.tenant))
    return [
        prefix.replace("{tenant}", principal.tenant)
        for prefix in allowed
        if (named if "{tenant}" in prefix else principal.may(Scope.ADMIN))
    ]
