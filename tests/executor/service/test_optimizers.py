"""Optimizers over HTTP: every kind, micro-batches, and averages of the weights."""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from executor_harness.custom_rules import momentum_document
from executor_harness.in_process import Server, in_process
from executor_harness.optimizer_definitions import FORMS, MATRIX_FORMS
from executor_harness.problems import problem
from executor_harness.regression import regression_data

SAFETENSORS = "application/vnd.safetensors"
VECTORS = {"parameters": "bias", "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
CUSTOM = {"kind": "document", "document": momentum_document("float32"), "learning_rate": 0.1}
DATA = {name: array.tolist() for name, array in regression_data(4).items()}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with in_process(max_sessions=1000) as server:
        yield server


def halves() -> list[dict[str, Any]]:
    return [{name: rows[part] for name, rows in DATA.items()} for part in (slice(2), slice(2, 4))]


def in_safetensors(parts: list[dict[str, Any]], **metadata: str) -> bytes:
    tensors = {
        f"{number}/{name}": np.array(rows, np.float32)
        for number, part in enumerate(parts)
        for name, rows in part.items()
    }
    return safetensors.numpy.save(tensors, {"micro_batches": str(len(parts)), **metadata})


@pytest.mark.parametrize("form", [*FORMS, *MATRIX_FORMS, CUSTOM], ids=lambda form: str(form)[:100])
def test_every_optimizer_takes_steps_and_is_told(server: Server, form: dict[str, Any]) -> None:
    optimizer = {**form, "groups": [VECTORS], "clip_global_norm": 1.0}
    session = server.create_session(optimizer=optimizer)
    before = server.digest(session)
    response = server.http.put(f"{session}/steps/1", json={"inputs": DATA})
    assert response.status_code == 200, response.text
    assert server.digest(session) != before
    told = server.http.get(session).json()["optimizer"]
    assert told.items() >= form.items()
    assert told["groups"][0]["parameters"] == "bias"
    again = server.create_session(optimizer=told)
    assert server.digest(again) == before
    assert server.http.get(again).json()["optimizer"] == told


def test_micro_batches_in_json_and_in_safetensors_are_one_request(server: Server) -> None:
    session, other = server.create_session(), server.create_session()
    url = f"{session}/steps/1"
    first = server.http.put(url, json={"micro_batches": halves(), "outputs": ["loss"]})
    assert first.status_code == 200, first.text
    body = first.json()
    assert body["step"] == 1
    assert [list(part) for part in body["micro_batches"]] == [["loss"], ["loss"]]
    again = server.http.put(
        url, content=in_safetensors(halves(), outputs='["loss"]'), headers={"Content-Type": SAFETENSORS}
    )
    assert again.json() == body
    assert again.headers["Idempotent-Replayed"] == "true"
    binary = server.http.put(
        f"{other}/steps/1",
        content=in_safetensors(halves(), outputs='["loss"]'),
        headers={"Content-Type": SAFETENSORS, "Accept": SAFETENSORS},
    )
    tensors = safetensors.numpy.load(binary.content)
    assert tensors.keys() == {"0/loss", "1/loss"}
    assert [tensors[f"{part}/loss"].item() for part in range(2)] == [
        part["loss"]["data"][0] for part in body["micro_batches"]
    ]
    header = json.loads(binary.content[8 : 8 + int.from_bytes(binary.content[:8], "little")])
    assert header["__metadata__"] == {"step": "1", "micro_batches": "2"}
    assert server.digest(session) == server.digest(other)


def test_another_division_of_the_batch_is_another_request(server: Server) -> None:
    session = server.create_session()
    url = f"{session}/steps/1"
    assert server.http.put(url, json={"micro_batches": [DATA]}).status_code == 200
    problem(server.http.put(url, json={"inputs": DATA}), "step_mismatch")
    problem(server.http.put(url, json={"micro_batches": halves()}), "step_mismatch")
    problem(server.http.put(url, json={"micro_batches": [DATA, DATA]}), "step_mismatch")
    assert server.http.put(url, json={"micro_batches": [DATA]}).headers["Idempotent-Replayed"] == "true"


def test_a_step_of_micro_batches_that_fails_changes_nothing_and_can_be_sent_again(server: Server) -> None:
    session = server.create_session()
    before = server.digest(session)
    wrong = [halves()[0], {"x": DATA["x"], "target": DATA["target"][:1]}]
    problem(server.http.put(f"{session}/steps/1", json={"micro_batches": wrong}), "unbound_symbol")
    assert server.digest(session) == before
    assert server.http.put(f"{session}/steps/1", json={"micro_batches": halves()}).status_code == 200


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "invalid_request", "/inputs"),
        ({"inputs": DATA, "micro_batches": [DATA]}, "invalid_request", "/micro_batches"),
        ({"micro_batches": []}, "invalid_request", "/micro_batches"),
        ({"micro_batches": DATA}, "invalid_request", "/micro_batches"),
        ({"micro_batches": [DATA, 3]}, "invalid_request", "/micro_batches/1"),
        ({"micro_batches": [DATA, {**DATA, "y": [1]}]}, "interface_mismatch", "/micro_batches/1/y"),
        ({"micro_batches": [DATA, {**DATA, "x": [[1, 2, "3"]]}]}, "interface_mismatch", "/micro_batches/1/x/0/2"),
        ({"micro_batches": [{str(n): 0 for n in range(60_000)}] * 2}, "invalid_request", "/micro_batches"),
    ],
    ids=lambda value: str(value)[:60],
)
def test_wrong_micro_batches_are_refused(server: Server, body: Any, code: str, pointer: str) -> None:
    session = server.create_session()
    found = problem(server.http.put(f"{session}/steps/1", json=body), code)
    assert [item["pointer"] for item in found["problems"]] == [pointer]


