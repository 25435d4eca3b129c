"""`/v1/graphs`: kept by what they mean, checked whole, run without a session."""

import json
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import (
    REGRESSION,
    descend,
    regression,
    regression_data,
    regression_gradient,
    regression_json,
)

JSON = {"Content-Type": "application/json"}


def test_a_document_is_kept_once(server: Server) -> None:
    first = server.http.post("/v1/graphs", content=REGRESSION, headers=JSON)
    assert first.status_code == 201
    body = first.json()
    assert set(body) == {"digest", "inputs", "parameters", "outputs"}
    assert body["digest"] == regression().digest
    assert body["inputs"] == regression_json()["inputs"]
    assert body["parameters"] == regression_json()["parameters"]
    assert body["outputs"] == [
        {"name": "prediction", "value": "prediction", "dtype": "float32", "shape": ["batch", 1]},
        {"name": "loss", "value": "loss", "dtype": "float32", "shape": []},
    ]
    assert first.headers["Location"] == f"/v1/graphs/{body['digest']}"
    again = server.http.post("/v1/graphs", content=REGRESSION, headers=JSON)
    assert (again.status_code, again.json()) == (200, body)


def test_the_same_meaning_is_the_same_graph(server: Server) -> None:
    digest = server.add_graph(REGRESSION)
    renamed = REGRESSION.replace('"xw"', '"product"').replace('"regression"', '"other"')
    response = server.http.post("/v1/graphs", content=renamed)
    assert (response.status_code, response.json()["digest"]) == (200, digest)


def test_a_graph_comes_back(server: Server) -> None:
    digest = server.add_graph(REGRESSION)
    body = server.http.get(f"/v1/graphs/{digest}").json()
    assert body.pop("document") == json.loads(regression().to_json())
    assert body == server.http.post("/v1/graphs", content=REGRESSION).json()


def test_an_unknown_graph(server: Server) -> None:
    problem(server.http.get("/v1/graphs/0123"), "unknown_graph")
    problem(server.http.post("/v1/graphs/0123/run", json={"inputs": {}}), "unknown_graph")


def test_every_error_of_a_document_is_told_with_its_pointer(server: Server) -> None:
    source = regression_json()
    source["nodes"][0]["op"] = "matmull"
    source["nodes"][1]["inputs"] = ["error", "bias"]
    source["nodes"][3]["id"] = "x"
    source["nodes"][4]["axes"] = [0]
    source["outputs"][1]["value"] = "los"
    body = problem(server.http.post("/v1/graphs", json=source), "invalid_document")
    found = {item["pointer"]: item["code"] for item in body["problems"]}
    assert found["/nodes/0/op"] == "unknown_op"
    assert found["/nodes/4/axes"] == "unknown_field"
    for item in body["problems"]:
        assert item["message"] in body["detail"]
        assert set(item) == {"pointer", "code", "message"}


