"""Documents and runs that are larger than they may be: refused with figure and limit, and nothing is changed."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from starlette.types import Message

from asg_executor.engines.executable import PlannedExecutable
from asg_executor.engines.numpy_engine import NumpyEngine
from asg_executor.kernels.table import KERNELS
from asg_executor.settings import Settings
from asg_schema.document import Document
from asg_schema.ops.contraction import Matmul
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import REGRESSION

STEP: dict[str, Any] = {"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}


def limit(response: httpx.Response, name: str, value: int, maximum: int) -> None:
    """The response says that the limit is exceeded, by how much, and what it is."""
    body = problem(response, "limit_exceeded")
    assert (body["limit"], body["value"], body["maximum"]) == (name, value, maximum)
    assert f"{value:,}" in body["detail"]
    assert f"{maximum:,}" in body["detail"]
    assert name in body["detail"]


def chain(length: int) -> dict[str, Any]:
    nodes: list[dict[str, Any]] = [{"id": "n0", "op": "negative", "inputs": ["x"]}]
    nodes += [{"id": f"n{index}", "op": "sin", "inputs": [f"n{index - 1}"]} for index in range(1, length)]
    return {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": []}],
        "nodes": nodes,
        "outputs": [{"name": "y", "value": nodes[-1]["id"]}],
    }


def run(server: Server, document: dict[str, Any], **inputs: Any) -> httpx.Response:
    digest = server.add_graph(json.dumps(document))
    return server.http.post(f"/v1/graphs/{digest}/run", json={"inputs": inputs})


def test_the_limits_are_published() -> None:
    with in_process(max_nodes=7, max_operations=8, run_timeout_seconds=9.5) as server:
        limits = server.http.get("/v1").json()["limits"]
        assert (limits["max_nodes"], limits["max_operations"], limits["run_timeout_seconds"]) == (7, 8, 9.5)
        assert limits["max_rank"] == 64
        named = {name for name in Settings.model_fields if name.startswith(("max_", "tenant_max_"))}
        assert named <= limits.keys()


def test_nodes_are_counted_before_anything_is_made_of_them() -> None:
    with in_process(max_nodes=10) as server:
        assert server.http.post("/v1/graphs", json=chain(8)).status_code == 201
        limit(server.http.post("/v1/graphs", json=chain(9)), "max_nodes", 11, 10)
        # What is no document at all is told as such.
        problem(server.http.post("/v1/graphs", json={"asg": 1, "nodes": 3}), "invalid_document")


def test_what_composites_expand_to_is_counted() -> None:
    document = {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": [4]}],
        "nodes": [{"id": "y", "op": "gelu", "inputs": ["x"]}, {"id": "z", "op": "silu", "inputs": ["y"]}],
        "outputs": [{"name": "z", "value": "z"}],
    }
    with in_process(max_nodes=4) as server:
        limit(run(server, document, x=[1, 2, 3, 4]), "max_nodes", 5, 4)


@pytest.mark.parametrize("place", ["optimizer", "group"])
def test_an_update_rule_is_a_document_too(place: str) -> None:
    with in_process(max_nodes=100) as server:
        graphs = {"train": server.add_graph(REGRESSION)}
        rule = {"kind": "document", "document": chain(200), "learning_rate": 0.1}
        optimizer: dict[str, Any] = rule
        if place == "group":
            optimizer = {"kind": "sgd", "groups": [{"parameters": [], "optimizer": rule}]}
        response = server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": optimizer})
        limit(response, "max_nodes", 202, 100)


def test_json_is_nested_no_deeper_than_the_limit() -> None:
    with in_process(max_json_depth=5) as server:
        problem(server.http.post("/v1/graphs", content="[" * 5), "invalid_body")
        limit(server.http.post("/v1/graphs", content="[" * 6), "max_json_depth", 6, 5)
        limit(server.http.post("/v1/graphs", content='[{"a": [{"b": ["]", {"c": 1}]}]}]'), "max_json_depth", 6, 5)
        # Brackets in strings are none, whatever is escaped in these.
        strings = json.dumps(["[[[[[[[", '\\"[[[[[[[', '"[[[[[[\\', "[[[{{{"])
        problem(server.http.post("/v1/graphs", content=strings), "invalid_document")


def test_the_depth_is_found_across_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.api.json_depth._BLOCK", 3)
    with in_process(max_json_depth=5) as server:
        limit(server.http.post("/v1/graphs", content='["[[[[[[", [[[[[1]]]]]]'), "max_json_depth", 6, 5)
        problem(server.http.post("/v1/graphs", content='["[[[[[[", [[[[1]]]], [[[[1]]]]]'), "invalid_document")


LARGE = 2**41

CLAIMS: dict[str, list[dict[str, Any]]] = {
    "a sum over a broadcast value": [
        {"id": "one", "op": "full", "dtype": "float32", "shape": [], "value": 1.0},
        {"id": "x1", "op": "add", "inputs": ["one", "x"]},
        {"id": "wide", "op": "broadcast_to", "inputs": ["x1"], "shape": [2**46]},
        {"id": "y", "op": "sum", "inputs": ["wide"]},
    ],
    "a constant that is not stored": [
        {"id": "wide", "op": "full", "dtype": "float64", "shape": [LARGE], "value": 1.0},
        {"id": "y", "op": "sum", "inputs": ["wide"]},
    ],
    "random bits": [
        {"id": "k", "op": "full", "dtype": "uint32", "shape": [2], "value": 1},
        {"id": "bits", "op": "rng_bits", "inputs": ["k"], "shape": [LARGE]},
        {"id": "y", "op": "sum", "inputs": ["bits"]},
    ],
    "padding": [
        {"id": "wide", "op": "broadcast_to", "inputs": ["x"], "shape": [1]},
        {"id": "padded", "op": "pad", "inputs": ["wide"], "low": [LARGE], "high": [0]},
        {"id": "y", "op": "sum", "inputs": ["padded"]},
    ],
}


@pytest.mark.parametrize("name", CLAIMS)
def test_values_that_are_too_large_are_refused_whether_stored_or_not(server: Server, name: str) -> None:
    document = {**chain(1), "nodes": CLAIMS[name], "outputs": [{"name": "y", "value": "y"}]}
    body = problem(run(server, document, x=1), "limit_exceeded")
    assert body["limit"] == "max_tensor_bytes"
    assert body["value"] >= LARGE > body["maximum"] == 2**34


def test_parameters_of_petabytes_are_refused(server: Server) -> None:
    document = {**chain(1), "parameters": [{"id": "w", "dtype": "float32", "shape": [2**50]}]}
    graphs = {"predict": server.add_graph(json.dumps(document))}
    problem(server.http.post("/v1/sessions", json={"graphs": graphs}), "memory_limit")


def matmuls(count: int) -> dict[str, Any]:
    nodes = [
        {"id": f"m{index}", "op": "matmul", "inputs": ["x" if index == 0 else f"m{index - 1}", "x"]}
        for index in range(count)
    ]
    return {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n", "n"]}],
        "nodes": nodes,
        "outputs": [{"name": "y", "value": f"m{count - 1}"}],
    }


def test_arithmetic_is_counted_before_memory_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[object] = []
    original = PlannedExecutable.__init__

    def counted(self: PlannedExecutable, *args: Any) -> None:
        made.append(self)
        original(self, *args)

    monkeypatch.setattr(PlannedExecutable, "__init__", counted)
    with in_process(max_operations=1000) as server:
        x = np.eye(5).tolist()
        limit(run(server, matmuls(5), x=x), "max_operations", 5 * 2 * 5**3, 1000)
        assert not made
        assert run(server, matmuls(4), x=x).status_code == 200
        assert len(made) == 1


def replace_matmul(monkeypatch: pytest.MonkeyPatch, kernel: Any) -> None:
    kernels = {**{op: KERNELS[op] for op in KERNELS}, Matmul: kernel}
    monkeypatch.setattr("asg_executor.engines.evaluation.KERNELS", kernels)


class Clock:
    """Lets a second pass with every matrix product, and none otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        self.products = 0
        monkeypatch.setattr("asg_executor.allowance.monotonic", lambda: self.now)
        kernel = KERNELS[Matmul]

        def slow(op: Any, operands: Any, results: Any, workspace: Any) -> Any:
            step = kernel(op, operands, results, workspace)

            def run() -> None:
                step()
                self.now += 1.0
                self.products += 1

            return run

        replace_matmul(monkeypatch, slow)


