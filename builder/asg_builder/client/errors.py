# ruff: noqa: N818 - the names say what happened, as those of urllib3 and httpx do: `except NotFound`
"""What can go wrong between a client and the executor.

ClientError
├── ConnectionFailed       no answer came: refused or dropped; `.sent`
│   ├── TimedOut           nothing came from the server in time
│   └── TlsFailed          there is no secure connection to it: a certificate, or a server without TLS
├── JobFailed              a job of the executor could not go on; `.code`, `.detail`, `.retryable`
├── JobCancelled           somebody ended it
├── LocalServerFailed      `Client.local()` could not start its server
├── UnexpectedAnswer       something answered that is not an ASG executor, or a broken one
└── ServiceError           the executor answered with a problem (RFC 9457)
    ├── ValidationProblem  400, 415, 422: the request or a document is wrong; `.problems`
    ├── AccessDenied       401, 403
    ├── NotFound           404
    ├── Conflict           409, 412: the state is not the one that the request assumes; `.expected_step`
    ├── TooLarge           413
    ├── Overloaded         429, 503: to be tried again later; `.retry_after`
    ├── QuotaExceeded      429: the tenant has as much as it may, and waiting does not help; `.content` has the figures
    └── ServerFault        any other 5xx: the server made a mistake
        └── StorageFull    507: its disk is full; nothing was changed
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from asg_schema.errors import AsgError, Problem

__all__ = [
    "AccessDenied",
    "ClientError",
    "Conflict",
    "ConnectionFailed",
    "JobCancelled",
    "JobFailed",
    "LocalServerFailed",
    "NotFound",
    "Overloaded",
    "QuotaExceeded",
    "ServerFault",
    "ServiceError",
    "StorageFull",
    "TimedOut",
    "TlsFailed",
    "TooLarge",
    "UnexpectedAnswer",
    "ValidationProblem",
    "error_from_answer",
]


class ClientError(AsgError):
    """The root of the client's errors."""


class ConnectionFailed(ClientError):
    """No answer came. Whether the request was carried out is not known, unless it was never sent.

    Attributes:
        sent: whether the request may have reached the server.
        retryable: whether it may be sent again, if it is idempotent or was never sent.
        request_id: under which the server's log has the request, if it reached it.
    """

    retryable = True

    def __init__(self, message: str, *, sent: bool, request_id: str = "") -> None:
        self.sent = sent
        self.request_id = request_id
        super().__init__(message)


class TimedOut(ConnectionFailed):
    """Nothing came from the server in time."""


class TlsFailed(ConnectionFailed):
    """There is no secure connection to the server."""

    retryable = False


class JobFailed(ClientError):
    """A job of the executor could not go on.

    Attributes:
        job: its id.
        code: what kind of problem it is, as of a `ServiceError`.
        detail: what is wrong.
        retryable: whether `Job.resume` may succeed later.
    """

    def __init__(self, job: str, error: Mapping[str, Any]) -> None:
        self.job = job
        self.code = str(error.get("code", "unknown"))
        self.detail = str(error.get("detail", "no detail"))
        self.retryable = error.get("retryable") is True
        super().__init__(f"the job {job} failed: {self.detail} ({self.code})")


class JobCancelled(ClientError):
    """Somebody ended a job before its last step."""


class LocalServerFailed(ClientError):
    """The server that `Client.local()` starts did not come up."""


class UnexpectedAnswer(ClientError):
    """Something answered that is not an ASG executor, or not in the way that one answers."""


class ServiceError(ClientError):
    """The executor answered with a problem.

    Attributes:
        status: the HTTP status.
        code: what kind of problem it is, stable across releases: `unknown_session`, `step_gap`, …
        detail: what is wrong and what would be right.
        request_id: under which the server's log has the request.
        retryable: whether the same request may succeed later, nothing having been changed.
        problems: the faults of the request's body, each with its JSON Pointer.
        retry_after: after how many seconds to try again, where the server says so.
        expected_step: which step the server waits for, where the request named another.
        content: the members of the problem document, those that only some kinds of problem have among them.
        headers: the response's headers, by name in lower case.
    """

    def __init__(self, status: int, content: Mapping[str, Any], headers: Mapping[str, str]) -> None:
        self.status = status
        self.content = dict(content)
        self.headers = dict(headers)
        self.code = str(content.get("code", "unknown"))
        self.detail = str(content.get("detail") or content.get("error") or content.get("title") or "no detail")
        self.request_id = str(content.get("request_id") or headers.get("x-request-id", ""))
        self.retryable = content.get("retryable") is True and headers.get("x-should-retry") != "false"
        self.problems = tuple(_problems(content.get("problems")))
        self.retry_after = _seconds(headers.get("retry-after"))
        expected = content.get("expected_step")
        self.expected_step = expected if isinstance(expected, int) else None
        super().__init__(f"{self.detail} (HTTP {status}, {self.code})")


