"""What a job cannot do is refused before any step, and leaves the session free."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import BaseModel

from asg_executor.jobs import bounds
from asg_executor.jobs.bounds import JobBounds
from asg_executor.jobs.job_settings import CheckpointPolicy, JobSettings, Validation
from asg_executor.jobs.job_settings import EarlyStopping as EarlyStoppingSettings
from asg_executor.jobs.runner import JobLimits
from asg_executor.safetensors_bytes import MEDIA_TYPE, write_safetensors
from executor_harness.in_process import Server, in_process
from executor_harness.jobs import (
    Setup,
    add_dataset,
    create_session,
    data,
    network,
    start_job,
    wait,
)
from executor_harness.problems import problem

HEADERS = {"Content-Type": MEDIA_TYPE}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "/batch_size: "),
        ({"batch_size": "sixteen"}, '/batch_size: the field "batch_size" of the metadata holds JSON'),
        ({"batch_size": "16", "dataset": '"abc"'}, "/dataset: the data set is in the body"),
        ({"batch_size": "16", "epoch": "2"}, "/epoch: "),
    ],
)
def test_fields_of_one_request_are_refused_before_the_data_is_kept(
    server: Server, tmp_path: Path, fields: dict[str, str], message: str
) -> None:
    session = create_session(server.http)
    body = write_safetensors(data(), fields)
    found = problem(server.http.post(f"{session}/jobs", content=body, headers=HEADERS), "invalid_job")
    assert message in found["detail"]
    assert list((tmp_path / "datasets").iterdir()) == []


FLOATS = np.zeros((50, 4), np.float64)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no batch size": ({"batch_size": None}, "/batch_size"),
    "a bool": ({"batch_size": True}, "/batch_size"),
    "no epoch": ({"epochs": 0}, "/epochs"),
    "an unknown field": ({"shuffle": True}, "/shuffle"),
    "both intervals": ({"checkpoints": {"every_epochs": 1, "every_steps": 1}}, "/checkpoints"),
    "a bad prefix": ({"checkpoints": {"prefix": "../etc"}}, "/checkpoints/prefix"),
    "an unknown input": ({"inputs": {"z": "x"}}, "/inputs/z"),
    "an unknown tensor": ({"inputs": {"x": "images"}}, "/inputs/x"),
    "another type": ({"inputs": {"x": "y"}}, "/inputs/x"),
    "an unknown loss": ({"loss": "lost"}, "/loss"),
    "a loss that is no number": ({"loss": "grad.net.0.weight"}, "/loss"),
    "an unknown graph": ({"validation": {"dataset": "test", "graph": "valid"}}, "/validation/graph"),
    "an unknown figure": ({"early_stopping": {"monitor": "loss2"}}, "/early_stopping/monitor"),
    "a figure without validation": ({"early_stopping": {}}, "/early_stopping/monitor"),
    "an unknown metric": ({"checkpoints": {"monitor": "f1"}}, "/checkpoints/monitor"),
    "no whole batch": ({"batch_size": 51, "drop_last": True}, "/batch_size"),
    "too many steps": ({"epochs": 10**7}, "/epochs"),
    "a negative patience": ({"early_stopping": {"monitor": "loss", "patience": -1}}, "/early_stopping/patience"),
    "an infinite delta": ({"early_stopping": {"monitor": "loss", "min_delta": "inf"}}, "/early_stopping/min_delta"),
}


@pytest.mark.parametrize(("fields", "pointer"), REFUSED.values(), ids=REFUSED)
def test_what_does_not_fit_is_refused_before_any_step(
    server: Server, setup: Setup, fields: dict[str, Any], pointer: str
) -> None:
    request = {"dataset": setup.train, "batch_size": 16, **fields}
    if isinstance(fields.get("validation"), dict):
        request["validation"] = {**fields["validation"], "dataset": setup.test}
    found = problem(server.http.post(f"{setup.session}/jobs", json=request), "invalid_job")
    assert [item["pointer"] for item in found["problems"]] == [pointer], found
    assert server.http.get("/v1/jobs").json() == {"jobs": [], "damaged": []}
    assert setup.run()["step"] == 4, "the session is free"


TOO_MUCH: dict[str, tuple[dict[str, Any], str, str]] = {
    "a batch": ({"batch_size": 50}, "/batch_size", "batch_too_large"),
    "a batch of the validation": ({"validation": {"batch_size": 20}}, "/validation/batch_size", "batch_too_large"),
    "checkpoints": ({"epochs": 1001, "checkpoints": {}}, "/checkpoints", "too_many_checkpoints"),
    "kept checkpoints": ({"epochs": 2000, "checkpoints": {"keep_best": 1001}}, "/checkpoints", "too_many_checkpoints"),
    "reports": ({"epochs": 10**6 // 4, "validation": {"every_steps": 1}}, "/epochs", "too_many_reports"),
}


@pytest.mark.parametrize(("fields", "pointer", "code"), TOO_MUCH.values(), ids=TOO_MUCH)
def test_what_is_too_much_is_refused_before_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], pointer: str, code: str
) -> None:
    monkeypatch.setattr(bounds, "_MOST_REPORTED", 10**6)
    with in_process(data_dir=tmp_path, workers=1) as server:
        setup = Setup(server)
        monkeypatch.setattr(
            server.app.state.service.jobs, "_limits", JobLimits(1, 1, 9, JobBounds(steps=10**6, batch_bytes=19 * 24))
        )
        request = {"dataset": setup.train, "batch_size": 16, **fields}
        if "validation" in fields:
            request["validation"] = {"dataset": setup.test, "batch_size": 10, **fields["validation"]}
        found = problem(server.http.post(f"{setup.session}/jobs", json=request), "invalid_job")
        assert [(item["pointer"], item["code"]) for item in found["problems"]] == [(pointer, code)]
        assert setup.run()["step"] == 4


ODD: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "\u0000", "é" * 1000, [], [1], {}, {"": None}, {"dataset": {}}]


def test_every_field_of_every_wrong_kind_is_refused_or_means_something(server: Server, setup: Setup) -> None:
    """No job body is an unexpected error, and what was refused leaves the session free."""
    parts: dict[str, type[BaseModel]] = {
        "": JobSettings,
        "validation": Validation,
        "early_stopping": EarlyStoppingSettings,
    }
    parts["checkpoints"] = CheckpointPolicy
    for part, kind in parts.items():
        for field in kind.model_fields:
            for value in ODD:
                request: dict[str, Any] = {"dataset": setup.train, "batch_size": 50}
                if part:
                    request[part] = {**({"dataset": setup.test} if part == "validation" else {}), field: value}
                else:
                    request[field] = value
                answer = server.http.post(f"{setup.session}/jobs", json=request)
                assert answer.status_code in (202, 404, 422), (request, answer.text)
                if answer.status_code == 202:
                    server.http.post(f"{answer.headers['Location']}/cancel")
    for body in ODD:
        assert server.http.post(f"{setup.session}/jobs", json=body).status_code in (400, 422), body
    assert setup.run()["step"] == 4


def test_unknown_things_are_not_found(server: Server, setup: Setup) -> None:
    request = {"dataset": "abc", "batch_size": 16}
    problem(server.http.post(f"{setup.session}/jobs", json=request), "unknown_dataset")
    problem(server.http.post("/v1/sessions/abc/jobs", json=request), "unknown_session")
    problem(server.http.get("/v1/sessions/abc/jobs"), "unknown_session")
    for method, path in [("GET", ""), ("DELETE", ""), ("POST", "/cancel"), ("POST", "/resume"), ("GET", "/events")]:
        problem(server.http.request(method, f"/v1/jobs/abc{path}"), "unknown_job")


def test_a_session_whose_batches_have_a_fixed_size(server: Server) -> None:
    digest = server.add_graph(network(training=True).to_json().replace('"batch"', "16"))
    body = {"graphs": {"train": digest}, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    session = server.http.post("/v1/sessions", json=body).headers["Location"]
    dataset = add_dataset(server.http, data())
    for fields in ({"batch_size": 16}, {"batch_size": 8, "drop_last": True}):
        found = problem(server.http.post(f"{session}/jobs", json={"dataset": dataset, **fields}), "invalid_job")
        assert found["problems"][0]["code"] == "batch_size_mismatch"
    assert (
        wait(server.http, start_job(server.http, session, dataset=dataset, batch_size=16, drop_last=True))["step"] == 3
    )