def training(count: int, size: int) -> dict[str, Any]:
    """Products of matrices, a parameter and a state that every step changes."""
    document = matmuls(count)
    scalar: dict[str, Any] = {"dtype": "float32", "shape": []}
    document["parameters"] = [
        {"id": "w", **scalar, "init": {"kind": "ones"}},
        {"id": "state", **scalar, "trainable": False},
    ]
    document["nodes"] = [
        {"id": "moved", "op": "add", "inputs": ["state", "w"]},
        *document["nodes"],
        {"id": "loss", "op": "sum", "inputs": [f"m{count - 1}"]},
        {"id": "scaled", "op": "multiply", "inputs": ["loss", "w"]},
    ]
    document["outputs"] = [
        {"name": "loss", "value": "scaled"},
        {"name": "g", "value": "loss", "role": {"kind": "gradient", "of": "loss", "wrt": "w"}},
        {"name": "next", "value": "moved", "role": {"kind": "state_update", "of": "state"}},
    ]
    document["inputs"][0]["shape"] = [size, size]
    return document


def test_a_step_past_its_deadline_is_stopped_at_the_next_instruction_and_changes_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    size = 100  # 2 million operations a product: time is looked at before each
    clock = Clock(monkeypatch)
    with in_process(run_timeout_seconds=5.5, engine="numpy") as server:
        train = server.add_graph(json.dumps(training(20, size)))
        short = server.add_graph(json.dumps(training(4, size)))
        sessions = [
            server.http.post(
                "/v1/sessions", json={"graphs": {"train": graph}, "optimizer": {"kind": "adam", "learning_rate": 0.1}}
            ).headers["Location"]
            for graph in (train, short)
        ]
        body = {"inputs": {"x": np.eye(size).tolist()}}
        before = server.digest(sessions[0])
        refused = problem(server.http.put(f"{sessions[0]}/steps/1", json=body), "deadline_exceeded")
        assert "5.5 seconds" in refused["detail"]
        assert clock.products == 6
        assert server.digest(sessions[0]) == before
        assert server.http.get(sessions[0]).json()["step"] == 0
        # In time it is taken; and the same steps are a step for the session that was stopped before.
        assert server.http.put(f"{sessions[1]}/steps/1", json=body).status_code == 200
        monkeypatch.setattr("asg_executor.allowance.monotonic", lambda: 0.0)
        assert server.http.put(f"{sessions[0]}/steps/1", json=body).status_code == 200
        assert server.digest(sessions[0]) != before


