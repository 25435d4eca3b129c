"""Whose parameters a model has, and for how long it is kept."""

import asyncio
import json
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asg_executor.inference import model as inference_model
from asg_executor.inference.repository import ModelRepository
from asg_executor.sessions.held_session import HeldSession
from executor_harness.in_process import Server, in_process
from executor_harness.inference import infer, model_of, read_answer
from executor_harness.problems import problem
from executor_harness.regression import regression, regression_data

X = np.array([[1.0, 2.0, 3.0]], np.float32)
STEP = {"inputs": {name: array.tolist() for name, array in regression_data().items()}}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    with in_process(workers=2, data_dir=tmp_path) as server:
        yield server


def held_of(server: Server, session: str) -> HeldSession:
    held = server.app.state.service.sessions.get(session.rpartition("/")[2])
    assert held is not None
    return held


def models_of(server: Server) -> ModelRepository:
    return server.app.state.service.models


def asked(server: Server, session: str, version: str = "latest") -> tuple[float, int]:
    """The prediction of a version of a session's model, and the step that it names."""
    model = session.rpartition("/")[2]
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": X.tolist()}]}
    answer = server.http.post(f"/v2/models/{model}/versions/{version}/infer", json=body)
    return float(read_answer(answer)["prediction"][0, 0]), answer.json()["parameters"]["step"]


def expected(server: Server, session: str) -> float:
    body = {"graph": "predict", "inputs": {"x": X.tolist()}}
    return server.http.post(f"{session}/run", json=body).json()["outputs"]["prediction"]["data"][0]


def test_a_model_has_the_parameters_of_the_last_step(server: Server) -> None:
    session = server.create_session()
    for number in range(1, 4):
        assert asked(server, session) == (expected(server, session), number - 1)
        assert server.http.put(f"{session}/steps/{number}", json=STEP).status_code == 200
    server.http.put(f"{session}/parameters", json={"parameters": {"weight": [[1], [1], [1]], "bias": [0.5]}})
    assert asked(server, session) == (6.5, 3)


def test_inference_does_not_wait_for_a_step(server: Server) -> None:
    session = server.create_session()
    before = asked(server, session)
    held = held_of(server, session)

    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": X.tolist()}]}

    async def ask() -> None:
        # The lock is held, as while a step is being taken.
        async with held.lock, server.asynchronous() as http:
            response = await asyncio.wait_for(http.post(f"/v2/models/{held.id}/infer", json=body), 30)
        assert float(read_answer(response)["prediction"][0, 0]) == before[0]

    server.runner.run(ask())


def test_a_quick_request_is_answered_though_all_threads_are_busy(server: Server) -> None:
    name = server.create_session().rpartition("/")[2]
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": X.tolist()}]}
    for _ in range(100):  # so that what a run takes is known, whatever else the machine does
        assert server.http.post(f"/v2/models/{name}/infer", json=body).status_code == 200
    pool, release = server.app.state.service.pool, threading.Event()

    async def ask() -> httpx.Response:
        busy = [asyncio.ensure_future(pool.run(release.wait)) for _ in range(2)]
        await asyncio.sleep(0)
        async with server.asynchronous() as http:
            try:
                return await asyncio.wait_for(http.post(f"/v2/models/{name}/infer", json=body), 30)
            finally:
                release.set()
                await asyncio.gather(*busy)

    assert server.runner.run(ask()).status_code == 200