class ValidationProblem(ServiceError):
    """The request, or a document in it, is wrong; sending it again cannot help."""


class AccessDenied(ServiceError):
    """The key is missing or does not allow this."""


class NotFound(ServiceError):
    """There is no such graph, session or resource, or not for this key."""


class Conflict(ServiceError):
    """The state is not the one that the request assumes."""


class TooLarge(ServiceError):
    """The body is larger than the server takes."""


class Overloaded(ServiceError):
    """The server has too much to do, or is shutting down; nothing was changed."""


class QuotaExceeded(ServiceError):
    """The tenant has as much as it may: delete what is not needed, or have the quota raised. Waiting does not help."""


class ServerFault(ServiceError):
    """The server made a mistake."""


class StorageFull(ServerFault):
    """The server's disk is full; nothing was changed, and the request may succeed once there is room."""


_BY_STATUS: dict[int, type[ServiceError]] = {
    400: ValidationProblem,
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    413: TooLarge,
    415: ValidationProblem,
    422: ValidationProblem,
    429: Overloaded,
    503: Overloaded,
    507: StorageFull,
}
_BY_CODE: dict[str, type[ServiceError]] = {"quota_exceeded": QuotaExceeded}
_UNAVAILABLE = {  # what a proxy in front of the service answers by itself
    429: ("unavailable", "the server is not available", True),
    502: ("bad_gateway", "a gateway got no answer from the server", False),
    503: ("unavailable", "the server is not available", True),
    504: ("gateway_timeout", "a gateway waited too long for the server", False),
}


def _problems(listed: Any) -> list[Problem]:
    if not isinstance(listed, list):
        return []
    entries = [cast("dict[str, Any]", item) for item in cast("list[Any]", listed) if isinstance(item, dict)]
    return [Problem(str(e.get("pointer", "")), str(e.get("code", "")), str(e.get("message", ""))) for e in entries]


def _seconds(header: str | None) -> float | None:
    """The seconds that a `Retry-After` header asks to wait, given as a number or as a date."""
    if header is None:
        return None
    if header.strip().isdecimal():
        return float(header)
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    aware = until if until.tzinfo is not None else until.replace(tzinfo=UTC)
    return max(0.0, (aware - datetime.now(UTC)).total_seconds())


def error_from_answer(status: int, headers: Mapping[str, str], body: bytes) -> ClientError:
    """The error that an answer is.

    Args:
        status: an HTTP status of 300 or more.
        headers: its headers, by name in lower case.
        body: its body.
    """
    kind = _BY_STATUS.get(status, ServerFault if status >= 500 else ServiceError)
    try:
        content = json.loads(body)
    except ValueError:
        content = None
    members = cast("dict[str, Any]", content) if isinstance(content, dict) else {}
    if isinstance(members.get("code"), str):  # others answer JSON, too: web servers, gateways
        return _BY_CODE.get(members["code"], kind)(status, members, headers)
    if status in _UNAVAILABLE:
        code, detail, retryable = _UNAVAILABLE[status]
        return kind(status, {"detail": detail, "code": code, "retryable": retryable}, headers)
    if "location" in headers:
        return UnexpectedAnswer(
            f"HTTP {status}: it is elsewhere, at {headers['location']}; a client asks the very address that it is given"
        )
    start = body[:120].decode("utf-8", "replace")
    return UnexpectedAnswer(
        f"HTTP {status} with a body that is no problem document, so that what listens there, or something "
        f"between, seems to be no ASG executor: {start!r}"
    )
