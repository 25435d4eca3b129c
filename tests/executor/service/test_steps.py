"""`PUT …/steps/{n}`: each step is taken exactly once, and a failed one changes nothing."""

import asyncio
import json
import threading
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy

from asg_executor.sessions.session import Session
from executor_harness.in_process import Server
from executor_harness.problems import problem
from executor_harness.regression import descend, regression_data, regression_gradient

DATA: dict[str, Any] = {"inputs": {"x": [[1, 2, 3]], "target": [[0.5]]}}
OTHER: dict[str, Any] = {"inputs": {"x": [[1, 2, 3]], "target": [[0.75]]}}


def weights(server: Server, session: str) -> dict[str, Any]:
    response = server.http.get(f"{session}/parameters", headers={"Accept": "application/json"})
    return response.json()["parameters"]


def test_a_step_trains(server: Server) -> None:
    session = server.create_session(parameters={"weight": [[1], [1], [1]], "bias": [0]})
    response = server.http.put(f"{session}/steps/1", json=DATA)
    assert response.status_code == 200
    body = response.json()
    assert (body["step"], sorted(body["outputs"])) == (1, ["loss", "prediction"])
    assert body["outputs"]["prediction"] == {"dtype": "float32", "shape": [1, 1], "data": [6.0]}
    assert body["outputs"]["loss"] == {"dtype": "float32", "shape": [], "data": [30.25]}
    data = {"x": np.array([[1, 2, 3]], np.float32), "target": np.array([[0.5]], np.float32)}
    weight, bias = descend(np.ones((3, 1)), np.zeros(1), data, 0.1, 1)
    np.testing.assert_allclose(weights(server, session)["weight"]["data"], weight.ravel(), rtol=1e-6)
    np.testing.assert_allclose(weights(server, session)["bias"]["data"], bias, rtol=1e-6)
    assert server.http.get(session).json()["step"] == 1


def test_the_same_step_again_is_answered_from_memory(server: Server) -> None:
    session = server.create_session()
    first = server.http.put(f"{session}/steps/1", json=DATA)
    state = server.digest(session)
    again = server.http.put(f"{session}/steps/1", json=DATA)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert server.digest(session) == state


def test_a_step_is_the_same_however_it_is_written(server: Server) -> None:
    session = server.create_session()
    first = server.http.put(f"{session}/steps/1", json={**DATA, "outputs": ["loss", "prediction"]})
    data = {"x": np.array([[1, 2, 3]], np.float32), "target": np.array([[0.5]], np.float32)}
    binary = server.http.put(
        f"{session}/steps/1",
        content=safetensors.numpy.save(data, {"outputs": '["prediction", "loss"]'}),
        headers={"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"},
    )
    assert binary.headers["Idempotent-Replayed"] == "true"
    stored = safetensors.numpy.load(binary.content)
    assert stored["loss"].tolist() == first.json()["outputs"]["loss"]["data"][0]
    long = {"x": {"dtype": "float32", "shape": [1, 3], "data": [1.0, 2, 3]}, "target": [[0.5]]}
    third = server.http.put(f"{session}/steps/1", json={"outputs": ["prediction", "loss"], "inputs": long})
    assert third.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    "other", [OTHER, {**DATA, "outputs": ["loss"]}, {"inputs": {**DATA["inputs"], "x": [[1, 2, 4]]}}]
)
def test_another_body_for_a_step_that_was_taken_is_refused(server: Server, other: dict[str, Any]) -> None:
    session = server.create_session()
    server.http.put(f"{session}/steps/1", json=DATA)
    state = server.digest(session)
    body = problem(server.http.put(f"{session}/steps/1", json=other), "step_mismatch")
    assert body["expected_step"] == 2
    assert server.digest(session) == state
    # The stored answer is still that of the step that was taken.
    assert server.http.put(f"{session}/steps/1", json=DATA).headers["Idempotent-Replayed"] == "true"


def test_gaps_and_steps_that_were_passed(server: Server) -> None:
    session = server.create_session()
    assert problem(server.http.put(f"{session}/steps/2", json=DATA), "step_gap")["expected_step"] == 1
    for number in (1, 2):
        assert server.http.put(f"{session}/steps/{number}", json=DATA).status_code == 200
    state = server.digest(session)
    assert problem(server.http.put(f"{session}/steps/1", json=DATA), "step_passed")["expected_step"] == 3
    assert problem(server.http.put(f"{session}/steps/4", json=DATA), "step_gap")["expected_step"] == 3
    assert problem(server.http.put(f"{session}/steps/{10**17}", json=DATA), "step_gap")["expected_step"] == 3
    assert server.digest(session) == state


