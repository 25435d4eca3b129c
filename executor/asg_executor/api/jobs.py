"""`/v1/sessions/{id}/jobs` and `/v1/jobs`: trainings over a data set that go on by themselves."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from asg_executor.api.answer_documentation import answers
from asg_executor.api.answers import jobs as forms
from asg_executor.api.bodies import json_response, parse_json_body
from asg_executor.api.body_schema import body_schema
from asg_executor.api.dataset_upload import receive_dataset
from asg_executor.api.idempotency import IDEMPOTENCY_KEY, idempotency_key
from asg_executor.api.media_types import JSON, SAFETENSORS, body_type
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import RunAccess, TrainAccess
from asg_executor.api.tenant_service import TenantService
from asg_executor.jobs.errors import InvalidJobError
from asg_executor.jobs.job import EventType, Job, timestamp
from asg_executor.jobs.job_settings import JobSettings
from asg_executor.store.jobs import Event
from asg_schema.errors import DocumentError, Problem
from asg_schema.wire import json_pointer, parse_json, show_value

__all__ = ["event_json", "event_number", "progress_json", "router"]

router = APIRouter(prefix="/v1", tags=["jobs"])

_LONGEST_WAIT_SECONDS = 60
_PLACEHOLDER = "the data set of the body"

_NEW_JOB: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": body_schema(JobSettings)},
            SAFETENSORS: {
                "schema": {
                    "type": "string",
                    "format": "binary",
                    "description": "The data set itself; all other fields as JSON texts in its metadata.",
                }
            },
        },
    },
    **IDEMPOTENCY_KEY,
}


def _query(*names: str) -> dict[str, Any]:
    schema = {"type": "integer", "minimum": 0}
    return {"parameters": [{"name": name, "in": "query", "required": False, "schema": schema} for name in names]}


@router.post("/sessions/{session_id}/jobs", openapi_extra=_NEW_JOB, status_code=202, responses=answers(forms.Job, 202))
async def create_job(session_id: str, request: Request, service: TrainAccess) -> Response:
    """Train a session over a data set. It begins when it is its turn; until its end nothing else changes the session.

    In safetensors the body is the data set, which stays; its metadata has the other fields. With an `Idempotency-Key`
    the same request makes one job however often it is sent.
    """
    with service.admit():
        held, key, jobs = service.session(session_id), idempotency_key(request), service.jobs
        settings = await _settings(request, service, held.tenant)
        job, replayed = await jobs.create(held, settings, key)
    headers = {"Location": f"/v1/jobs/{job.id}", **({"Idempotent-Replayed": "true"} if replayed else {})}
    return json_response(job.describe(), 202, headers)


async def _settings(request: Request, service: TenantService, tenant: str) -> JobSettings:
    """What is asked for; a data set in the body is kept first, as the tenant's."""
    if body_type(request) == JSON:
        return JobSettings.parse(parse_json_body(await service.body_bytes(request, JSON)))
    fields: dict[str, Any] = {}

    def check(metadata: Mapping[str, str]) -> None:
        fields.update(_metadata_fields(metadata))
        JobSettings.parse({**fields, "dataset": _PLACEHOLDER})

    info, _ = await receive_dataset(request, service, tenant, check)
    return JobSettings.parse({**fields, "dataset": info.digest})


