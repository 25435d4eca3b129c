"""Documents with functions in the service: kept, run, trained, served, and refused."""

import json
from typing import Any

import numpy as np
import pytest

import asg_executor
from asg_autograd import grad
from asg_executor.errors import ExecutorError
from asg_executor.inference.row_independence import MixedRowsError, plan_rows
from asg_schema import Document
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem


def tensor(id: str, *shape: Any, dtype: str = "float32") -> dict[str, Any]:
    return {"id": id, "dtype": dtype, "shape": list(shape)}


def node(id: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"id": id, "op": op, "inputs": list(inputs), **attributes}


def function(inputs: list[dict[str, Any]], nodes: list[dict[str, Any]], *outputs: str, **more: Any) -> dict[str, Any]:
    return {"inputs": inputs, "nodes": nodes, "outputs": [{"name": name, "value": name} for name in outputs], **more}


def quantized() -> Document:
    """A linear model whose weight is rounded, with the gradient of what is rounded."""
    return Document.from_dict(
        {
            "asg": 1,
            "name": "quantized",
            "inputs": [tensor("x", "batch", 3), tensor("target", "batch", 1)],
            "parameters": [{**tensor("weight", 3, 1), "init": {"kind": "constant", "value": 0.75}}],
            "nodes": [
                node("w", "call", "weight", function="rounded"),
                node("prediction", "matmul", "x", "w"),
                node("error", "subtract", "prediction", "target"),
                node("squared", "multiply", "error", "error"),
                node("loss", "sum", "squared"),
            ],
            "outputs": [{"name": "prediction", "value": "prediction"}, {"name": "loss", "value": "loss"}],
            "functions": {
                "rounded": function([tensor("v", "m", "n")], [node("r", "round", "v")], "r", vjp="identity"),
                "identity": function([tensor("v", "m", "n"), tensor("r", "m", "n"), tensor("g", "m", "n")], [], "g"),
            },
        }
    )


def chain(levels: int, op: str = "tanh") -> dict[str, Any]:
    """Functions that call the one before twice, and a call of the last."""
    functions: dict[str, Any] = {"f0": function([tensor("v", "n", 2)], [node("y", op, "v")], "y")}
    for level in range(1, levels):
        calls = [node("a", "call", "v", function=f"f{level - 1}"), node("b", "call", "a", function=f"f{level - 1}")]
        functions[f"f{level}"] = function([tensor("v", "n", 2)], calls, "b")
    return {
        "asg": 1,
        "inputs": [tensor("x", "batch", 2)],
        "nodes": [node("y", "call", "x", function=f"f{levels - 1}")],
        "outputs": [{"name": "y", "value": "y"}],
        "functions": functions,
    }


def test_a_document_with_functions_is_kept_and_given_back(server: Server) -> None:
    document = grad(quantized())
    digest = server.add_graph(document.to_json())
    assert digest == document.digest
    again = server.http.get(f"/v1/graphs/{digest}")
    assert Document.from_dict(again.json()["document"]) == document


def test_a_document_with_functions_runs(server: Server) -> None:
    digest = server.add_graph(json.dumps(chain(4)))
    x = [[0.5, -1.0], [2.0, 0.0], [0.25, 3.0]]
    answer = server.http.post(f"/v1/graphs/{digest}/run", json={"inputs": {"x": x}})
    assert answer.status_code == 200, answer.text
    wanted = np.array(x)
    for _ in range(8):
        wanted = np.tanh(wanted)
    np.testing.assert_allclose(answer.json()["outputs"]["y"]["data"], wanted.reshape(-1), rtol=1e-5)


def test_a_session_trains_by_the_gradient_that_a_function_says(server: Server) -> None:
    graphs = {
        "train": server.add_graph(grad(quantized()).to_json()),
        "predict": server.add_graph(quantized().to_json()),
    }
    request = {"graphs": graphs, "optimizer": {"kind": "sgd", "learning_rate": 0.04}}
    created = server.http.post("/v1/sessions", json=request)
    assert created.status_code == 201, created.text
    session = created.headers["Location"]
    x, target = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 1.0]]), np.array([[3.0], [-1.0]])
    weight = np.full((3, 1), 0.75)
    for number in range(1, 6):
        step = server.http.put(
            f"{session}/steps/{number}", json={"inputs": {"x": x.tolist(), "target": target.tolist()}}
        )
        assert step.status_code in (200, 201), step.text
        weight -= 0.04 * 2 * x.T @ (x @ np.round(weight) - target)
    answer = server.http.post(
        f"{session}/run", json={"graph": "predict", "inputs": {"x": x.tolist()}, "outputs": ["prediction"]}
    )
    assert answer.status_code == 200, answer.text
    np.testing.assert_allclose(answer.json()["outputs"]["prediction"]["data"], (x @ np.round(weight))[:, 0], rtol=1e-5)
    assert not np.array_equal(np.round(weight), np.ones((3, 1)))  # it has moved across a half