@pytest.mark.parametrize("number", ["0", "-1", "01", "1.0", "x", "1e3", "9" * 40, "\u0661"])
def test_what_is_no_number_of_a_step(server: Server, number: str) -> None:
    session = server.create_session()
    problem(server.http.put(f"{session}/steps/{number}", json=DATA), "invalid_request")


def test_two_steps_with_one_body_are_two_steps(server: Server) -> None:
    session = server.create_session()
    answers = [server.http.put(f"{session}/steps/{number}", json=DATA).json() for number in (1, 2, 3)]
    losses = [answer["outputs"]["loss"]["data"][0] for answer in answers]
    assert len(set(losses)) == 3
    assert [answer["step"] for answer in answers] == [1, 2, 3]


def test_concurrent_sends_of_one_step_take_it_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    session = server.create_session()
    original, taken, overlap = Session.step, [0], [0]
    inside = threading.Semaphore(1)

    def counting(self: Session, *args: Any, **options: Any) -> Any:
        overlap[0] += not inside.acquire(blocking=False)
        taken[0] += 1
        result = original(self, *args, **options)
        inside.release()
        return result

    monkeypatch.setattr(Session, "step", counting)

    async def send_all() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            return await asyncio.gather(*(http.put(f"{session}/steps/1", json=DATA) for _ in range(20)))

    responses = server.runner.run(send_all())
    assert taken == [1]
    assert overlap == [0]
    assert {response.status_code for response in responses} == {200}
    assert len({response.text for response in responses}) == 1
    assert sum("Idempotent-Replayed" not in response.headers for response in responses) == 1
    assert server.http.get(session).json()["step"] == 1


def test_concurrent_steps_with_different_bodies_take_one_of_them(server: Server) -> None:
    session = server.create_session()

    async def send_all() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            bodies = [{"inputs": {"x": [[1, 2, 3]], "target": [[index]]}} for index in range(10)]
            return await asyncio.gather(*(http.put(f"{session}/steps/1", json=body) for body in bodies))

    responses = server.runner.run(send_all())
    assert sorted(response.status_code for response in responses) == [200] + [422] * 9
    for response in responses:
        if response.status_code == 422:
            problem(response, "step_mismatch")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": {"x": [[1, 2, 3]]}}, "interface_mismatch"),
        ({"inputs": {"x": [[1, 2]], "target": [[1]]}}, "interface_mismatch"),
        ({"inputs": {"x": [[1, 2, 3]], "target": [[1], [2]]}}, "unbound_symbol"),
        ({"inputs": {"x": [[1, 2, 3]], "target": [[True]]}}, "interface_mismatch"),
        ({**DATA, "outputs": ["lss"]}, "interface_mismatch"),
        ({**DATA, "step": 1}, "invalid_request"),
        ({}, "invalid_request"),
    ],
    ids=str,
)
def test_a_refused_step_changes_nothing_and_can_be_sent_again(server: Server, body: dict[str, Any], code: str) -> None:
    session = server.create_session()
    state = server.digest(session)
    problem(server.http.put(f"{session}/steps/1", json=body), code)
    assert server.digest(session) == state
    assert server.http.put(f"{session}/steps/1", json=DATA).status_code == 200


