"""Which error each answer is, and what it tells."""

import re
import socket
import ssl
from collections.abc import Sequence
from typing import Any

import httpx
import pytest

from asg_builder.client import (
    AccessDenied,
    Conflict,
    ConnectionFailed,
    NotFound,
    Overloaded,
    ServerFault,
    ServiceError,
    StorageFull,
    TimedOut,
    TlsFailed,
    TooLarge,
    UnexpectedAnswer,
    ValidationProblem,
    errors,
)
from builder_harness.scripted_transport import KINDS, Kind, Script, problem


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Which transport is tested."""
    return request.param


STATUSES: Sequence[tuple[int, type[ServiceError]]] = [
    (400, ValidationProblem),
    (401, AccessDenied),
    (403, AccessDenied),
    (404, NotFound),
    (405, ServiceError),
    (409, Conflict),
    (412, Conflict),
    (413, TooLarge),
    (415, ValidationProblem),
    (422, ValidationProblem),
    (429, Overloaded),
    (500, ServerFault),
    (503, Overloaded),
    (507, StorageFull),
]


@pytest.mark.parametrize(("status", "expected"), STATUSES)
def test_the_error_of_each_status(kind: Kind, status: int, expected: type[ServiceError]) -> None:
    fields: dict[str, Any] = {
        "problems": [{"pointer": "/inputs/x", "code": "shape", "message": "too short"}, "junk"],
        "request_id": "r1",
        "expected_step": 4,
    }
    script = Script(kind, problem(status, **fields), retries=0)
    with pytest.raises(ServiceError) as failed:
        script.ask("GET", "/v1")
    error = failed.value
    assert type(error) is expected
    assert (error.status, error.code, error.detail, error.request_id) == (status, "some_code", "what is wrong", "r1")
    assert [str(item) for item in error.problems] == ["/inputs/x: too short"]
    assert error.expected_step == 4
    assert str(error) == f"what is wrong (HTTP {status}, some_code)"


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (httpx.Response(404, text="not here"), "HTTP 404 with a body that is no problem document.*: 'not here'"),
        (httpx.Response(500, content=b"[1]"), "no problem document"),
        (httpx.Response(302, headers={"location": "/"}), "HTTP 302"),
        (httpx.Response(301, headers={"location": "https://a/v1"}), "HTTP 301: it is elsewhere, at https://a/v1; "),
        (httpx.Response(404, json={"detail": "Not Found"}), "HTTP 404 with a body that is no problem document"),
        (httpx.Response(422, json={"code": None}), "HTTP 422 with a body that is no problem document"),
        (httpx.Response(200, text="hi", headers={"content-type": "text/plain"}), 'answered "text/plain"'),
    ],
)
def test_what_is_no_executor(kind: Kind, reply: httpx.Response, message: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=message):
        Script(kind, reply).ask("GET", "/v1")


HINTS = [
    (httpx.ConnectError("[Errno 111] Connection refused"), None, 'no executor listens there; "asg serve" starts one'),
    (
        httpx.ConnectError("[Errno -2]"),
        socket.gaierror(-2, "unknown"),
        'the host name in "http://executor" is not known',
    ),
    (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]"), ssl.SSLError(), "SSL_CERT_FILE names a file"),
    (httpx.ConnectError("[SSL: WRONG_VERSION_NUMBER]"), ssl.SSLError(), "begins with http://"),
]


@pytest.mark.parametrize(("error", "cause", "hint"), HINTS, ids=["refused", "unknown host", "certificate", "no TLS"])
def test_an_error_tells_what_can_be_done(kind: Kind, error: Exception, cause: Exception | None, hint: str) -> None:
    error.__cause__ = cause
    script = Script(kind, error, retries=0)
    with pytest.raises(ConnectionFailed, match=re.escape(hint)) as failed:
        script.ask("GET", "/v1")
    assert not failed.value.sent
    assert isinstance(failed.value, TlsFailed) is isinstance(cause, ssl.SSLError)


def test_a_certificate_does_not_get_better(kind: Kind) -> None:
    error = httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.__cause__ = ssl.SSLError()
    script = Script(kind, error)
    with pytest.raises(TlsFailed):
        script.ask("GET", "/v1")
    assert len(script.requests) == 1


def test_a_time_out_has_an_error_of_its_own(kind: Kind) -> None:
    script = Script(kind, httpx.ReadTimeout("slow"), retries=0)
    with pytest.raises(TimedOut, match="GET http://executor/v1 timed out: slow") as failed:
        script.ask("GET", "/v1")
    assert failed.value.sent


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    classes = [name for name in errors.__all__ if isinstance(getattr(errors, name), type)]
    found: dict[int, type[Exception]] = {}
    for line in (errors.__doc__ or "").splitlines():
        match = re.match(r"((?:│   |    )*)(?:[├└]── )?(\w+)(?:  |$)", line)
        if match is None or not hasattr(errors, match[2]):
            continue
        depth = len(match[1]) // 4 + ("── " in line)
        found[depth] = getattr(errors, match[2])
        assert depth == 0 or found[depth].__bases__ == (found[depth - 1],)
        classes.remove(match[2])
    assert not classes


def test_an_error_tells_of_the_last_attempt_alone(kind: Kind) -> None:
    unknown = httpx.ConnectError("[Errno -2]")
    unknown.__cause__ = socket.gaierror(-2, "unknown")
    refused = httpx.ConnectError("refused")
    script = Script(kind, unknown, refused, refused, retries=2)
    with pytest.raises(ConnectionFailed, match='refused; no executor listens there; "asg serve" starts one'):
        script.ask("GET", "/v1")
