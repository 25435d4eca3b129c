"""Checkpoints: made, listed, downloaded, restored with and without the optimizer, removed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_data

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path) as server:
        yield server


def body(number: int) -> dict[str, Any]:
    return {"inputs": {name: value.tolist() for name, value in regression_data(seed=number).items()}}


def take(server: Server, session: str, *numbers: int) -> None:
    for number in numbers:
        response = server.http.put(f"{session}/steps/{number}", json=body(number))
        assert response.status_code == 200, response.text


def parameters(server: Server, session: str) -> dict[str, Any]:
    return safetensors.numpy.load(server.http.get(f"{session}/parameters").content)


def test_a_checkpoint_is_made_listed_downloaded_and_removed(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    take(kept, session, 1, 2)
    created = kept.http.post(f"{session}/checkpoints", json={"name": "good"})
    assert (created.status_code, created.headers["Location"]) == (201, f"{session}/checkpoints/good")
    description = created.json()
    assert (description["name"], description["step"]) == ("good", 2)
    assert description["digest"] == kept.digest(session)
    assert description["created"].endswith("Z")
    take(kept, session, 3)
    assert kept.http.post(f"{session}/checkpoints").json()["name"] == "step-3"
    listed = kept.http.get(f"{session}/checkpoints").json()["checkpoints"]
    assert [item["name"] for item in listed] == ["good", "step-3"]
    assert {**kept.http.get(f"{session}/checkpoints/good").json(), "removed": []} == description
    accept = {"Accept": "application/vnd.safetensors"}
    found = safetensors.numpy.load(kept.http.get(f"{session}/checkpoints/good", headers=accept).content)
    assert found.keys() == parameters(kept, session).keys()
    assert kept.http.delete(f"{session}/checkpoints/good").status_code == 204
    problem(kept.http.get(f"{session}/checkpoints/good"), "unknown_checkpoint")
    assert len(kept.http.get(f"{session}/checkpoints").json()["checkpoints"]) == 1


def test_a_restored_session_goes_on_as_it_did(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    take(kept, session, 1, 2)
    at_two = kept.digest(session)
    kept.http.post(f"{session}/checkpoints", json={"name": "two"})
    take(kept, session, 3, 4)
    at_four = kept.digest(session)
    restored = kept.http.post(f"{session}/checkpoints/two/restore", json={})
    assert (restored.json(), restored.headers["ETag"]) == ({"step": 2, "digest": at_two}, f'"{at_two}"')
    assert kept.http.put(f"{session}/steps/2", json=body(2)).headers["Idempotent-Replayed"] == "true"
    problem(kept.http.put(f"{session}/steps/4", json=body(4)), "step_gap")
    take(kept, session, 3, 4)
    assert kept.digest(session) == at_four


def test_without_the_optimizer_slots_and_averages_begin_anew(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    take(kept, session, 1, 2)
    weights = parameters(kept, session)
    kept.http.post(f"{session}/checkpoints", json={"name": "two"})
    at_two = kept.digest(session)
    take(kept, session, 3)
    assert kept.http.post(f"{session}/checkpoints/two/restore", json={"optimizer": False}).json()["step"] == 2
    for name, array in parameters(kept, session).items():
        np.testing.assert_array_equal(array, weights[name])
    assert kept.digest(session) != at_two
    average = safetensors.numpy.load(kept.http.get(f"{session}/parameters/average").content)
    for name, array in average.items():
        np.testing.assert_array_equal(array, weights[name])


def test_checkpoints_and_what_was_restored_survive_the_service(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session(optimizer=ADAM)
        take(server, session, 1, 2)
        server.http.post(f"{session}/checkpoints", json={"name": "two"})
        take(server, session, 3, 4, 5)
        server.http.post(f"{session}/checkpoints/two/restore")
        take(server, session, 3)
        digest = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(session).json()["step"] == 3
        assert server.digest(session) == digest
        assert server.http.post(f"{session}/checkpoints/two/restore").json()["step"] == 2
        assert server.http.delete(session).status_code == 204
    assert list((tmp_path / "sessions").iterdir()) == []


def test_what_no_step_changed_is_kept_whatever_the_durability(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session(optimizer=ADAM, durability="checkpoint_only")
        take(server, session, 1)
        server.http.post(f"{session}/checkpoints", json={"name": "one"})
        take(server, session, 2, 3)
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        held.save()  # as at the server's own end
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(session).json()["step"] == 3
        server.http.post(f"{session}/checkpoints/one/restore")
        server.http.put(f"{session}/parameters", json={"parameters": {"bias": [7.0]}})
        digest = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert (server.http.get(session).json()["step"], server.digest(session)) == (1, digest)


def test_a_name_is_taken_once(kept: Server) -> None:
    session = kept.create_session()
    created = kept.http.post(f"{session}/checkpoints", json={"name": "a"})
    assert created.status_code == 201
    assert kept.http.post(f"{session}/checkpoints", json={"name": "a"}).json() == created.json(), "the same state"
    take(kept, session, 1)
    problem(kept.http.post(f"{session}/checkpoints", json={"name": "a"}), "checkpoint_exists")
    other = kept.create_session()
    assert kept.http.post(f"{other}/checkpoints", json={"name": "a"}).status_code == 201


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b", "a b", "x" * 101, "ä", "a\n"])
def test_a_name_of_another_form_is_refused(kept: Server, name: str) -> None:
    session = kept.create_session()
    assert "name" in problem(kept.http.post(f"{session}/checkpoints", json={"name": name}), "invalid_request")["detail"]


def test_an_unknown_checkpoint_is_told_with_the_nearest(kept: Server) -> None:
    session = kept.create_session()
    kept.http.post(f"{session}/checkpoints", json={"name": "before"})
    for response in (
        kept.http.get(f"{session}/checkpoints/befor"),
        kept.http.post(f"{session}/checkpoints/befor/restore"),
        kept.http.delete(f"{session}/checkpoints/befor"),
    ):
        assert 'did you mean "before"' in problem(response, "unknown_checkpoint")["detail"]


def test_a_damaged_checkpoint_is_named_and_changes_nothing(kept: Server, tmp_path: Path) -> None:
    session = kept.create_session(optimizer=ADAM)
    kept.http.post(f"{session}/checkpoints", json={"name": "zero"})
    take(kept, session, 1)
    digest = kept.digest(session)
    (path,) = tmp_path.glob("sessions/*/checkpoints/*/state.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    found = problem(kept.http.post(f"{session}/checkpoints/zero/restore"), "damaged_file")
    assert str(path) in found["detail"]
    assert kept.digest(session) == digest


def test_a_condition_that_does_not_hold_restores_nothing(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    kept.http.post(f"{session}/checkpoints", json={"name": "zero"})
    take(kept, session, 1)
    stale = {"If-Match": '"another"'}
    problem(kept.http.post(f"{session}/checkpoints/zero/restore", headers=stale), "state_changed")
    fresh = {"If-Match": f'"{kept.digest(session)}"'}
    assert kept.http.post(f"{session}/checkpoints/zero/restore", headers=fresh).status_code == 200


def test_a_service_that_keeps_nothing_says_so(server: Server) -> None:
    session = server.create_session()
    problem(server.http.post(f"{session}/checkpoints"), "nothing_kept")
    problem(server.http.get(f"{session}/checkpoints"), "nothing_kept")
