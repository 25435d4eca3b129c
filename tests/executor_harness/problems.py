"""Reading problem documents."""

from typing import Any

import httpx

from asg_executor.api.problems import KINDS

__all__ = ["problem"]


def problem(response: httpx.Response, code: str) -> dict[str, Any]:
    """The problem in a response, found to be complete and of this code."""
    body = response.json()
    assert body.get("code") == code, body
    kind = KINDS[code]
    assert response.status_code == kind.status == body["status"], body
    assert response.headers["content-type"] == "application/problem+json"
    assert body["type"] == f"/docs#problem-{code}"
    assert body["title"] == kind.title
    assert body["retryable"] is kind.retryable
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["x-request-id"]
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert body["error"] == body["detail"]
    if response.status_code in (409, 422):
        assert response.headers["x-should-retry"] == "false"
    if response.status_code in (429, 503) and kind.retryable:
        assert int(response.headers["retry-after"]) >= 1
    assert "Traceback" not in response.text
    return body
