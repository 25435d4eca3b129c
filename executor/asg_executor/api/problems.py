"""Errors as problem documents (RFC 9457).

Each problem has `type`, `title`, `status`, `detail` and `instance`; a `code` that is stable across releases; the
`request_id`; `retryable`, whether the same request may succeed later; and `error`, the detail once more, for clients
that look for a string there. Problems of a body stand in `problems`, each with a JSON Pointer into the body.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from asg_executor.datasets.errors import DatasetQuotaError
from asg_executor.disk_quota import DiskQuotaError
from asg_executor.errors import ExecutorError, LimitExceededError
from asg_executor.jobs.errors import InvalidJobError
from asg_executor.memory_budget import MemoryFullError
from asg_executor.optimizers.errors import OptimizerError
from asg_executor.sessions.errors import PartError, SessionError, StepError
from asg_schema.errors import MOST_PROBLEMS, AsgError, DocumentError, Problem

__all__ = [
    "KINDS",
    "MEDIA_TYPE",
    "PROBLEM_RESPONSE",
    "ProblemError",
    "ProblemKind",
    "install_problem_handlers",
    "problem_for",
    "problem_of",
    "refuse",
]

MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger("asg_executor")


class ProblemKind(NamedTuple):
    """What all problems of one code have in common.

    Attributes:
        status: the HTTP status.
        title: what it is, in a few words.
        retryable: whether the same request may succeed later.
    """

    status: int
    title: str
    retryable: bool = False


KINDS: dict[str, ProblemKind] = {
    "invalid_body": ProblemKind(400, "The body cannot be read"),
    "invalid_http": ProblemKind(400, "The request is not HTTP"),
    "unauthorized": ProblemKind(401, "A key is needed, and none that is good was sent"),
    "forbidden": ProblemKind(403, "The key does not allow this"),
    "export_not_allowed": ProblemKind(403, "The server exports nothing to this URL, and imports nothing from it"),
    "client_disconnected": ProblemKind(400, "The client went away"),
    "cross_origin": ProblemKind(403, "Requests from other web sites are refused"),
    "unknown_host": ProblemKind(403, "The service is not known by this name"),
    "not_found": ProblemKind(404, "There is no such resource"),
    "unknown_graph": ProblemKind(404, "There is no such graph"),
    "unknown_session": ProblemKind(404, "There is no such session"),
    "unknown_dataset": ProblemKind(404, "There is no such data set"),
    "unknown_job": ProblemKind(404, "There is no such job"),
    "unknown_checkpoint": ProblemKind(404, "There is no such checkpoint"),
    "unknown_export": ProblemKind(404, "There is no exported checkpoint"),
    "unknown_model": ProblemKind(404, "There is no such model"),
    "method_not_allowed": ProblemKind(405, "The resource does not know this method"),
    "not_acceptable": ProblemKind(406, "No media type that the client accepts is at hand"),
    "header_timeout": ProblemKind(408, "The headers took too long to arrive", retryable=True),
    "body_timeout": ProblemKind(408, "The body took too long to arrive", retryable=True),
    "checkpoint_exists": ProblemKind(409, "There is a checkpoint of that name"),
    "export_exists": ProblemKind(409, "There is another checkpoint at the URL"),
    "dataset_in_use": ProblemKind(409, "A job reads the data set"),
    "job_active": ProblemKind(409, "The job is not at its end"),
    "job_not_resumable": ProblemKind(409, "The job cannot go on"),
    "job_out_of_step": ProblemKind(409, "The session is at another step than the job left it at"),
    "nothing_kept": ProblemKind(409, "The server has no data directory"),
    "creation_pending": ProblemKind(409, "The session is being created", retryable=True),
    "session_busy": ProblemKind(409, "A job trains the session"),
    "step_gap": ProblemKind(409, "A step before this one is missing"),
    "step_passed": ProblemKind(409, "A later step was taken already"),
    "part_gap": ProblemKind(409, "A part before this one is missing"),
    "state_changed": ProblemKind(412, "The state is not the one that If-Match names"),
    "body_too_large": ProblemKind(413, "The body is too large"),
    "unsupported_media_type": ProblemKind(415, "The body is of a type that is not read here"),
    "invalid_request": ProblemKind(422, "The request is not valid"),
    "invalid_document": ProblemKind(422, "The document is not valid"),
    "export_damaged": ProblemKind(422, "The exported checkpoint is damaged, or is none"),
    "state_mismatch": ProblemKind(422, "The state has another digest than it says"),
    "invalid_session": ProblemKind(422, "The session cannot be created"),
    "invalid_dataset": ProblemKind(422, "The body is no data set"),
    "invalid_job": ProblemKind(422, "The job cannot be done"),
    "invalid_optimizer": ProblemKind(422, "The optimizer's settings are not valid"),
    "invalid_initializer": ProblemKind(422, "A parameter cannot be initialised"),
    "interface_mismatch": ProblemKind(422, "A tensor does not fit the document"),
    "unbound_symbol": ProblemKind(422, "The symbols of the document's shapes have no value, or contradictory ones"),
    "creation_mismatch": ProblemKind(422, "The key was sent with another request"),
    "step_mismatch": ProblemKind(422, "The step was taken with another request"),
    "part_mismatch": ProblemKind(422, "The part came before, and was another one"),
    "step_not_finite": ProblemKind(422, "The step would leave numbers that are not finite"),
    "run_failed": ProblemKind(422, "A node could not be computed for this data"),
    "index_out_of_range": ProblemKind(422, "An index is out of range"),
    "infinite_learning_rate": ProblemKind(422, "The schedule of a learning rate gives no finite one"),
    "limit_exceeded": ProblemKind(422, "A document or a run is larger than it may be"),
    "deadline_exceeded": ProblemKind(422, "The run took longer than it may"),
    "memory_limit": ProblemKind(422, "The program would take more memory than it may"),
    "unsupported_op": ProblemKind(422, "The engine cannot run an op of the document"),
    "unknown_engine": ProblemKind(422, "There is no such engine"),
    "not_supported": ProblemKind(422, "The service does not do what is asked for"),
    "executor_error": ProblemKind(422, "The executor refused the request"),
    "quota_exceeded": ProblemKind(429, "The tenant has as much as it may"),
    "too_many_requests": ProblemKind(429, "The tenant has too many requests under way", retryable=True),
    "headers_too_large": ProblemKind(431, "The headers are too large"),
    "internal_error": ProblemKind(500, "The server made a mistake"),
    "session_damaged": ProblemKind(500, "The session's files are damaged"),
    "job_damaged": ProblemKind(500, "What is kept of the job is damaged"),
    "damaged_file": ProblemKind(500, "A file of the server is damaged"),
    "store_error": ProblemKind(500, "The server cannot use its data directory"),
    "storage_failed": ProblemKind(500, "The server's disk failed"),
    "export_unavailable": ProblemKind(501, "The server has no library for this kind of URL"),
    "export_failed": ProblemKind(502, "The storage that the URL names failed", retryable=True),
    "storage_full": ProblemKind(507, "The server's disk is full", retryable=True),
    "out_of_memory": ProblemKind(503, "The server has no memory left for this", retryable=True),
    "overloaded": ProblemKind(503, "The server has too much to do", retryable=True),
    "too_many_connections": ProblemKind(503, "The server has as many connections as it may", retryable=True),
    "too_many_sessions": ProblemKind(503, "The server holds as many sessions as it may", retryable=True),
    "starting": ProblemKind(503, "The server is starting", retryable=True),
    "inference_timeout": ProblemKind(503, "The inference did not begin in the time that was given", retryable=True),
    "too_many_datasets": ProblemKind(503, "The server keeps as many data sets as it may", retryable=True),
    "too_many_jobs": ProblemKind(503, "The server has as many jobs as it may", retryable=True),
    "draining": ProblemKind(503, "The server is shutting down", retryable=True),
}
"""Every code that a problem may have."""

PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "A problem document (RFC 9457).",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
"""How OpenAPI describes every error."""

_RETRY_AFTER_SECONDS = 1
_MOST_DETAIL, _MOST_MESSAGE = 16_384, 2048
_CODES_OF_STATUS = {404: "not_found", 413: "body_too_large"}


class ProblemError(Exception):
    """A request fails with this problem.

    Args:
        code: a key of `KINDS`.
        detail: what is wrong and what would be right.
        problems: the faults of the body, if it has any.
        extensions: further members of the problem document.
        headers: further headers of the response.
    """

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        problems: Sequence[Problem] = (),
        extensions: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code = code
        self.kind = KINDS[code]
        self.detail = detail
        self.problems = tuple(problems)
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})
        super().__init__(detail)

    def response(self, path: str, request_id: str) -> Response:
        """The HTTP response.

        Args:
            path: the path of the request.
            request_id: the request's id.
        """
        kind = self.kind
        detail = _shortened(self.detail, _MOST_DETAIL)
        content: dict[str, Any] = {
            "type": f"/docs#problem-{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": detail,
            "instance": path,
            "code": self.code,
            "request_id": request_id,
            "retryable": kind.retryable,
            "error": detail,
        }
        if self.problems:
            content["problems"] = [
                {name: _shortened(text, _MOST_MESSAGE) for name, text in problem._asdict().items()}
                for problem in self.problems
            ]
        headers = dict(self.headers)
        # There are clients that repeat every 409 and 429 by themselves.
        if kind.status in (409, 422) or (kind.status == 429 and not kind.retryable):
            headers["x-should-retry"] = "false"
        if kind.status in (429, 503) and kind.retryable:
            headers.setdefault("Retry-After", str(_RETRY_AFTER_SECONDS))
        body = json.dumps({**content, **self.extensions}, ensure_ascii=False).encode("utf-8", "backslashreplace")
        return Response(body, kind.status, headers, MEDIA_TYPE)


def _shortened(text: str, most: int) -> str:
    """A text without its middle where it is longer than anybody reads: a request may have had names of megabytes."""
    return text if len(text) <= most else f"{text[: most // 2]} … {text[-most // 4 :]}"


def refuse(code: str, problems: Sequence[Problem]) -> None:
    """Refuse a request that has problems; do nothing where there are none.

    Raises:
        ProblemError: there are problems.
    """
    if problems:
        raise problem_of(code, problems)


def problem_of(code: str, problems: Sequence[Problem]) -> ProblemError:
    """The problem that consists of these; the first 100 where there are more."""
    kept = problems[:MOST_PROBLEMS]
    more = [f"and {len(problems) - len(kept)} more problems"] if len(problems) > len(kept) else []
    return ProblemError(code, "\n".join([*map(str, kept), *more]), problems=kept)


def problem_for(error: Exception) -> ProblemError:
    """The problem that an exception is to the client. What is not foreseen is logged and told without details."""
    if isinstance(error, ProblemError):
        return error
    if isinstance(error, DocumentError):
        return ProblemError("invalid_document", str(error), problems=error.problems)
    if isinstance(error, SessionError | OptimizerError | InvalidJobError):
        return problem_of(error.code, error.problems)
    if isinstance(error, ExecutorError):
        return ProblemError(error.code, str(error), extensions=_extensions(error))
    if isinstance(error, AsgError):
        return ProblemError("executor_error", str(error))
    if isinstance(error, MemoryError):
        _log.error("out of memory", exc_info=error)
        return ProblemError("out_of_memory", "there was not enough memory for this request")
    if isinstance(error, HTTPException):
        return _http_problem(error)
    _log.error("unexpected error", exc_info=error)
    return ProblemError("internal_error", "an unexpected error happened; the server's log has it under the request_id")


def _extensions(error: ExecutorError) -> dict[str, Any]:
    """What a program needs to know of an error, beside its code."""
    if isinstance(error, StepError):
        return {"expected_step": error.expected}
    if isinstance(error, PartError):
        return {"expected_part": error.expected}
    if isinstance(error, DatasetQuotaError):
        return {"quota": "dataset_bytes", "used": error.used, "wanted": error.wanted, "maximum": error.maximum}
    if isinstance(error, DiskQuotaError):
        return {"quota": "disk_bytes", "used": error.used, "wanted": error.wanted, "maximum": error.maximum}
    if isinstance(error, LimitExceededError | MemoryFullError):
        return {"limit": error.limit, "value": error.value, "maximum": error.maximum}
    return {}


def _method_problem(request: Request, error: HTTPException) -> ProblemError:
    """The problem of a method that none of the path's routes knows. The error itself knows but one route's methods."""
    parts = request.url.path.split("/")
    known = {
        method.upper()
        for template, operations in request.app.openapi()["paths"].items()
        if _matches(template.split("/"), parts)
        for method in operations
    }
    allowed = ", ".join(sorted(known)) or (error.headers or {}).get("Allow", "GET")
    return ProblemError("method_not_allowed", f"this resource knows {allowed}", headers={"Allow": allowed})


def _matches(template: Sequence[str], parts: Sequence[str]) -> bool:
    return len(template) == len(parts) and all(
        own == given or own.startswith("{") for own, given in zip(template, parts, strict=True)
    )


def _http_problem(error: HTTPException) -> ProblemError:
    code = _CODES_OF_STATUS.get(error.status_code)
    if code is None:
        _log.error("unexpected HTTP error %s", error.status_code, exc_info=error)
        return ProblemError("internal_error", HTTPStatus(error.status_code).phrase)
    detail = "there is no resource at this path; /docs lists them" if code == "not_found" else error.detail
    return ProblemError(code, detail, headers=error.headers)


def install_problem_handlers(app: FastAPI) -> None:
    """Answer every exception that a route raises with a problem document."""

    async def answer(request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException) and error.status_code == 405:
            error = _method_problem(request, error)
        return problem_for(error).response(request.url.path, request.state.request_id)

    for kind in (ProblemError, AsgError, MemoryError, HTTPException, RequestValidationError):
        app.add_exception_handler(kind, answer)
