"""Early stopping, checkpoints and validations of a job."""

from typing import Any

from asg_builder.training.early_stopping import EarlyStopping
from executor_harness.in_process import Server
from executor_harness.jobs import (
    Setup,
    trained,
)


def test_early_stopping_is_that_of_the_builder(server: Server, setup: Setup) -> None:
    stopping = {"monitor": "val_loss", "patience": 1, "min_delta": 0.03}
    job = setup.run(epochs=60, validation={"dataset": setup.test}, early_stopping=stopping)
    watcher = EarlyStopping("val_loss", patience=1, min_delta=0.03)

    class Holder:
        def parameters(self) -> Any:
            return {}

        def set_parameters(self, parameters: Any, /) -> None: ...

        def save(self, path: str, /) -> None: ...

    for report in job["history"][:-1]:
        assert not watcher.update(Holder(), report["epoch"], report["figures"])
    assert watcher.update(Holder(), job["history"][-1]["epoch"], job["history"][-1]["figures"])
    assert job["stopped_early"] is True
    assert watcher.best_epoch is not None
    assert job["best"] == {"monitor": "val_loss", "value": watcher.best_value, "step": 4 * watcher.best_epoch}
    assert job["step"] == 4 * (watcher.best_epoch + 2) < 240
    oracle = trained(watcher.best_epoch, 16, seed=None)
    found = server.http.get(f"{setup.session}/parameters", headers={"Accept": "application/json"}).json()
    for name, value in oracle.parameters().items():
        assert found["parameters"][name]["data"] == value.reshape(-1).tolist()
    assert found["step"] == job["step"], "the number of the step stays"
    assert server.http.get(f"{setup.session}/checkpoints").json() == {"checkpoints": []}, "none was asked for"


def test_without_restoring_the_session_is_as_the_last_step_left_it(server: Server, setup: Setup) -> None:
    stopping = {"monitor": "val_loss", "patience": 0, "min_delta": 10.0, "restore_best": False}
    job = setup.run(epochs=60, validation={"dataset": setup.test}, early_stopping=stopping)
    assert job["step"] == 8
    assert server.digest(setup.session) == trained(2, 16, seed=None).digest()


def test_checkpoints_are_made_and_kept_as_asked(server: Server, setup: Setup) -> None:
    policy = {"every_steps": 3, "keep_last": 2, "prefix": "every"}
    job = setup.run(epochs=4, checkpoints=policy)
    listed = server.http.get(f"{setup.session}/checkpoints").json()["checkpoints"]
    assert [item["name"] for item in listed] == job["checkpoints"] or sorted(item["name"] for item in listed) == job[
        "checkpoints"
    ]
    assert {item["name"] for item in listed} == {"every-step-12", "every-step-15"}
    assert [report["step"] for report in job["history"]] == [3, 4, 6, 8, 9, 12, 15, 16]
    for item in listed:
        steps = item["step"]
        assert item["digest"] == trained(4, 16, seed=None, steps=steps).digest()


def test_the_best_checkpoints_are_kept(server: Server, setup: Setup) -> None:
    policy = {"keep_best": 2, "monitor": "loss", "mode": "max"}
    job = setup.run(epochs=5, validation={"dataset": setup.test}, checkpoints=policy)
    losses = {report["checkpoint"]: report["figures"]["loss"] for report in job["history"]}
    best = sorted(losses, key=lambda name: -losses[name])[:2]
    listed = server.http.get(f"{setup.session}/checkpoints").json()["checkpoints"]
    assert {item["name"] for item in listed} == set(best) == set(job["checkpoints"])
    assert listed[0]["metrics"]["loss"] == losses[listed[0]["name"]]


def test_a_validation_by_steps(setup: Setup) -> None:
    job = setup.run(epochs=2, validation={"dataset": setup.test, "every_steps": 3})
    assert [(r["step"], r["ends_epoch"], "val_loss" in r["figures"]) for r in job["history"]] == [
        (3, False, True),
        (4, True, False),
        (6, False, True),
        (8, True, False),
    ]