def test_one_run_that_was_interrupted_sends_no_other_to_the_threads(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.create_session()
    ticks = iter(count(0.0, 5e-5))
    monkeypatch.setattr(inference_model, "perf_counter", lambda: next(ticks))
    for _ in range(2):  # it is compiled, and takes 0.05 ms
        asked(server, session)
    held = held_of(server, session)
    model = models_of(server).ready(held, "predict", "latest")
    assert model is not None
    arrays, outputs = {"x": X}, ["prediction"]
    ticks = iter([0.0, 0.01, 0.02, 0.02005])  # 10 ms, and after it 0.05 ms again
    assert model.run_at_once(arrays, outputs, 1e-4) is not None
    assert model.run_at_once(arrays, outputs, 1e-4) is not None


def test_a_step_hands_its_parameters_to_a_model_that_is_asked(server: Server) -> None:
    session = server.create_session()
    held = held_of(server, session)
    asked(server, session)
    server.http.put(f"{session}/steps/1", json=STEP)
    model = models_of(server).ready(held, "predict", "latest")
    assert model is not None  # without waiting for the session
    # Nobody asked since: the next step copies nothing, and the model is refreshed when it is asked.
    server.http.put(f"{session}/steps/2", json=STEP)
    assert models_of(server).ready(held, "predict", "latest") is None
    assert asked(server, session) == (expected(server, session), 2)


def test_a_step_does_not_wait_for_inference(server: Server) -> None:
    session = server.create_session()
    held = held_of(server, session)
    asked(server, session)
    model = models_of(server).ready(held, "predict", "latest")
    assert model is not None
    with model._guard:  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - as while a request computes
        done = threading.Event()
        threading.Thread(target=lambda: (model.follow(held), done.set())).start()
        assert done.wait(30)
    server.http.put(f"{session}/steps/1", json=STEP)
    assert asked(server, session)[1] == 1


def test_checkpoints_are_versions(kept: Server) -> None:
    session = kept.create_session()
    name = session.rpartition("/")[2]
    first = asked(kept, session)
    kept.http.post(f"{session}/checkpoints", json={"name": "begin"})
    kept.http.put(f"{session}/steps/1", json=STEP)
    assert kept.http.get(f"/v2/models/{name}").json()["versions"] == ["latest", "begin"]
    assert asked(kept, session, "begin") == first
    assert asked(kept, session) == (expected(kept, session), 1)
    assert asked(kept, session, "begin") == first
    index = kept.http.post("/v2/repository/index").json()
    assert {(item["name"], item["version"]) for item in index} >= {(name, "latest"), (name, "begin")}
    statistics = kept.http.get(f"/v2/models/{name}/stats").json()["model_stats"]
    assert {item["version"]: item["inference_count"] for item in statistics} == {"latest": 2, "begin": 2}


def test_a_checkpoint_that_is_removed_is_no_version_any_more(kept: Server) -> None:
    session = kept.create_session()
    name = session.rpartition("/")[2]
    for checkpoint in ("one", "two"):
        kept.http.post(f"{session}/checkpoints", json={"name": checkpoint})
    before = asked(kept, session, "one")
    assert asked(kept, session, "two") == before
    kept.http.delete(f"{session}/checkpoints/one")
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": X.tolist()}]}
    answer = kept.http.post(f"/v2/models/{name}/versions/one/infer", json=body)
    assert 'there is no version "one"' in problem(answer, "unknown_model")["detail"]
    assert asked(kept, session, "two") == before
    assert len(models_of(kept)) == 1
    # Another one of the same name has other parameters.
    kept.http.put(f"{session}/steps/1", json=STEP)
    kept.http.post(f"{session}/checkpoints", json={"name": "one"})
    assert asked(kept, session, "one") == (expected(kept, session), 1)


def test_a_damaged_checkpoint_is_named(kept: Server, tmp_path: Path) -> None:
    session = kept.create_session()
    name = session.rpartition("/")[2]
    kept.http.post(f"{session}/checkpoints", json={"name": "bad"})
    (path,) = tmp_path.glob("sessions/*/checkpoints/*/state.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    body = {"inputs": [{"name": "x", "shape": [1, 3], "datatype": "FP32", "data": X.tolist()}]}
    problem(kept.http.post(f"/v2/models/{name}/versions/bad/infer", json=body), "damaged_file")
    assert asked(kept, session)[1] == 0


def test_without_a_data_directory_there_is_the_latest_version_alone(server: Server) -> None:
    name = server.create_session().rpartition("/")[2]
    assert server.http.get(f"/v2/models/{name}/versions/old/ready").status_code == 404
    assert server.http.get(f"/v2/models/{name}/versions/latest/ready").status_code == 200


def test_a_session_that_is_deleted_leaves_nothing(server: Server) -> None:
    session = server.create_session()
    name = session.rpartition("/")[2]
    asked(server, session)
    assert len(models_of(server)) == 1
    server.http.delete(session)
    assert len(models_of(server)) == 0
    assert server.http.get("/v2/models/stats").json() == {"model_stats": []}
    problem(server.http.get(f"/v2/models/{name}"), "unknown_model")
    problem(infer(server.http, name, {"x": X}), "unknown_model")


def test_models_share_a_bounded_memory() -> None:
    with in_process(workers=1, max_served_bytes=1) as server:
        sessions = [server.create_session(seed=seed) for seed in range(3)]
        first = [asked(server, session) for session in sessions]
        assert len(models_of(server)) == 1
        assert [len(held_of(server, session).followers) for session in sessions] == [0, 0, 1]
        assert [asked(server, session) for session in sessions] == first
    with in_process(workers=1) as server:
        for seed in range(3):
            asked(server, server.create_session(seed=seed))
        assert len(models_of(server)) == 3
        assert models_of(server).held_bytes > 0


def test_a_model_that_is_too_large_is_refused() -> None:
    wide = {
        **json.loads(regression().to_json()),
        "inputs": [],
        "nodes": [],
        "outputs": [{"name": "w", "value": "weight"}],
    }
    wide["parameters"] = [{"id": "weight", "dtype": "float32", "shape": [1000]}]
    with in_process(workers=1, max_memory_bytes=12_000) as server:
        model = model_of(server.http, predict=json.dumps(wide))
        assert read_answer(infer(server.http, model, {}))["w"].shape == (1000,)
        # The session's parameters with their backup fit, and so does a copy; a program that needs more does not.
        wide["nodes"] = [
            {"id": "many", "op": "broadcast_to", "inputs": ["weight"], "shape": [100, 1000]},
            {"id": "sum", "op": "add", "inputs": ["many", "many"]},
        ]
        wide["outputs"] = [{"name": "sum", "value": "sum"}]
        problem(infer(server.http, model_of(server.http, predict=json.dumps(wide)), {}), "memory_limit")


@pytest.mark.parametrize(
    ("graphs", "suffix", "found"),
    [
        (["predict", "train"], "", "predict"),
        (["other", "train"], "", "other"),
        (["other", "more"], "", None),
        (["train"], "", None),
        (["train"], ".train", "train"),
        (["predict", "a.b"], ".a.b", "a.b"),
        (["predict"], ".predikt", None),
    ],
)
def test_which_graph_a_name_means(server: Server, graphs: list[str], suffix: str, found: str | None) -> None:
    def document(output: str) -> str:
        nodes = [{"id": "y", "op": "negative", "inputs": ["x"]}]
        inputs: list[dict[str, Any]] = [{"id": "x", "dtype": "float32", "shape": []}]
        return json.dumps({"asg": 1, "inputs": inputs, "nodes": nodes, "outputs": [{"name": output, "value": "y"}]})

    model = model_of(server.http, **{graph: document(graph) for graph in graphs})
    response = server.http.get(f"/v2/models/{model}{suffix}")
    if found is None:
        problem(response, "unknown_model")
    else:
        assert [item["name"] for item in response.json()["outputs"]] == [found]


def test_random_keys_need_not_be_sent(server: Server) -> None:
    drawn: dict[str, Any] = {
        "asg": 1,
        "inputs": [{"id": "key", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}}],
        "nodes": [{"id": "bits", "op": "rng_bits", "inputs": ["key"], "shape": [3]}],
        "outputs": [{"name": "bits", "value": "bits"}],
    }
    model = model_of(server.http, predict=json.dumps(drawn))
    assert server.http.get(f"/v2/models/{model}").json()["inputs"] == []
    assert server.http.get(f"/v2/models/{model}/config").json()["input"][0]["optional"]
    mine = read_answer(infer(server.http, model, {}))["bits"]
    own = server.http.post(f"/v1/sessions/{model}/run", json={"graph": "predict", "inputs": {}})
    assert mine.tolist() == own.json()["outputs"]["bits"]["data"]
    key = np.array([1, 2], np.uint32)
    assert read_answer(infer(server.http, model, {"key": key}))["bits"].tolist() != mine.tolist()


def test_many_clients_of_one_model(server: Server) -> None:
    session = server.create_session()
    name = session.rpartition("/")[2]

    async def ask() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            bodies = [
                {"inputs": [{"name": "x", "shape": [rows, 3], "datatype": "FP32", "data": [1.0] * (3 * rows)}]}
                for rows in range(1, 21)
            ]
            return await asyncio.gather(*(http.post(f"/v2/models/{name}/infer", json=body) for body in bodies))

    answers = server.runner.run(ask())
    values = {round(float(value), 5) for answer in answers for value in read_answer(answer)["prediction"][:, 0]}
    assert len(values) == 1