def test_a_cycle_and_a_duplicate_id(server: Server) -> None:
    source = regression_json()
    source["nodes"][1]["inputs"] = ["error", "bias"]
    source["nodes"][3]["id"] = "x"
    source["nodes"][4]["inputs"] = ["x"]
    body = problem(server.http.post("/v1/graphs", json=source), "invalid_document")
    found = {item["pointer"]: item["code"] for item in body["problems"]}
    assert found["/nodes/1/inputs/0"] == "not_yet_computed"
    assert found["/nodes/3/id"] == "duplicate_id"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ('{"asg": 1, "asg": 1}', 'the key "asg" stands twice'),
        ('{"asg": NaN}', "NaN is not JSON"),
        ('{"asg": -Infinity}', '"-inf"'),
        (b"\xff", "not UTF-8"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_json(server: Server, text: str | bytes, message: str) -> None:
    assert message in problem(server.http.post("/v1/graphs", content=text), "invalid_body")["detail"]


def test_a_newer_version_is_refused(server: Server) -> None:
    body = problem(server.http.post("/v1/graphs", json={**regression_json(), "asg": 2}), "invalid_document")
    assert [item["code"] for item in body["problems"]] == ["newer_version"]


def test_the_least_recently_used_graph_goes_first() -> None:
    with in_process(tenant_max_graphs=2) as server:
        first, second = (server.add_graph(REGRESSION.replace("[3, 1]", f"[3, {size}]")) for size in (4, 5))
        assert server.http.get(f"/v1/graphs/{first}").status_code == 200
        third = server.add_graph(REGRESSION.replace("[3, 1]", "[3, 6]"))
        present = {digest: server.http.get(f"/v1/graphs/{digest}").status_code for digest in (first, second, third)}
    assert present == {first: 200, second: 404, third: 200}


def test_a_graph_that_a_session_runs_stays_even_if_the_store_is_full() -> None:
    with in_process(tenant_max_graphs=2) as server:
        digests = server.http.get(server.create_session()).json()["graphs"]
        for size in (4, 5):
            server.add_graph(REGRESSION.replace("[3, 1]", f"[3, {size}]"))
        for digest in digests.values():
            assert server.http.get(f"/v1/graphs/{digest}").json()["digest"] == digest


def stateless(server: Server, body: dict[str, Any], document: str = REGRESSION) -> Any:
    return server.http.post(f"/v1/graphs/{server.add_graph(document)}/run", json=body)


WEIGHTS: dict[str, Any] = {"weight": [[1], [2.5], [-3]], "bias": [0.5]}


def test_a_run_without_a_session(server: Server) -> None:
    response = stateless(server, {"inputs": {"x": [[1, 2, 3]], "target": [[0]]}, "parameters": WEIGHTS})
    assert response.status_code == 200
    assert response.json() == {
        "outputs": {
            "prediction": {"dtype": "float32", "shape": [1, 1], "data": [-2.5]},
            "loss": {"dtype": "float32", "shape": [], "data": [6.25]},
        }
    }


def test_a_run_answers_what_its_inputs_suffice_for_or_what_is_asked_for(server: Server) -> None:
    only_x = {"inputs": {"x": [[1, 2, 3]]}, "parameters": WEIGHTS}
    assert list(stateless(server, only_x).json()["outputs"]) == ["prediction"]
    body = problem(stateless(server, {**only_x, "outputs": ["loss"]}), "interface_mismatch")
    assert 'input "target" is missing; output "loss" needs it' in body["detail"]
    both = {"inputs": {"x": [[1, 2, 3]], "target": [[0]]}, "parameters": WEIGHTS}
    assert list(stateless(server, {**both, "outputs": ["loss"]}).json()["outputs"]) == ["loss"]
    gradient = regression_gradient().to_json()
    assert list(stateless(server, both, gradient).json()["outputs"]) == ["prediction", "loss"]
    answer = stateless(server, {**both, "outputs": ["grad.bias"]}, gradient).json()["outputs"]
    assert answer["grad.bias"]["data"] == [-5.0]


def test_a_run_needs_every_parameter(server: Server) -> None:
    body = problem(stateless(server, {"inputs": {"x": [[1, 2, 3]]}, "parameters": {"bias": [1]}}), "interface_mismatch")
    assert '"weight" is missing' in body["detail"]


def test_a_run_in_safetensors(server: Server) -> None:
    data = regression_data()
    weights = {"weight": np.ones((3, 1), np.float32), "bias": np.zeros(1, np.float32)}
    gradient = regression_gradient()
    response = server.http.post(
        f"/v1/graphs/{server.add_graph(gradient.to_json())}/run",
        content=safetensors.numpy.save({**data, **weights}, {"outputs": '["grad.weight", "loss"]'}),
        headers={"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"},
    )
    assert response.headers["content-type"] == "application/vnd.safetensors"
    outputs = safetensors.numpy.load(response.content)
    assert sorted(outputs) == ["grad.weight", "loss"]
    updated, _ = descend(weights["weight"], weights["bias"], data, 1.0, 1)
    np.testing.assert_allclose(outputs["grad.weight"], weights["weight"] - updated, rtol=1e-5)


SQUARE = [2**20, 2**20]
HOSTILE: dict[str, list[dict[str, Any]]] = {
    "a large intermediate value": [
        {"id": "big", "op": "iota", "dtype": "float64", "shape": SQUARE},
        {"id": "o", "op": "sum", "inputs": ["big"]},
    ],
    "a large output": [{"id": "o", "op": "full", "dtype": "float64", "shape": SQUARE, "value": 1.0}],
    "a large output of a constant": [
        {"id": "one", "op": "full", "dtype": "float64", "shape": SQUARE, "value": 1.0},
        {"id": "o", "op": "exp", "inputs": ["one"]},
    ],
    "a large broadcast": [
        {"id": "row", "op": "iota", "dtype": "float64", "shape": [1, 2**20]},
        {"id": "o", "op": "broadcast_to", "inputs": ["row"], "shape": SQUARE},
    ],
    "more bytes than a machine can count": [
        {"id": "o", "op": "full", "dtype": "float64", "shape": [2**31, 2**31], "value": 1.0}
    ],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_program_that_would_take_too_much_memory_is_refused(name: str) -> None:
    document = {"asg": 1, "nodes": HOSTILE[name], "outputs": [{"name": "o", "value": "o"}]}
    with in_process(max_memory_bytes=10**8, max_tensor_bytes=2**62) as server:
        problem(stateless(server, {"inputs": {}}, json.dumps(document)), "memory_limit")
        digest = server.add_graph(json.dumps(document))
        session = server.http.post("/v1/sessions", json={"graphs": {"g": digest}}).headers["Location"]
        problem(server.http.post(f"{session}/run", json={"graph": "g", "inputs": {}}), "memory_limit")