def test_problems_of_functions_have_their_pointers(server: Server) -> None:
    source = chain(2)
    source["functions"]["f0"]["nodes"][0]["op"] = "tangh"
    body = problem(server.http.post("/v1/graphs", content=json.dumps(source)), "invalid_document")
    assert [item["pointer"] for item in body["problems"]] == ["/functions/f0/nodes/0/op"]


def test_what_nobody_could_expand_is_refused_before_any_work(server: Server) -> None:
    digest = server.add_graph(json.dumps(chain(61)))
    body = problem(server.http.post(f"/v1/graphs/{digest}/run", json={"inputs": {"x": [[1.0, 2.0]]}}), "limit_exceeded")
    assert body["limit"] == "max_nodes"
    assert body["value"] > 2**60
    body = problem(server.http.post("/v1/sessions", json={"graphs": {"predict": digest}}), "limit_exceeded")
    assert body["limit"] == "max_nodes"


def test_nodes_of_functions_count(server: Server) -> None:
    source = chain(1)
    body = [node("y0", "tanh", "v"), *(node(f"y{index}", "tanh", f"y{index - 1}") for index in range(1, 30))]
    source["functions"]["f0"] = function([tensor("v", "n", 2)], body, "y29")
    with in_process(max_nodes=30) as small:
        found = problem(small.http.post("/v1/graphs", content=json.dumps(source)), "limit_exceeded")
        assert (found["limit"], found["value"]) == ("max_nodes", 35)
    with in_process(max_nodes=100) as small:
        source["nodes"] = [node("y", "call", "x", function="f0")]
        source["nodes"] += [
            node(f"z{index}", "call", "y" if index == 0 else f"z{index - 1}", function="f0") for index in range(4)
        ]
        source["outputs"] = [{"name": "y", "value": "z3"}]
        digest = small.add_graph(json.dumps(source))
        found = problem(
            small.http.post(f"/v1/graphs/{digest}/run", json={"inputs": {"x": [[1.0, 2.0]]}}), "limit_exceeded"
        )
        assert found["limit"] == "max_nodes"


def test_outside_the_service_there_is_a_bound_too() -> None:
    with pytest.raises(ExecutorError, match="expands to 2,882,303,761,517,117,437 nodes"):
        asg_executor.run(Document.from_dict(chain(60)), {"x": np.zeros((1, 2), np.float32)})


def test_calls_nested_64_deep_run() -> None:
    source = chain(1)
    for level in range(1, 64):
        source["functions"][f"f{level}"] = function(
            [tensor("v", "n", 2)], [node("y", "call", "v", function=f"f{level - 1}")], "y"
        )
    name = "a" * 200  # ids of what is expanded are made of it
    source["nodes"] = [node(name, "call", "x", function="f63")]
    source["outputs"] = [{"name": "y", "value": name}]
    document = Document.from_dict(source)
    x = np.array([[0.5, -1.0]], np.float32)
    np.testing.assert_allclose(asg_executor.run(document, {"x": x})["y"], np.tanh(x), rtol=1e-6)
    assert plan_rows(document, ["x"], ["y"]).symbol == "batch"


def test_rows_are_told_apart_through_calls() -> None:
    apart = Document.from_dict(chain(3, "softmax"))
    assert plan_rows(apart, ["x"], ["y"]).inputs == ("x",)
    mixed = chain(3)
    mixed["functions"]["f0"]["nodes"] = [node("y", "cumulative_sum", "v", axis=0)]
    with pytest.raises(MixedRowsError, match="is not known to keep the rows"):
        plan_rows(Document.from_dict(mixed), ["x"], ["y"])
    with pytest.raises(MixedRowsError, match="more than 100,000 nodes with all calls expanded"):
        plan_rows(Document.from_dict(chain(30)), ["x"], ["y"])


def test_what_a_call_passes_through_is_its_operand() -> None:
    source = chain(1)
    source["functions"]["f0"] = function([tensor("v", "n", 2)], [node("y", "tanh", "v")], "v", "y", "v")
    source["functions"]["f0"]["outputs"][2]["name"] = "again"
    source["outputs"] = [{"name": name, "value": value} for name, value in (("a", "y"), ("b", "y:1"), ("c", "y:2"))]
    x = np.array([[0.5, -1.0]], np.float32)
    found = asg_executor.run(Document.from_dict(source), {"x": x})
    np.testing.assert_array_equal(found["a"], x)
    np.testing.assert_allclose(found["b"], np.tanh(x), rtol=1e-6)
    np.testing.assert_array_equal(found["c"], x)
