"""Requests of direct routes pass FastAPI's routers by, and what they are answered is the same."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute

from asg_executor.api.direct_route import DirectRoute
from asg_executor.app import create_app
from asg_executor.settings import Settings
from executor_harness.in_process import in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_data

STEP = {"inputs": {name: array.tolist() for name, array in regression_data().items()}}


def direct_routes() -> list[DirectRoute]:
    direct = create_app(Settings()).direct
    assert direct is not None
    return direct.routes


def test_no_other_route_has_the_path_of_a_direct_one() -> None:
    """Else which of them answers would depend on who is asked first."""
    direct = direct_routes()
    assert [route.path for route in direct] == [
        "/v2/models/{model_name}/infer",
        "/v2/models/{model_name}/versions/{version}/infer",
        "/v1/sessions/{session_id}/steps/{number}",
    ]
    examples = {route.path: route.path.replace("{", "").replace("}", "") for route in direct}
    for path, operations in create_app(Settings()).openapi()["paths"].items():
        example = path.replace("{", "").replace("}", "")
        found = [route.path for route in direct if route.path_regex.match(example)]
        assert found == ([path] if path in examples else []), (path, operations)


def test_what_a_direct_route_raises_is_a_problem() -> None:
    with in_process() as server:
        path = "/v1/sessions/none/steps/1"
        answer = server.http.put(path, json=STEP, headers={"X-Request-ID": "mine"})
        body = problem(answer, "unknown_session")
        assert (body["instance"], body["request_id"], answer.headers["X-Request-ID"]) == (path, "mine", "mine")
        problem(server.http.put(path, content=b"{"), "unknown_session")
        problem(server.http.put(f"{server.create_session()}/steps/1", content=b"{"), "invalid_body")


def test_another_method_is_refused_with_those_that_there_are() -> None:
    with in_process() as server:
        answer = server.http.get("/v1/sessions/none/steps/1")
        problem(answer, "method_not_allowed")
        assert answer.headers["Allow"] == "PUT"


def test_requests_are_counted_by_route() -> None:
    with in_process() as server:
        session = server.create_session()
        assert server.http.put(f"{session}/steps/1", json=STEP).status_code == 200
        line = 'asg_http_requests_total{method="PUT",route="/v1/sessions/{session_id}/steps/{number}",status="200"} 1.0'
        assert line in server.http.get("/metrics").text


def test_a_mounted_application_answers_below_its_path(monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[str] = []
    original = APIRoute.handle

    async def handle(self: APIRoute, *arguments: Any) -> None:
        handled.append(self.path)
        await original(self, *arguments)

    monkeypatch.setattr(APIRoute, "handle", handle)
    outer = FastAPI()
    outer.mount("/below", create_app(Settings()))

    async def put(path: str) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(outer), base_url="http://localhost") as client:
            return await client.put(path, json=STEP)

    answer = asyncio.run(put("/below/v1/sessions/none/steps/1"))
    problem(answer, "unknown_session")
    assert handled == ["/v1/sessions/{session_id}/steps/{number}"]
    assert asyncio.run(put("/v1/sessions/none/steps/1")).json() == {"detail": "Not Found"}
