"""Errors that belong to no resource: paths, methods, media types, sizes, other web sites, and bugs."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy

from asg_executor.api.problems import KINDS
from asg_executor.app import create_app
from asg_executor.sessions.session import Session
from asg_executor.settings import Settings
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION, regression_json

STEP: dict[str, Any] = {"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}


@pytest.mark.parametrize("path", ["/", "/v3", "/v1/", "/v1/graphs/", "/v1/sessions/x/y", "/redoc", "/%00"])
def test_unknown_paths(server: Server, path: str) -> None:
    problem(server.http.get(path), "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/docs", "GET"),
        ("DELETE", "/v1/graphs", "POST"),
        ("POST", "/healthz/live", "GET"),
        ("PATCH", "/v1/sessions/x", "DELETE"),
    ],
)
def test_unknown_methods(server: Server, method: str, path: str, allow: str) -> None:
    response = server.http.request(method, path)
    problem(response, "method_not_allowed")
    assert allow in response.headers["Allow"]


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/json; charset=latin-1", ""])
def test_unsupported_media_types(server: Server, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    problem(server.http.post("/v1/graphs", content=REGRESSION, headers=headers), "unsupported_media_type")
    response = server.http.put(f"{server.create_session()}/steps/1", json=STEP, headers=headers)
    problem(response, "unsupported_media_type")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/vnd.asg+json",
        pytest.param("application/x-www-form-urlencoded", id="as curl -d and urllib declare any body"),
    ],
)
def test_json_with_and_without_a_content_type(server: Server, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    request = server.http.build_request("POST", "/v1/graphs", content=REGRESSION, headers=headers)
    assert ("content-type" in request.headers) == (content_type is not None)
    assert server.http.send(request).status_code == 201


def test_a_graph_is_not_sent_as_tensors(server: Server) -> None:
    headers = {"Content-Type": "application/vnd.safetensors"}
    problem(server.http.post("/v1/graphs", content=b"", headers=headers), "unsupported_media_type")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("application/vnd.safetensors", "application/vnd.safetensors"),
        ("application/json", "application/json"),
        ("*/*", "application/json"),
        ("application/vnd.safetensors;q=0.5, application/json;q=0.4", "application/vnd.safetensors"),
        ("application/vnd.safetensors;q=0.5, application/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=0, */*", "application/vnd.safetensors"),
        ("text/html", None),
        ("application/json;q=0", None),
        ("application/json;q=x", None),
    ],
)
def test_the_answer_is_what_the_client_prefers(server: Server, accept: str, expected: str | None) -> None:
    session = server.create_session()
    response = server.http.put(f"{session}/steps/1", json=STEP, headers={"Accept": accept})
    if expected is None:
        problem(response, "not_acceptable")
        assert server.http.get(session).json()["step"] == 0
    else:
        assert response.headers["content-type"] == expected


def test_a_body_that_is_too_large() -> None:
    with in_process(max_body_bytes=2000) as server:
        assert server.http.post("/v1/graphs", content=REGRESSION).status_code == 201
        body = problem(server.http.post("/v1/graphs", content=REGRESSION + " " * 2000), "body_too_large")
        assert "2000" in body["detail"]


def test_a_body_without_a_length_is_read_no_further_than_the_limit() -> None:
    with in_process(max_body_bytes=2000) as server:
        sent = [0]

        async def endless() -> AsyncGenerator[bytes]:
            for _ in range(1000):
                sent[0] += 1
                yield b" " * 1000

        async def send() -> httpx.Response:
            async with server.asynchronous() as http:
                return await http.post("/v1/graphs", content=endless())

        problem(server.runner.run(send()), "body_too_large")
        assert sent[0] <= 4


def test_a_body_that_does_not_arrive() -> None:
    with in_process(body_timeout_seconds=0.05) as server:

        async def stalled() -> AsyncGenerator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        async def send() -> httpx.Response:
            async with server.asynchronous() as http:
                return await http.post("/v1/graphs", content=stalled())

        body = problem(server.runner.run(send()), "body_timeout")
        assert "1 bytes had come" in body["detail"]


def test_a_bug_is_logged_and_not_told(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    session = server.create_session()
    secret = "the secret of the server"

    def fail(*_: Any, **__: Any) -> Any:
        raise RuntimeError(secret)

    monkeypatch.setattr(Session, "step", fail)
    with caplog.at_level(logging.ERROR, logger="asg_executor"):
        response = server.http.put(f"{session}/steps/1", json=STEP, headers={"X-Request-ID": "my-request"})
    assert problem(response, "internal_error")["request_id"] == "my-request"
    assert secret not in response.text
    (record,) = caplog.records
    assert record.exc_info is not None
    assert secret in str(record.exc_info[1])


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-123", True), ("a" * 65, False), ("a b", False), ("<script>", False), ("", False)]
)
def test_request_ids(server: Server, given: str, kept: bool) -> None:
    response = server.http.get("/v1/graphs/x", headers={"X-Request-ID": given})
    assert (problem(response, "unknown_graph")["request_id"] == given) is kept
    assert server.http.get("/healthz/live").headers["X-Request-ID"]


def test_pages_of_other_web_sites_change_nothing(server: Server) -> None:
    for origin in ("https://evil.example", "null"):
        response = server.http.post("/v1/graphs", json=regression_json(), headers={"Origin": origin})
        problem(response, "cross_origin")
    assert server.http.post("/v1/graphs", json=regression_json(), headers={"Origin": "http://localhost"}).is_success
    assert server.http.get("/v1", headers={"Origin": "https://evil.example"}).is_success


def test_names_in_errors_may_hold_anything(server: Server) -> None:
    session = server.create_session()
    response = server.http.put(f"{session}/steps/1", content='{"inputs": {"\\u00e9/~\\"<>\\u0000": 1}}')
    body = problem(response, "interface_mismatch")
    assert body["problems"][0]["pointer"] == '/inputs/\u00e9~1~0"<>\0'
    problem(server.http.put(f"{session}/steps/1", content='{"inputs": {"\\ud800": 1}}'), "invalid_body")


def test_every_code_that_the_package_uses_is_known(server: Server) -> None:
    from asg_executor.errors import ExecutorError
    from asg_executor.sessions import errors as session_errors

    assert session_errors.StepGapError.code in KINDS

    def codes(kind: type[ExecutorError]) -> set[str]:
        return {kind.code}.union(*map(codes, kind.__subclasses__()))

    # An abstract kind has the code of its base.
    assert codes(ExecutorError) - KINDS.keys() == {"directory_in_use", "newer_directory"}, "these keep it from starting"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example"]
)
def test_a_name_that_is_made_to_lead_here_is_refused(server: Server, host: str) -> None:
    """A page of a web site whose name was made to resolve to this machine is of one origin with it (DNS rebinding)."""
    headers = {"Host": host, "Origin": f"http://{host}"}
    problem(server.http.post("/v1/graphs", json=regression_json(), headers=headers), "unknown_host")
    problem(server.http.get("/v1/sessions", headers=headers), "unknown_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:8765", "[::1]:8765", "192.168.0.7"])
def test_names_and_addresses_of_this_machine_are_answered(server: Server, host: str) -> None:
    assert server.http.get("/v1", headers={"Host": host}).is_success


def test_json_has_a_smaller_limit_than_tensors() -> None:
    with in_process(max_body_bytes=100_000, max_json_bytes=5_000) as server:
        path = f"{server.create_session()}/steps/1"
        many = {"x": np.zeros((500, 3), np.float32), "target": np.zeros((500, 1), np.float32)}
        text = {"inputs": {name: array.tolist() for name, array in many.items()}}
        found = problem(server.http.put(path, json=text), "body_too_large")
        assert "at most 5000 bytes here in JSON; as application/vnd.safetensors it may have 100000" in found["detail"]
        headers = {"Content-Type": "application/vnd.safetensors"}
        assert server.http.put(path, content=safetensors.numpy.save(many), headers=headers).is_success


def test_an_application_that_is_mounted_elsewhere_answers_under_any_name() -> None:
    transport = httpx.ASGITransport(create_app(Settings()))

    async def status() -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://models.example") as client:
            return (await client.get("/v1")).status_code

    assert asyncio.run(status()) == 200


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": {f"x{index}": 1 for index in range(500)}},
        {"inputs": {}, **{f"field{index}": 1 for index in range(500)}},
        {"inputs": {}, "outputs": list(range(500))},
    ],
    ids=["inputs", "fields", "outputs"],
)
def test_of_many_problems_the_first_hundred_are_told(server: Server, fields: dict[str, Any]) -> None:
    response = server.http.put(f"{server.create_session()}/steps/1", json=fields)
    assert response.status_code == 422
    assert len(response.json()["problems"]) == 100
    assert response.json()["detail"].endswith("\nand 400 more problems")


@pytest.mark.parametrize("pointer", ["", "/inputs", "/outputs"])
def test_a_body_of_very_many_parts_is_one_problem(server: Server, pointer: str) -> None:
    many = {f"name{index}": 1 for index in range(100_001)}
    body: dict[str, Any] = {"inputs": {}, "outputs": []}
    if pointer == "":
        body.update(many)
    elif pointer == "/inputs":
        body["inputs"] = many
    else:
        body["outputs"] = list(many.values())
    found = problem(server.http.put(f"{server.create_session()}/steps/1", json=body), "invalid_request")
    assert [(item["pointer"], item["code"]) for item in found["problems"]] == [(pointer, "too_long")]


def test_what_is_sent_comes_back_shortened(server: Server) -> None:
    long = "a" * 1_000_000
    answers = [
        server.http.get(f"/v1/sessions/{long[:30_000]}"),
        server.http.get(f"/v1/graphs/{long[:30_000]}"),
        server.http.post("/v1/sessions", json={"graphs": {"train": long}}),
        server.http.post("/v1/sessions", json={"graphs": {long: "0" * 64}}),
        server.http.post("/v1/graphs", json={long: 1, "asg": 1}),
        server.http.post(f"{server.create_session()}/run", json={"graph": long, "inputs": {}}),
        server.http.post(f"{server.create_session()}/run", json={"graph": "predict", "inputs": {long: 1}}),
        server.http.post(
            f"{server.create_session()}/run", json={"graph": "predict", "inputs": {"x": [[1, 2, 3]]}, "outputs": [long]}
        ),
        server.http.post("/v1/sessions", json={"graphs": {}, "engine": long}),
    ]
    for answer in answers:
        assert 400 <= answer.status_code < 500
        body = answer.json()
        assert long[:20_000] not in body["detail"], body["detail"][:100]
        assert len(answer.content) - len(body["instance"]) < 150_000
        assert body["error"] == body["detail"]
