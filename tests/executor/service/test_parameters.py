"""`…/parameters`: read and replaced, in JSON and in safetensors, under conditions."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from asg_executor.safetensors_bytes import read_safetensors
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem

WEIGHTS: dict[str, Any] = {"weight": [[1], [2], [3]], "bias": [4]}


def test_reading_in_json(server: Server) -> None:
    session = server.create_session(parameters=WEIGHTS)
    response = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"})
    assert response.headers["content-type"] == "application/json"
    assert response.json() == {
        "step": 0,
        "parameters": {
            "weight": {"dtype": "float32", "shape": [3, 1], "data": [1.0, 2.0, 3.0]},
            "bias": {"dtype": "float32", "shape": [1], "data": [4.0]},
        },
    }
    assert response.headers["ETag"] == f'"{server.digest(session)}"'
    assert response.headers["Vary"] == "Accept"


def test_bytes_that_are_kept_have_a_checksum(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session(parameters=WEIGHTS)
        assert server.http.post(f"{session}/checkpoints", json={"name": "best"}).status_code == 201
        for path in (f"{session}/parameters", f"{session}/checkpoints/best"):
            response = server.http.get(path, headers={"Accept": "application/vnd.safetensors"})
            digest = base64.b64encode(hashlib.sha256(response.content).digest()).decode()
            assert response.headers["Content-Digest"] == f"sha-256=:{digest}:"


@pytest.mark.parametrize("accept", [None, "*/*", "application/vnd.safetensors", "application/*"])
def test_reading_in_safetensors(server: Server, accept: str | None) -> None:
    session = server.create_session(parameters=WEIGHTS)
    server.http.put(f"{session}/steps/1", json={"inputs": {"x": [[0, 0, 0]], "target": [[4]]}})
    request = server.http.build_request("GET", f"{session}/parameters")
    del request.headers["Accept"]
    if accept is not None:
        request.headers["Accept"] = accept
    response = server.http.send(request)
    assert response.headers["content-type"] == "application/vnd.safetensors"
    tensors, metadata = read_safetensors(response.content)
    assert metadata == {"step": "1"}
    np.testing.assert_array_equal(tensors["weight"], np.array([[1], [2], [3]], np.float32))
    assert response.headers["ETag"] == f'"{server.digest(session)}"'


def test_what_was_read_can_be_written(server: Server) -> None:
    first, second = server.create_session(seed=1), server.create_session(seed=2)
    body = server.http.get(f"{first}/parameters")
    response = server.http.put(
        f"{second}/parameters",
        content=safetensors.numpy.save(safetensors.numpy.load(body.content)),
        headers={"Content-Type": "application/vnd.safetensors"},
    )
    assert response.status_code == 200, response.text
    assert response.json() == {"step": 0, "digest": server.digest(second)}
    assert response.headers["ETag"] == f'"{server.digest(second)}"'
    assert server.digest(first) == server.digest(second)


def test_parameters_that_are_not_named_stay(server: Server) -> None:
    session = server.create_session(parameters=WEIGHTS)
    assert server.http.put(f"{session}/parameters", json={"parameters": {"bias": [9]}}).status_code == 200
    body = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"}).json()["parameters"]
    assert (body["weight"]["data"], body["bias"]["data"]) == ([1.0, 2.0, 3.0], [9.0])


def test_if_match(server: Server) -> None:
    session = server.create_session(parameters=WEIGHTS)
    tag = server.http.get(f"{session}/parameters").headers["ETag"]

    def put(condition: str, value: float) -> Any:
        body = {"parameters": {"bias": [value]}}
        return server.http.put(f"{session}/parameters", json=body, headers={"If-Match": condition})

    assert put(tag, 5).status_code == 200
    changed = server.digest(session)
    body = problem(put(tag, 6), "state_changed")
    assert changed in body["detail"]
    problem(put(f"W/{tag}", 6), "state_changed")
    problem(put(f'"{changed[:-1]}"', 6), "state_changed")
    assert server.digest(session) == changed
    assert put(f'"0", "{changed}"', 6).status_code == 200
    assert put("*", 7).status_code == 200


def test_a_step_changes_the_tag(server: Server) -> None:
    session = server.create_session(parameters=WEIGHTS)
    tag = server.http.get(f"{session}/parameters").headers["ETag"]
    server.http.put(f"{session}/steps/1", json={"inputs": {"x": [[1, 2, 3]], "target": [[0]]}})
    response = server.http.put(f"{session}/parameters", json={"parameters": WEIGHTS}, headers={"If-Match": tag})
    problem(response, "state_changed")


@pytest.mark.parametrize(
    "parameters",
    [{"weight": [[1], [2]]}, {"weight": [[1], [2], [True]]}, {"bias": [1], "wieght": [1]}, {"bias": 1}],
    ids=str,
)
def test_wrong_parameters_replace_nothing(server: Server, parameters: dict[str, Any]) -> None:
    session = server.create_session(parameters=WEIGHTS)
    state = server.digest(session)
    problem(server.http.put(f"{session}/parameters", json={"parameters": parameters}), "interface_mismatch")
    assert server.digest(session) == state