def test_a_step_that_was_stopped_leaves_nothing_on_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    size = 100
    clock = Clock(monkeypatch)

    def steps_on_disk() -> bytes:
        return b"".join(path.read_bytes() for path in sorted(tmp_path.rglob("*.log")))

    with in_process(run_timeout_seconds=5.5, data_dir=tmp_path, engine="numpy") as server:
        graphs = {"train": server.add_graph(json.dumps(training(20, size)))}
        body = {"graphs": graphs, "optimizer": {"kind": "adam", "learning_rate": 0.1}}
        session = server.http.post("/v1/sessions", json=body).headers["Location"]
        before, written = server.digest(session), steps_on_disk()
        stopped = {"inputs": {"x": np.eye(size).tolist()}}
        problem(server.http.put(f"{session}/steps/1", json=stopped), "deadline_exceeded")
        assert clock.products == 6
        # The log may have a heading now, and has nothing of the step, whose inputs alone are 40,000 bytes.
        assert len(steps_on_disk()) - len(written) < 100
    # After a crash it is not taken either, and its number is free for any step.
    with in_process(data_dir=tmp_path) as server:
        assert (server.http.get(session).json()["step"], server.digest(session)) == (0, before)
        other = {"inputs": {"x": (np.eye(size) * 0.5).tolist()}}
        assert server.http.put(f"{session}/steps/1", json=other).status_code == 200
        after = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == after
        assert server.http.put(f"{session}/steps/1", json=other).headers["Idempotent-Replayed"] == "true"


