"""`/v1/sessions`: created from graphs, described, listed, run, deleted."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from asg_executor.engines.lookup import engine_named
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression, regression_gradient


def graphs(server: Server) -> dict[str, str]:
    return {
        "predict": server.add_graph(regression().to_json()),
        "train": server.add_graph(regression_gradient().to_json()),
    }


def test_a_session_keeps_the_engine_that_auto_was_when_it_was_created(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        assert (
            server.http.post("/v1/sessions", json={"graphs": {"predict": graphs(server)["predict"]}}).status_code == 201
        )
    (written,) = tmp_path.rglob("session.json")
    assert json.loads(written.read_text())["engine"] == engine_named("auto").name != "auto"


def test_a_session_is_described(server: Server) -> None:
    own = graphs(server)
    request = {"graphs": own, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "seed": 7}
    created = server.http.post("/v1/sessions", json=request)
    assert created.status_code == 201
    body = created.json()
    assert created.headers["Location"] == f"/v1/sessions/{body['id']}"
    assert body["step"] == 0
    assert body["graphs"] == own
    assert body["seed"] == 7
    assert body["engine"] == engine_named("auto").name
    assert body["optimizer"]["kind"] == "sgd"
    assert body["optimizer"]["learning_rate"] == 0.1
    assert body["parameters"] == [
        {"id": "weight", "dtype": "float32", "shape": [3, 1], "trainable": True, "trained": True},
        {"id": "bias", "dtype": "float32", "shape": [1], "trainable": True, "trained": True},
    ]
    assert len(body["digest"]) == 64
    read = server.http.get(created.headers["Location"])
    assert (read.status_code, read.json()) == (200, body)
    assert read.headers["ETag"] == f'"{body["digest"]}"'


def test_the_seed_makes_the_weights(server: Server) -> None:
    digests = [server.digest(server.create_session(seed=seed)) for seed in (1, 1, 2)]
    assert digests[0] == digests[1] != digests[2]


def test_sessions_are_listed_and_deleted(server: Server) -> None:
    assert server.http.get("/v1/sessions").json() == {"sessions": []}
    first, second = server.create_session(), server.create_session()
    listed = server.http.get("/v1/sessions").json()["sessions"]
    assert [f"/v1/sessions/{item['id']}" for item in listed] == [first, second]
    deleted = server.http.delete(first)
    assert (deleted.status_code, deleted.content) == (204, b"")
    problem(server.http.delete(first), "unknown_session")
    problem(server.http.get(first), "unknown_session")
    problem(server.http.put(f"{first}/steps/1", json={"inputs": {}}), "unknown_session")
    problem(server.http.post(f"{first}/run", json={"graph": "predict", "inputs": {}}), "unknown_session")
    problem(server.http.get(f"{first}/parameters"), "unknown_session")
    assert len(server.http.get("/v1/sessions").json()["sessions"]) == 1
    assert server.http.get(second).status_code == 200


def test_only_so_many_sessions_are_held() -> None:
    with in_process(max_sessions=1) as server:
        session = server.create_session()
        request = {"graphs": {"predict": server.add_graph(regression().to_json())}}
        problem(server.http.post("/v1/sessions", json=request), "too_many_sessions")
        server.http.delete(session)
        assert server.http.post("/v1/sessions", json=request).status_code == 201


def test_a_session_that_cannot_be_created_takes_no_place() -> None:
    with in_process(max_sessions=1) as server:
        bad = {"graphs": {"predict": server.add_graph(regression().to_json())}, "optimizer": {"kind": "sgd"}}
        for _ in range(3):
            problem(server.http.post("/v1/sessions", json=bad), "invalid_session")
        server.create_session()


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"graphs": {"predict": "0123"}}, "invalid_session", "/graphs/predict"),
        ({"graphs": {}}, "invalid_request", "/graphs"),
        ({"graphs": ["0123"]}, "invalid_request", "/graphs"),
        ({"optimizer": None}, "invalid_session", "/optimizer"),
        ({"optimizer": {"kind": "sdg"}}, "invalid_optimizer", "/optimizer/kind"),
        ({"optimizer": {"kind": "sgd", "learning_rate": False}}, "invalid_optimizer", "/optimizer/learning_rate"),
        ({"optimizer": "sgd"}, "invalid_request", "/optimizer"),
        ({"seed": True}, "invalid_request", "/seed"),
        ({"seed": "0"}, "invalid_request", "/seed"),
        ({"seed": 1.0}, "invalid_request", "/seed"),
        ({"seed": -1}, "invalid_request", "/seed"),
        ({"seed": 2**64}, "invalid_request", "/seed"),
        ({"sede": 1}, "invalid_request", "/sede"),
        ({"parameters": {"wieght": [1]}}, "interface_mismatch", "/parameters/wieght"),
        ({"parameters": {"weight": [[1, 2], [3, 4], [5, 6]]}}, "interface_mismatch", "/parameters/weight"),
    ],
    ids=str,
)
def test_a_wrong_request_is_refused_at_its_place(
    server: Server, change: dict[str, Any], code: str, pointer: str
) -> None:
    request = {"graphs": graphs(server), "optimizer": {"kind": "sgd"}, **change}
    body = problem(server.http.post("/v1/sessions", json=request), code)
    assert [item["pointer"] for item in body["problems"]] == [pointer], body
    assert server.http.get("/v1/sessions").json() == {"sessions": []}


def test_the_largest_seed(server: Server) -> None:
    assert server.http.get(server.create_session(seed=2**64 - 1)).json()["seed"] == 2**64 - 1


def test_an_unknown_engine(server: Server) -> None:
    request = {"graphs": graphs(server), "optimizer": {"kind": "sgd"}, "engine": "nunpy"}
    assert 'mean "numpy"' in problem(server.http.post("/v1/sessions", json=request), "unknown_engine")["detail"]


def test_the_engine_that_looks_for_faults_is_not_for_clients(server: Server) -> None:
    assert server.http.get("/v1").json()["engines"] == ["native", "numpy"]
    request = {"graphs": graphs(server), "optimizer": {"kind": "sgd"}, "engine": "native-checked"}
    problem(server.http.post("/v1/sessions", json=request), "unknown_engine")


def test_a_session_in_safetensors(server: Server) -> None:
    own = graphs(server)
    metadata = {
        "graphs": f'{{"predict": "{own["predict"]}", "train": "{own["train"]}"}}',
        "optimizer": '{"kind": "adam"}',
        "seed": "3",
        "engine": "numpy",
    }
    weight = np.array([[1], [2], [3]], np.float32)
    response = server.http.post(
        "/v1/sessions",
        content=safetensors.numpy.save({"weight": weight}, metadata),
        headers={"Content-Type": "application/vnd.safetensors"},
    )
    assert response.status_code == 201, response.text
    assert (response.json()["seed"], response.json()["optimizer"]["kind"]) == (3, "adam")
    stored = safetensors.numpy.load(server.http.get(f"{response.headers['Location']}/parameters").content)
    np.testing.assert_array_equal(stored["weight"], weight)


def test_too_many_parameters_are_refused_before_memory_is_taken(server: Server) -> None:
    huge = {"asg": 1, "parameters": [{"id": "w", "dtype": "float64", "shape": [2**40]}]}
    digest = server.http.post("/v1/graphs", json=huge).json()["digest"]
    problem(server.http.post("/v1/sessions", json={"graphs": {"predict": digest}}), "memory_limit")


def test_a_run_changes_nothing(server: Server) -> None:
    session = server.create_session(parameters={"weight": [[1], [1], [1]], "bias": [0]})
    state = server.digest(session)
    response = server.http.post(f"{session}/run", json={"graph": "predict", "inputs": {"x": [[1, 2, 3]]}})
    assert response.status_code == 200
    assert response.json() == {
        "step": 0,
        "outputs": {"prediction": {"dtype": "float32", "shape": [1, 1], "data": [6.0]}},
    }
    train = {"graph": "train", "inputs": {"x": [[1, 2, 3]], "target": [[5]]}, "outputs": ["grad.bias"]}
    assert server.http.post(f"{session}/run", json=train).json()["outputs"]["grad.bias"]["data"] == [2.0]
    assert server.digest(session) == state


def test_a_run_in_safetensors(server: Server) -> None:
    session = server.create_session(parameters={"weight": [[1], [1], [1]], "bias": [0]})
    x = np.array([[1, 2, 3]], np.float32)
    response = server.http.post(
        f"{session}/run",
        content=safetensors.numpy.save({"x": x}, {"graph": "predict"}),
        headers={"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"},
    )
    np.testing.assert_array_equal(safetensors.numpy.load(response.content)["prediction"], [[6.0]])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": {}}, "invalid_request"),
        ({"graph": "predict"}, "invalid_request"),
        ({"graph": 1, "inputs": {}}, "invalid_request"),
        ({"graph": "predcit", "inputs": {}}, "interface_mismatch"),
        ({"graph": "predict", "inputs": {}}, "interface_mismatch"),
        ({"graph": "predict", "inputs": {"x": [[1, 2, 3]]}, "outputs": "loss"}, "invalid_request"),
        ({"graph": "predict", "inputs": [1]}, "invalid_request"),
        ([], "invalid_request"),
        ("predict", "invalid_request"),
    ],
    ids=str,
)
def test_wrong_runs(server: Server, body: Any, code: str) -> None:
    problem(server.http.post(f"{server.create_session()}/run", json=body), code)