def _metadata_fields(metadata: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    problems: list[Problem] = []
    for name, text in metadata.items():
        if name == "dataset":
            message = "the data set is in the body; its digest is not a field of the metadata, too"
            problems.append(Problem("/dataset", "unknown_field", message))
            continue
        try:
            fields[name] = parse_json(text)
        except DocumentError as error:
            message = f"the field {show_value(name)} of the metadata holds JSON: {error.problems[0].message}"
            problems.append(Problem(json_pointer([name]), "invalid_json", message))
    if problems:
        raise InvalidJobError(problems)
    return fields


@router.get("/sessions/{session_id}/jobs", responses=answers(forms.SessionJobs))
async def list_session_jobs(session_id: str, service: RunAccess) -> Response:
    """The jobs of a session, in the order in which they were created."""
    held = service.session(session_id)
    found = [job.describe() for job in service.own_jobs() if job.record.session == held.id]
    return json_response({"jobs": found})


@router.get("/jobs", responses=answers(forms.JobList))
async def list_jobs(service: RunAccess) -> Response:
    """All jobs, in the order in which they were created; those that are damaged apart, with the reason."""
    service.jobs.wake()
    damaged = [{"id": job.id, "session": job.session, "reason": job.reason} for job in service.damaged_jobs()]
    return json_response({"jobs": [job.describe() for job in service.own_jobs()], "damaged": damaged})


@router.get("/jobs/{job_id}", openapi_extra=_query("after", "wait"), responses=answers(forms.JobWithHistory))
async def get_job(job_id: str, request: Request, service: RunAccess) -> Response:
    """A job: how far it is, its newest figures, and its reports, those after the event `after` if that is named.

    They come in parts: where `history_through` is less than `last_event`, there may be more `after` that event.
    With `wait` the answer comes once there is an event after that one, or after so many seconds, at most 60.
    """
    job, jobs = service.job(job_id), service.jobs
    jobs.wake()
    after = _number(request, "after", 0)
    seconds = min(_number(request, "wait", 0), _LONGEST_WAIT_SECONDS)
    watchers = service.whole.watchers
    tenant = service.principal.tenant
    watchers.check(tenant, service.settings.max_watchers)
    with watchers.watching(tenant), suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            changed = job.changed
            while job.last_event <= after and not job.state.is_final and not jobs.draining:
                await changed.wait()
                changed = job.changed
    events = await jobs.journal.page(job, after)
    history = [event_json(event) for event in events if event.content["type"] == EventType.REPORT.value]
    through = events[-1].number if events else max(after, job.last_event)
    return json_response({**job.describe(), "history": history, "history_through": through})


@router.post("/jobs/{job_id}/cancel", responses=answers(forms.Job))
async def cancel_job(job_id: str, service: TrainAccess) -> Response:
    """End a job after the step that it takes, and answer then. One that ended already stays as it is."""
    job, jobs = service.job(job_id), service.jobs
    await jobs.cancel(job)
    return json_response(job.describe())


@router.post("/jobs/{job_id}/resume", status_code=202, responses=answers(forms.Job, 202))
async def resume_job(job_id: str, service: TrainAccess) -> Response:
    """Let a job that failed or was cancelled go on from where it is, if its session was not changed since."""
    job, jobs = service.job(job_id), service.jobs
    with service.admit():
        await jobs.resume(job)
    return json_response(job.describe(), 202)


@router.delete("/jobs/{job_id}", status_code=204)
async def delete_job(job_id: str, service: TrainAccess) -> Response:
    """Forget a job that is at its end, or damaged. Its session stays as it is, with its checkpoints."""
    with service.admit():
        if service.has_damaged_job(job_id):
            await service.jobs.forget_damaged(job_id)
        else:
            await service.jobs.forget(service.job(job_id))
    return Response(status_code=204)


def _number(request: Request, name: str, default: int) -> int:
    return event_number(request.query_params.get(name), name, default)


def event_number(text: str | None, name: str, default: int) -> int:
    """A number that a query or a header holds.

    Args:
        text: what it holds; None for nothing.
        name: its name.
        default: what nothing means.

    Raises:
        ProblemError: it is no integer of at least 0.
    """
    if text is None:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ProblemError("invalid_request", f"{name} is {show_value(text)}; an integer of at least 0 is needed")
    return int(text)


def event_json(event: Event) -> dict[str, Any]:
    """An event as JSON."""
    return {"event": event.number, **event.content, "time": timestamp(event.content["time"])}


def progress_json(job: Job) -> dict[str, Any]:
    """How far a job is, between its events."""
    description = job.describe()
    names = ("state", "step", "steps_total", "epoch", "epochs", "figures", "steps_per_second", "eta_seconds")
    return {name: description[name] for name in names}
