"""A session that is asked for twice under one key is one session."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy

from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_gradient

KEY = {"Idempotency-Key": "a-key"}


def request(server: Server, **fields: Any) -> dict[str, Any]:
    digest = server.add_graph(regression_gradient().to_json())
    return {"graphs": {"train": digest}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, **fields}


def test_the_same_request_creates_one_session(server: Server) -> None:
    body = request(server, parameters={"bias": [1.0]})
    first = server.http.post("/v1/sessions", json=body, headers=KEY)
    again = server.http.post("/v1/sessions", json=dict(reversed(body.items())), headers=KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(server.http.get("/v1/sessions").json()["sessions"]) == 1


def test_without_a_key_each_request_creates_one(server: Server) -> None:
    for count in (1, 2):
        assert server.http.post("/v1/sessions", json=request(server)).status_code == 201
        assert len(server.http.get("/v1/sessions").json()["sessions"]) == count


@pytest.mark.parametrize("change", [{"seed": 1}, {"parameters": {"bias": [1.0]}}, {"non_finite": "skip"}])
def test_another_request_under_the_key_is_refused(server: Server, change: dict[str, Any]) -> None:
    assert server.http.post("/v1/sessions", json=request(server), headers=KEY).status_code == 201
    problem(server.http.post("/v1/sessions", json=request(server, **change), headers=KEY), "creation_mismatch")


def test_a_request_that_failed_leaves_the_key_free(server: Server) -> None:
    problem(server.http.post("/v1/sessions", json=request(server, engine="none"), headers=KEY), "unknown_engine")
    assert server.http.post("/v1/sessions", json=request(server), headers=KEY).status_code == 201


def test_requests_at_the_same_time_create_one_session(server: Server) -> None:
    body = request(server)

    async def send_all() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            return await asyncio.gather(*(http.post("/v1/sessions", json=body, headers=KEY) for _ in range(8)))

    answers = server.runner.run(send_all())
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert len(server.http.get("/v1/sessions").json()["sessions"]) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert problem(answer, "creation_pending")["retryable"] is True


def test_the_key_is_known_after_a_restart(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        first = server.http.post("/v1/sessions", json=request(server), headers=KEY)
    with in_process(data_dir=tmp_path) as server:
        again = server.http.post("/v1/sessions", json=request(server), headers=KEY)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json()["id"] == first.json()["id"]
        assert server.http.delete(first.headers["Location"]).status_code == 204
        other = server.http.post("/v1/sessions", json=request(server), headers=KEY)
        assert other.json()["id"] != first.json()["id"]


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\t"])
def test_a_key_of_another_form_is_refused(server: Server, key: str) -> None:
    response = server.http.post("/v1/sessions", json=request(server), headers={"Idempotency-Key": key})
    assert "Idempotency-Key" in problem(response, "invalid_request")["detail"]


def test_a_client_whose_answer_was_lost_gets_the_session_that_was_made(server: Server) -> None:
    """The client's own body, in safetensors, sent twice under one key."""
    body = request(server)
    fields = {name: json.dumps(value) for name, value in body.items()}
    content = safetensors.numpy.save({"bias": np.ones(1, np.float32)}, {**fields, "non_finite": "skip"})
    headers = {**KEY, "Content-Type": "application/vnd.safetensors"}
    first, again = (server.http.post("/v1/sessions", content=content, headers=headers) for _ in range(2))
    assert (first.status_code, again.json()) == (201, first.json())
    assert first.json()["non_finite"] == "skip"