def test_planning_is_stopped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter(range(10**9))
    with in_process(run_timeout_seconds=1000) as server:
        digest = server.add_graph(json.dumps(chain(3000)))
        monkeypatch.setattr("asg_executor.allowance.monotonic", lambda: float(next(ticks)))
        problem(server.http.post(f"/v1/graphs/{digest}/run", json={"inputs": {"x": 1}}), "deadline_exceeded")
        assert next(ticks) < 1010


def test_a_run_whose_client_is_gone_is_stopped_and_a_step_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asg_executor.api.client_presence._FIRST_LOOK_SECONDS", 0.0)
    entered, leave = threading.Event(), threading.Event()
    products: list[int] = []
    kernel = KERNELS[Matmul]

    def gated(op: Any, operands: Any, results: Any, workspace: Any) -> Any:
        step = kernel(op, operands, results, workspace)

        def run() -> None:
            entered.set()
            assert leave.wait(30)
            step()
            products.append(1)

        return run

    replace_matmul(monkeypatch, gated)
    with in_process(engine="numpy") as server:
        size, count = 100, 10
        train = server.add_graph(json.dumps(training(count, size)))
        created = server.http.post(
            "/v1/sessions", json={"graphs": {"train": train}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
        )
        session = created.headers["Location"]
        inputs = {"x": np.eye(size).tolist()}

        async def ask(method: str, path: str, content: bytes) -> list[Message]:
            """Send a request, go away once it computes, and have what is answered all the same."""
            messages: list[Message] = []
            body = [{"type": "http.request", "body": content, "more_body": False}]

            async def receive() -> dict[str, Any]:
                if body:
                    return body.pop()
                await asyncio.to_thread(entered.wait, 30)
                asyncio.get_running_loop().call_later(0.2, leave.set)
                return {"type": "http.disconnect"}

            async def send(message: Message) -> None:
                messages.append(message)

            if method == "PUT":
                leave.set()
            scope = {
                "type": "http",
                "method": method,
                "path": path,
                "headers": [(b"host", b"localhost")],
                "query_string": b"",
            }
            await server.app(scope, receive, send)
            return messages

        run = json.dumps({"graph": "train", "inputs": inputs}).encode()
        answer = server.runner.run(ask("POST", f"{session}/run", run))
        assert json.loads(answer[1]["body"])["code"] == "client_disconnected"
        assert len(products) == 1
        answer = server.runner.run(ask("PUT", f"{session}/steps/1", json.dumps({"inputs": inputs}).encode()))
        assert answer[0]["status"] == 200
        assert len(products) == 1 + count


def test_the_time_is_looked_at_about_every_millisecond_and_in_a_short_run_once() -> None:
    def sections(document: dict[str, Any], **symbols: int) -> list[int]:
        executable = NumpyEngine().compile(Document.from_dict(document), symbols)
        return [len(section) for section in executable.sections]

    assert sections(chain(500)) == [500]
    assert len(sections(chain(20_000))) <= 25
    assert sections(matmuls(5), n=200) == [1] * 5