@pytest.mark.parametrize(
    ("metadata", "pointer"),
    [
        ({"micro_batches": "two"}, "/micro_batches"),
        ({"micro_batches": "-1"}, "/micro_batches"),
        ({"micro_batches": "100001"}, "/micro_batches"),
        ({"micro_batches": "1"}, "/micro_batches/1~1target"),
        ({"micro_batches": "[]"}, "/micro_batches"),
    ],
    ids=str,
)
def test_wrong_micro_batches_in_safetensors_are_refused(server: Server, metadata: dict[str, str], pointer: str) -> None:
    session = server.create_session()
    response = server.http.put(
        f"{session}/steps/1", content=in_safetensors(halves(), **metadata), headers={"Content-Type": SAFETENSORS}
    )
    found = problem(response, "invalid_request")
    assert found["problems"][0]["pointer"] == pointer


def test_the_average_of_the_weights(server: Server) -> None:
    session = server.create_session(optimizer={"kind": "sgd", "learning_rate": 0.1, "average_decay": 0.5})
    for step in range(1, 4):
        server.http.put(f"{session}/steps/{step}", json={"inputs": DATA})
    answer = server.http.get(f"{session}/parameters/average", headers={"Accept": "application/json"})
    assert answer.headers["ETag"] == f'"{server.digest(session)}"'
    average = answer.json()["parameters"]
    assert answer.json()["step"] == 3
    tensors = safetensors.numpy.load(server.http.get(f"{session}/parameters/average").content)
    assert tensors["weight"].reshape(-1).tolist() == average["weight"]["data"]
    current = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"}).json()["parameters"]
    assert current["weight"]["data"] != average["weight"]["data"]

    def predict(**fields: Any) -> float:
        body = {"graph": "predict", "inputs": {"x": [[0, 0, 0]]}, "outputs": ["prediction"], **fields}
        return server.http.post(f"{session}/run", json=body).json()["outputs"]["prediction"]["data"][0]

    assert predict(parameters="average") == average["bias"]["data"][0]
    assert predict(parameters="current") == predict() == current["bias"]["data"][0]
    body = safetensors.numpy.save(
        {"x": np.zeros((1, 3), np.float32)}, {"graph": "predict", "parameters": "average", "outputs": '["prediction"]'}
    )
    binary = server.http.post(f"{session}/run", content=body, headers={"Content-Type": SAFETENSORS})
    assert binary.json()["outputs"]["prediction"]["data"] == [average["bias"]["data"][0]]
    wrong = {"graph": "predict", "inputs": {"x": [[0, 0, 0]]}, "parameters": "averaged"}
    problem(server.http.post(f"{session}/run", json=wrong), "invalid_request")


def test_a_session_without_an_average_says_so(server: Server) -> None:
    session = server.create_session()
    found = problem(server.http.get(f"{session}/parameters/average"), "interface_mismatch")
    assert "average_decay" in found["detail"]
    body = {"graph": "predict", "inputs": {"x": [[0, 0, 0]]}, "parameters": "average"}
    problem(server.http.post(f"{session}/run", json=body), "interface_mismatch")


def test_an_optimizer_that_does_not_fit_the_graph_is_refused_with_its_place(server: Server) -> None:
    graphs = {"train": server.http.get(server.create_session()).json()["graphs"]["train"]}
    optimizer = {"kind": "muon", "groups": [{"parameters": "wieght", "learning_rate": {"kind": "step"}}]}
    found = problem(
        server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": optimizer}), "invalid_optimizer"
    )
    assert {item["pointer"] for item in found["problems"]} == {
        "/optimizer/groups/0/learning_rate/learning_rate",
        "/optimizer/groups/0/learning_rate/step_size",
    }
    optimizer = {"kind": "muon", "groups": [{"parameters": "wieght"}]}
    found = problem(
        server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": optimizer}), "invalid_optimizer"
    )
    assert [item["code"] for item in found["problems"]] == ["no_match", "unsupported_parameter"]


def test_a_learning_rate_that_overflows_is_a_problem_of_the_step(server: Server) -> None:
    schedule = {"kind": "exponential", "learning_rate": 0.1, "gamma": 1e20}
    session = server.create_session(optimizer={"kind": "sgd", "learning_rate": schedule})
    for step in (1, 2):
        assert server.http.put(f"{session}/steps/{step}", json={"inputs": DATA}).status_code == 200
    before = server.digest(session)
    problem(server.http.put(f"{session}/steps/3", json={"inputs": DATA}), "infinite_learning_rate")
    assert server.digest(session) == before
