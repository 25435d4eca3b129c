"""`/v1/jobs/{id}/events`: what happens to a job, as server-sent events.

(https://html.spec.whatwg.org/multipage/server-sent-events.html) An event is read from the disk once its consumer has
taken those before it, so that one who is slow takes no memory. How far a job is between its events is told without an
id: there is nothing to repeat of it.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response, StreamingResponse

from asg_executor.api.jobs import event_json, event_number, progress_json
from asg_executor.api.problems import ProblemError
from asg_executor.api.scoped_access import RunAccess
from asg_executor.jobs.job import Job, JobState
from asg_executor.jobs.runner import JobRunner
from asg_executor.store.jobs import Event

__all__ = ["event_stream", "router"]

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

_HEARTBEAT_SECONDS = 15.0
_RECONNECT_MILLISECONDS = 1000
_TYPE = "text/event-stream"

_STREAM = {
    "type": "string",
    "description": "Server-sent events. The data of one with an id is a `JobEvent` in JSON, that of one of the type "
    "`progress` a `JobProgress`.",
}

_DOCUMENTATION: dict[str, Any] = {
    "parameters": [
        {
            "name": "Last-Event-ID",
            "in": "header",
            "required": False,
            "schema": {"type": "integer", "minimum": 0},
            "description": "The last event that the client has; absent: none.",
        }
    ]
}


@router.get(
    "/{job_id}/events",
    openapi_extra=_DOCUMENTATION,
    response_class=StreamingResponse,
    responses={
        200: {"description": "The events.", "content": {_TYPE: {"schema": _STREAM}}},
        204: {"description": "The job is at its end, and the client has its last event."},
    },
)
async def job_events(job_id: str, request: Request, service: RunAccess) -> Response:
    """All events of a job after `Last-Event-ID`, as they happen, until its end; in between how far it is.

    Whoever reconnects with the id of the last event that it got misses none and gets none twice, also after a restart
    of the server.
    """
    job, jobs, watchers = service.job(job_id), service.jobs, service.whole.watchers
    jobs.wake()
    after = event_number(request.headers.get("last-event-id"), "Last-Event-ID", 0)
    if after > job.last_event:
        raise ProblemError(
            "invalid_request", f"Last-Event-ID is {after}; the last event of the job is {job.last_event}"
        )
    if job.state.is_final and after >= job.last_event:
        return Response(status_code=204)  # a browser does not reconnect then
    tenant = service.principal.tenant
    watchers.check(tenant, service.settings.max_watchers)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(event_stream(job, jobs, watchers.watching(tenant), after), 200, headers, _TYPE)


async def event_stream(
    job: Job, jobs: JobRunner, watching: AbstractContextManager[None], after: int
) -> AsyncGenerator[bytes]:
    """The body of a stream, piece by piece, until the job is at its end or the server shuts down.

    Args:
        job: the job.
        jobs: all jobs.
        watching: entered meanwhile.
        after: the number of the event that it begins behind.
    """
    with watching:
        yield f"retry: {_RECONNECT_MILLISECONDS}\n\n".encode()
        told = -1
        while True:
            changed = job.changed
            while job.last_event > after:
                pieces, after = _told(await jobs.journal.page(job, after), after)
                if not pieces:
                    return  # the job was deleted meanwhile
                for piece in pieces:  # which may take long; nothing else of the events is held meanwhile
                    yield piece
            if job.state.is_final:
                return
            if jobs.draining:
                yield b": the server is shutting down\n\n"
                return
            if job.state is JobState.RUNNING and job.position != told:
                told = job.position
                yield _message("progress", progress_json(job))
            if changed.is_set():
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT_SECONDS):
                    await changed.wait()
            if not changed.is_set():
                yield b": nothing new\n\n"


def _told(events: Sequence[Event], after: int) -> tuple[list[bytes], int]:
    """The messages of events, and the number of the last; `after` where there is none."""
    pieces = [_message(event.content["type"], event_json(event), event.number) for event in events]
    return pieces, events[-1].number if events else after


def _message(kind: str, content: Mapping[str, Any], number: int | None = None) -> bytes:
    id = "" if number is None else f"id: {number}\n"
    return f"{id}event: {kind}\ndata: {json.dumps(content, allow_nan=False)}\n\n".encode()
