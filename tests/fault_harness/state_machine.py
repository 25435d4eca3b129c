"""Several clients of one service that is killed and restarted at any time, against a model: one register a session."""

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from fault_harness.one_register import register

__all__ = ["ServiceMachine"]

NUMBERS = st.integers(-3, 3)
NAMES = st.sampled_from(["a", "b", "c"])
KEYS = st.sampled_from(["one", "two"])


@dataclass
class Model:
    """What a session has to be.

    Attributes:
        step: the number of its last step.
        value: what its register has.
        last: what the last step was given, and answered; None where it has taken none.
        checkpoints: what it was then, by name.
    """

    step: int = 0
    value: int = 0
    last: tuple[int, int] | None = None
    checkpoints: dict[str, tuple[int, int, tuple[int, int] | None]] = field(
        default_factory=dict[str, tuple[int, int, "tuple[int, int] | None"]]
    )


class ServiceMachine(RuleBasedStateMachine):
    """What clients do, and what they must find."""

    sessions: Bundle[str] = Bundle("sessions")

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self._directory = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._service = ExitStack()
        self._models: dict[str, Model] = {}
        self._keys: dict[str, str] = {}
        self._server = self._start()

    def _start(self) -> Server:
        return self._service.enter_context(in_process(data_dir=self._directory, workers=1))

    def teardown(self) -> None:
        self._service.close()
        self._stack.close()

    @initialize()
    def send_graph(self) -> None:
        self._graph = self._server.add_graph(register().to_json())

    @rule(target=sessions, key=st.none() | KEYS)
    def create(self, key: str | None) -> Any:
        headers = {} if key is None else {"Idempotency-Key": key}
        response = self._server.http.post("/v1/sessions", json={"graphs": {"train": self._graph}}, headers=headers)
        assert response.status_code == 201, response.text
        path = response.headers["Location"]
        assert (response.headers.get("Idempotent-Replayed") == "true") == (key in self._keys)
        if key in self._keys:
            assert path == self._keys[key], "one session for a key"
            return multiple()  # pyright: ignore[reportUnknownVariableType] - Hypothesis does not say of what
        self._models[path] = Model()
        if key is not None:
            self._keys[key] = path
        return path

    @rule(key=KEYS)
    def create_otherwise(self, key: str) -> None:
        body = {"graphs": {"train": self._graph}, "seed": 9}
        if key in self._keys:
            found = self._server.http.post("/v1/sessions", json=body, headers={"Idempotency-Key": key})
            problem(found, "creation_mismatch")

    def _put(self, path: str, number: int, x: int) -> Any:
        return self._server.http.put(f"{path}/steps/{number}", json={"inputs": {"x": x}})

    @rule(path=sessions, x=NUMBERS)
    def step(self, path: str, x: int) -> None:
        model = self._models[path]
        response = self._put(path, model.step + 1, x)
        assert response.status_code == 200, response.text
        model.step, model.value = model.step + 1, model.value + x
        assert response.json()["outputs"]["value"]["data"] == [model.value]
        model.last = (x, model.value)

    @rule(path=sessions, x=NUMBERS)
    def send_the_last_step_again(self, path: str, x: int) -> None:
        model = self._models[path]
        if model.last is None:
            return
        response = self._put(path, model.step, x)
        if x == model.last[0]:
            assert response.headers["Idempotent-Replayed"] == "true"
            assert response.json()["outputs"]["value"]["data"] == [model.last[1]]
        else:
            problem(response, "step_mismatch")

    @rule(path=sessions, x=NUMBERS, distance=st.integers(1, 3))
    def send_a_step_out_of_order(self, path: str, x: int, distance: int) -> None:
        model = self._models[path]
        assert problem(self._put(path, model.step + 1 + distance, x), "step_gap")["expected_step"] == model.step + 1
        if model.step > distance:
            problem(self._put(path, model.step - distance, x), "step_passed")

    @rule(path=sessions, value=NUMBERS)
    def set_register(self, path: str, value: int) -> None:
        response = self._server.http.put(f"{path}/parameters", json={"parameters": {"register": value}})
        assert response.status_code == 200, response.text
        self._models[path].value = value

    @rule(path=sessions, name=NAMES)
    def add_checkpoint(self, path: str, name: str) -> None:
        model = self._models[path]
        response = self._server.http.post(f"{path}/checkpoints", json={"name": name})
        present = model.checkpoints.get(name)
        if present is None:
            model.checkpoints[name] = (model.step, model.value, model.last)
        if present is None or present[:2] == (model.step, model.value):
            assert response.status_code == 201, response.text
        else:
            problem(response, "checkpoint_exists")

    @rule(path=sessions, name=NAMES)
    def restore(self, path: str, name: str) -> None:
        model = self._models[path]
        response = self._server.http.post(f"{path}/checkpoints/{name}/restore", json={})
        if name in model.checkpoints:
            assert response.status_code == 200, response.text
            model.step, model.value, model.last = model.checkpoints[name]
        else:
            problem(response, "unknown_checkpoint")

    @rule(path=sessions, name=NAMES)
    def remove_checkpoint(self, path: str, name: str) -> None:
        response = self._server.http.delete(f"{path}/checkpoints/{name}")
        assert response.status_code == (204 if name in self._models[path].checkpoints else 404)
        self._models[path].checkpoints.pop(name, None)

    @rule(path=consumes(sessions))
    def delete(self, path: str) -> None:
        assert self._server.http.delete(path).status_code == 204
        problem(self._server.http.get(path), "unknown_session")
        del self._models[path]
        self._keys = {key: own for key, own in self._keys.items() if own != path}

    @rule()
    def kill(self) -> None:
        """End the service as a kill does, and start it again."""
        self._service.close()
        self._server = self._start()

    @rule()
    def stop(self) -> None:
        """End the service as SIGTERM does, and start it again."""

        async def close() -> None:
            async with self._server.app.router.lifespan_context(self._server.app):
                pass

        self._server.runner.run(close())
        self.kill()

    @invariant()
    def all_is_as_it_has_to_be(self) -> None:
        listed = self._server.http.get("/v1/sessions").json()["sessions"]
        assert {f"/v1/sessions/{item['id']}": item["step"] for item in listed} == {
            path: model.step for path, model in self._models.items()
        }
        for path, model in self._models.items():
            found = self._server.http.get(f"{path}/parameters", headers={"Accept": "application/json"}).json()
            assert (found["step"], found["parameters"]["register"]["data"]) == (model.step, [model.value])
