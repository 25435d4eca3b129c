"""Mixed precision over HTTP: what is said of it, and that the loss scale is kept wherever the state is."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import Session
from asg_executor.safetensors_bytes import MEDIA_TYPE, read_safetensors, write_safetensors
from executor_harness.in_process import Server, in_process
from executor_harness.inference import infer
from executor_harness.jobs import add_dataset, start_job, wait
from executor_harness.problems import problem
from executor_harness.regression import regression, regression_data, regression_gradient

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9}
# The first gradients overflow float16, so that the scale falls; and it grows after two finite steps.
SCALING = {"init_scale": 2.0**15, "growth_interval": 2}
MIXED = {"kind": "mixed", "dtype": "float16", "loss_scaling": SCALING}
FULL = {**MIXED, "loss_scaling": {**SCALING, "growth_factor": 2.0, "backoff_factor": 0.5}}
SCALED = grad(regression(), loss_scale=True)


def create(server: Server, train: Any = SCALED, **fields: Any) -> Any:
    graphs = {"predict": server.add_graph(regression().to_json()), "train": server.add_graph(train.to_json())}
    body = {"graphs": graphs, "optimizer": ADAM, "seed": 5, "precision": MIXED, **fields}
    return server.http.post("/v1/sessions", json=body)


def created(server: Server, **fields: Any) -> str:
    response = create(server, **fields)
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def body(number: int) -> dict[str, Any]:
    return {"inputs": {name: value.tolist() for name, value in regression_data(seed=number).items()}}


def take(server: Server, session: str, *numbers: int) -> list[bool]:
    """Take steps; which of them were skipped."""
    answers = [server.http.put(f"{session}/steps/{number}", json=body(number)) for number in numbers]
    assert [answer.status_code for answer in answers] == [200] * len(numbers)
    return ["skipped" in answer.json() for answer in answers]


def oracle(steps: int) -> tuple[Session, list[bool]]:
    """A session in this process that took the same steps, and which it skipped."""
    session = Session({"predict": regression(), "train": SCALED}, ADAM, seed=5, precision=MIXED)
    skipped: list[bool] = []
    for number in range(1, steps + 1):
        session.step(regression_data(seed=number))
        skipped.append(session.skipped)
    return session, skipped


def test_the_steps_of_these_tests_are_of_both_kinds() -> None:
    session, skipped = oracle(9)
    assert True in skipped[:3]
    assert False in skipped[:3]
    assert session.loss_scale != SCALING["init_scale"]


def test_a_session_says_its_precision_and_its_scale(server: Server) -> None:
    plain = server.http.get(server.create_session()).json()
    assert plain["precision"] == "as_written"
    assert "loss_scale" not in plain
    short = create(server, train=regression_gradient(), precision="mixed").json()
    assert short["precision"] == {"kind": "mixed", "dtype": "bfloat16"}
    assert "loss_scale" not in short
    session = created(server)
    assert (found := server.http.get(session).json())["precision"] == FULL
    assert found["loss_scale"] == SCALING["init_scale"]
    expected, skipped = oracle(4)
    assert take(server, session, 1, 2, 3, 4) == skipped
    found = server.http.get(session).json()
    assert (found["loss_scale"], found["digest"]) == (expected.loss_scale, expected.digest())
    (listed,) = (item for item in server.http.get("/v1/sessions").json()["sessions"] if item["id"] == found["id"])
    assert (listed["precision"], listed["loss_scale"]) == (FULL, expected.loss_scale)


def test_a_body_of_tensors_has_it_as_json(server: Server) -> None:
    graphs = f'{{"train": "{server.add_graph(SCALED.to_json())}"}}'
    fields = {"graphs": graphs, "optimizer": '{"kind": "sgd"}', "precision": '{"kind": "mixed", "dtype": "float16"}'}
    content = write_safetensors({"bias": np.ones(1, np.float32)}, fields)
    response = server.http.post("/v1/sessions", content=content, headers={"Content-Type": MEDIA_TYPE})
    assert response.status_code == 201, response.text
    assert response.json()["loss_scale"] == 65536.0


@pytest.mark.parametrize(
    ("fields", "code", "pointer"),
    [
        ({"precision": "half"}, "invalid_request", "/precision"),
        ({"precision": None}, "invalid_request", "/precision"),
        ({"precision": {"kind": "mixed", "dtype": "float8"}}, "invalid_request", "/precision/dtype"),
        (
            {"precision": {**MIXED, "loss_scaling": {"init_scale": "2"}}},
            "invalid_request",
            "/precision/loss_scaling/init_scale",
        ),
        ({"precision": MIXED, "train": regression_gradient()}, "invalid_session", "/precision/loss_scaling"),
    ],
)
def test_what_is_no_precision_is_refused(server: Server, fields: dict[str, Any], code: str, pointer: str) -> None:
    found = problem(create(server, **fields), code)
    assert pointer in {item["pointer"] for item in found["problems"]}
    assert server.http.get("/v1/sessions").json()["sessions"] == []


def test_a_request_may_not_give_the_scale(server: Server) -> None:
    session = created(server)
    inputs = {**body(1)["inputs"], "loss_scale": 1.0}
    for response in (
        server.http.put(f"{session}/steps/1", json={"inputs": inputs}),
        server.http.put(f"{session}/steps/1/parts/0", json={"inputs": inputs}),
        server.http.post(f"{session}/run", json={"graph": "train", "inputs": inputs}),
    ):
        assert "which the session gives" in problem(response, "interface_mismatch")["detail"]
    assert server.http.get(session).json()["step"] == 0


@pytest.mark.parametrize("durability", ["every_step", {"snapshot_every": 3}])
def test_the_scale_is_there_again_after_a_crash(tmp_path: Path, durability: Any) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = created(server, durability=durability)
        _, skipped = oracle(9)
        assert take(server, session, *range(1, 8)) == skipped[:7]
        last = server.http.put(f"{session}/steps/7", json=body(7)).json()
    with in_process(data_dir=tmp_path) as server:
        kept = server.http.get(session).json()
        expected, _ = oracle(kept["step"])
        assert kept["step"] == (7 if durability == "every_step" else 6)
        assert (kept["digest"], kept["loss_scale"]) == (expected.digest(), expected.loss_scale)
        assert kept["precision"] == FULL
        if durability == "every_step":
            assert server.http.put(f"{session}/steps/7", json=body(7)).json() == last
        take(server, session, *range(kept["step"] + 1, 10))
        assert server.digest(session) == oracle(9)[0].digest()


def test_checkpoints_and_exports_have_the_scale(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/exports/run"
    with in_process(data_dir=tmp_path / "data", export_urls=(f"file://{tmp_path}/exports/",)) as server:
        session = created(server)
        take(server, session, 1, 2, 3, 4)
        before = server.http.get(session).json()
        assert before["loss_scale"] != SCALING["init_scale"]
        assert server.http.post(f"{session}/checkpoints", json={"name": "best"}).json()["digest"] == before["digest"]
        assert server.http.post(f"{session}/checkpoints/best/export", json={"url": url}).status_code == 200
        number = 4
        while server.http.get(session).json()["loss_scale"] == before["loss_scale"]:
            take(server, session, number := number + 1)
        response = server.http.post(f"{session}/checkpoints/best/restore", json={})
        assert response.status_code == 200, response.text
        assert server.http.get(session).json() == before
        weights = server.http.get(f"{session}/checkpoints/best", headers={"Accept": MEDIA_TYPE}).content
        assert {name: array.dtype for name, array in read_safetensors(weights)[0].items()} == {
            "weight": np.float32,
            "bias": np.float32,
        }
        assert server.http.post(f"{session}/checkpoints/best/restore", json={"optimizer": False}).status_code == 200
        assert server.http.get(session).json()["loss_scale"] == SCALING["init_scale"]
        made = server.http.post("/v1/sessions/import", json={"url": url})
        assert made.status_code == 201, made.text
        assert {**made.json(), "id": before["id"]} == before
        take(server, made.headers["Location"], 5, 6)
        assert server.digest(made.headers["Location"]) == oracle(6)[0].digest()


def test_a_step_of_parts_is_one_of_micro_batches(server: Server) -> None:
    fields = {"optimizer": {**ADAM, "accumulation": "mean"}}
    parts, whole = created(server, **fields), created(server, **fields)
    for number in (1, 2, 3):
        inputs = [body(10 * number + part)["inputs"] for part in range(3)]
        for part, content in enumerate(inputs):
            sent = {"inputs": content, "outputs": ["grad.bias"]}
            assert server.http.put(f"{parts}/steps/{number}/parts/{part}", json=sent).status_code == 200
        first = server.http.put(f"{parts}/steps/{number}", json={"parts": 3}).json()
        second = server.http.put(
            f"{whole}/steps/{number}", json={"micro_batches": inputs, "outputs": ["grad.bias"]}
        ).json()
        assert first == second
    assert server.digest(parts) == server.digest(whole)
    assert server.http.get(parts).json()["loss_scale"] == server.http.get(whole).json()["loss_scale"]


def test_a_job_trains_as_its_steps_do(tmp_path: Path) -> None:
    data = regression_data(48, seed=1)
    with in_process(data_dir=tmp_path, workers=2) as server:
        session = created(server)
        digest = add_dataset(server.http, data)
        job = start_job(server.http, session, dataset=digest, batch_size=8, epochs=2)
        assert wait(server.http, job)["step"] == 12
        twin = Session({"train": SCALED}, ADAM, seed=5, precision=MIXED)
        for _ in range(2):
            for begin in range(0, 48, 8):
                twin.step({name: array[begin : begin + 8] for name, array in data.items()})
        found = server.http.get(session).json()
        assert (found["digest"], found["loss_scale"]) == (twin.digest(), twin.loss_scale)
        named = {**data, "loss_scale": np.ones(48, np.float32)}
        start_job(server.http, session, dataset=add_dataset(server.http, named), batch_size=8)  # it is not asked for
        asked = {"dataset": digest, "batch_size": 8, "inputs": {"loss_scale": "x"}}
        found = problem(server.http.post(f"{session}/jobs", json=asked), "invalid_job")
        assert found["problems"][0]["pointer"] == "/inputs/loss_scale"


def test_inference_rounds_as_the_session_does(server: Server) -> None:
    session = created(server, precision="mixed", train=regression_gradient())
    x = regression_data(4)["x"]
    run = server.http.post(f"{session}/run", json={"graph": "predict", "inputs": {"x": x.tolist()}}).json()
    expected = run["outputs"]["prediction"]["data"]
    model = session.rpartition("/")[2]
    answer = infer(server.http, model, {"x": x}, outputs=[{"name": "prediction", "parameters": {"binary_data": False}}])
    assert answer.json()["outputs"][0]["data"] == expected
    exact = (x @ np.array(_weight(server, session), np.float32)).ravel()
    assert np.abs(exact - expected).max() > 1e-4, "nothing was rounded"


def _weight(server: Server, session: str) -> list[list[float]]:
    answer = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"}).json()
    return [[value] for value in answer["parameters"]["weight"]["data"]]


def test_a_model_with_a_loss_scale_does_not_ask_for_it(server: Server) -> None:
    model = f"{created(server).rpartition('/')[2]}.train"
    described = server.http.get(f"/v2/models/{model}").json()
    assert [item["name"] for item in described["inputs"]] == ["x", "target"]
    config = server.http.get(f"/v2/models/{model}/config").json()
    assert [item["name"] for item in config["input"]] == ["x", "target"]
    data = regression_data(4)
    answer = infer(server.http, model, data, outputs=[{"name": "grad.bias", "parameters": {"binary_data": False}}])
    assert answer.status_code == 200, answer.text
    expected = Session({"train": SCALED}, ADAM, seed=5, precision=MIXED).run("train", data, ["grad.bias"])["grad.bias"]
    assert answer.json()["outputs"][0]["data"] == expected.tolist()
    refused = infer(server.http, model, {**data, "loss_scale": np.ones((), np.float32)})
    assert "which the session gives" in refused.json()["error"]


def test_a_run_without_a_session_takes_the_scale_as_any_input(server: Server) -> None:
    digest = server.add_graph(SCALED.to_json())
    parameters = {"weight": [[1.0], [0.0], [0.0]], "bias": [0.0]}
    inputs = {**body(1)["inputs"], "loss_scale": 8.0}
    path = f"/v1/graphs/{digest}/run"
    scaled = server.http.post(path, json={"inputs": inputs, "parameters": parameters, "outputs": ["grad.bias"]}).json()
    inputs["loss_scale"] = 1.0
    plain = server.http.post(path, json={"inputs": inputs, "parameters": parameters, "outputs": ["grad.bias"]}).json()
    assert scaled["outputs"]["grad.bias"]["data"][0] == 8 * plain["outputs"]["grad.bias"]["data"][0]


def test_the_same_wish_with_the_default_written_out_is_the_same(server: Server) -> None:
    key = {"Idempotency-Key": "mine"}
    graphs = {"predict": server.add_graph(regression().to_json())}
    first = server.http.post("/v1/sessions", json={"graphs": graphs}, headers=key)
    again = server.http.post("/v1/sessions", json={"graphs": graphs, "precision": "as_written"}, headers=key)
    assert (again.headers["Location"], again.headers["Idempotent-Replayed"]) == (first.headers["Location"], "true")
    other = {"graphs": graphs, "precision": "mixed"}
    problem(server.http.post("/v1/sessions", json=other, headers=key), "creation_mismatch")
