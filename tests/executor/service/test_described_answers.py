"""That every answer of the tests is compared with its description, and that one which differs is found."""

import json
from typing import Any

import httpx
import pytest

from executor_harness.described_answers import check_answer, check_events

NOTICE = {"event": 1, "type": "queued", "time": "2026-01-01T00:00:00.000Z", "step": 0}
PARTS = {"step": 1, "expected_part": 0, "bytes": 0}
PATH = "/v1/sessions/0f8c3f3b5d0e4f6c9a7d1b2e4c6a8e0f/steps/1/parts"


def answer(status: int, content: Any, path: str = PATH, media_type: str = "application/json") -> httpx.Response:
    request = httpx.Request("GET", f"http://localhost{path}")
    body = json.dumps(content).encode()
    return httpx.Response(status, headers={"Content-Type": media_type}, content=body, request=request)


def test_an_answer_as_it_is_described() -> None:
    check_answer(answer(200, PARTS))


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (answer(200, {**PARTS, "more": 1}), "more"),
        (answer(200, {"step": 1, "bytes": 0}), "expected_part"),
        (answer(200, {**PARTS, "bytes": "0"}), "bytes"),
        (answer(200, {**PARTS, "digest": "abc"}), "digest"),
        (answer(201, PARTS), "the status is not described"),
        (answer(200, PARTS, media_type="text/plain"), "text/plain is not described"),
        (answer(404, {"code": "unknown_session"}, media_type="application/problem+json"), "required"),
    ],
)
def test_an_answer_that_is_not_as_described_is_found(response: httpx.Response, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check_answer(response)


def test_an_event_that_is_not_as_described_is_found() -> None:
    def stream(number: str, content: dict[str, Any]) -> str:
        return f"retry: 1000\n\n: nothing new\n\n{number}event: x\ndata: {json.dumps(content)}\n\n"

    check_events(stream("id: 1\n", NOTICE))
    for number, content in (("id: 1\n", {**NOTICE, "more": 1}), ("id: 1\n", {"event": 1}), ("", NOTICE)):
        with pytest.raises(AssertionError, match="JobEvent" if number else "JobProgress"):
            check_events(stream(number, content))