def test_a_step_that_fails_while_it_computes_changes_nothing(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    session = server.create_session()
    state = server.digest(session)
    with monkeypatch.context() as patch:

        def fail(*_: Any, **__: Any) -> Any:
            raise MemoryError

        patch.setattr(Session, "step", fail)
        problem(server.http.put(f"{session}/steps/1", json=DATA), "out_of_memory")
    assert server.digest(session) == state
    # another body is fine now: the first was never taken
    assert "Idempotent-Replayed" not in server.http.put(f"{session}/steps/1", json=OTHER).headers


def test_a_step_whose_client_went_away_is_finished_and_kept(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    session = server.create_session()
    original, entered, go_on = Session.step, threading.Event(), threading.Event()

    def slow(self: Session, *args: Any, **options: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return original(self, *args, **options)

    monkeypatch.setattr(Session, "step", slow)

    async def lose_the_answer() -> httpx.Response:
        async with server.asynchronous() as http:
            lost = asyncio.ensure_future(http.put(f"{session}/steps/1", json=DATA))
            await asyncio.to_thread(entered.wait, 30)
            lost.cancel()
            again = asyncio.ensure_future(http.put(f"{session}/steps/1", json=DATA))
            await asyncio.sleep(0)
            go_on.set()
            return await again

    answer = server.runner.run(lose_the_answer())
    assert answer.status_code == 200
    assert answer.headers["Idempotent-Replayed"] == "true"
    assert server.http.get(session).json()["step"] == 1


def test_sessions_compute_in_parallel_and_one_session_serially(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = server.create_session(), server.create_session()
    original, both = Session.step, threading.Barrier(2, timeout=30)

    def meeting(self: Session, *args: Any, **options: Any) -> Any:
        both.wait()  # passes only when both sessions are inside at once
        return original(self, *args, **options)

    monkeypatch.setattr(Session, "step", meeting)

    async def send_both() -> list[httpx.Response]:
        async with server.asynchronous() as http:
            return await asyncio.gather(*(http.put(f"{path}/steps/1", json=DATA) for path in (first, second)))

    assert [response.status_code for response in server.runner.run(send_both())] == [200, 200]


def test_steps_over_safetensors_follow_gradient_descent(server: Server) -> None:
    session, data = server.create_session(seed=2), regression_data()
    start = safetensors.numpy.load(server.http.get(f"{session}/parameters").content)
    types = {"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"}
    for number in range(1, 31):
        response = server.http.put(
            f"{session}/steps/{number}", content=safetensors.numpy.save(dict(data)), headers=types
        )
        assert response.status_code == 200
    trained = safetensors.numpy.load(server.http.get(f"{session}/parameters").content)
    weight, bias = descend(start["weight"], start["bias"], data, 0.1, 30)
    np.testing.assert_allclose(trained["weight"], weight, rtol=2e-6, atol=2e-6)
    np.testing.assert_allclose(trained["bias"], bias, rtol=2e-6, atol=2e-6)


def test_a_session_without_a_train_graph_takes_no_steps(server: Server) -> None:
    predict = server.http.get(server.create_session()).json()["graphs"]["predict"]
    session = server.http.post("/v1/sessions", json={"graphs": {"predict": predict}}).headers["Location"]
    body = problem(server.http.put(f"{session}/steps/1", json=DATA), "interface_mismatch")
    assert 'no graph "train"' in body["detail"]


def test_an_answer_that_cannot_be_written_takes_no_step(server: Server) -> None:
    """Safetensors keeps the name `__metadata__` for itself."""
    document = regression_gradient().to_dict()
    document["outputs"].append({"name": "__metadata__", "value": "loss"})
    graphs = {"train": server.add_graph(json.dumps(document))}
    created = server.http.post("/v1/sessions", json={"graphs": graphs, "optimizer": {"kind": "sgd"}})
    session = created.headers["Location"]
    binary = {"Accept": "application/vnd.safetensors"}
    for body in (DATA, {**DATA, "outputs": ["__metadata__"]}):
        problem(server.http.put(f"{session}/steps/1", json=body, headers=binary), "not_acceptable")
    assert server.http.get(session).json()["step"] == 0
    assert server.digest(session) == created.json()["digest"]
    assert server.http.put(f"{session}/steps/1", json={**DATA, "outputs": []}, headers=binary).is_success
    assert "__metadata__" in server.http.put(f"{session}/steps/2", json=DATA).json()["outputs"]


def test_a_step_that_waits_for_another_and_is_given_up_is_not_taken(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = server.create_session()
    original, entered, go_on = Session.step, threading.Event(), threading.Event()

    def slow(self: Session, *args: Any, **options: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return original(self, *args, **options)

    monkeypatch.setattr(Session, "step", slow)

    async def give_up_the_second() -> None:
        async with server.asynchronous() as http:
            first = asyncio.ensure_future(http.put(f"{session}/steps/1", json=DATA))
            await asyncio.to_thread(entered.wait, 30)
            second = asyncio.ensure_future(http.put(f"{session}/steps/2", json=DATA))
            for _ in range(50):
                await asyncio.sleep(0)
            second.cancel()
            go_on.set()
            assert (await first).status_code == 200
            assert (await http.get(session)).json()["step"] == 1

    server.runner.run(give_up_the_second())
    assert server.http.put(f"{session}/steps/2", json=OTHER).status_code == 200
