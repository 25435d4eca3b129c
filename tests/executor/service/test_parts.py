"""The parts of a step, sent one by one: bit-equal to micro-batches in one body, each once, bounded, and forgotten."""

import errno
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import safetensors.numpy

from asg_executor import Session
from asg_schema.document import Document
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression_data

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9, "accumulation": "mean", "clip_global_norm": 0.5}


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path, workers=2) as server:
        yield server


def inputs(number: int, size: int = 8) -> dict[str, Any]:
    return {name: value.tolist() for name, value in regression_data(size, number).items()}


def put(server: Server, session: str, step: int, part: int, data: int, **fields: Any) -> httpx.Response:
    return server.http.put(f"{session}/steps/{step}/parts/{part}", json={"inputs": inputs(data), **fields})


def send(server: Server, session: str, step: int, *data: int, **fields: Any) -> list[Any]:
    answers: list[Any] = []
    for part, number in enumerate(data):
        response = put(server, session, step, part, number, **fields)
        assert response.status_code == 200, response.text
        answers.append(response.json())
    return answers


def whole(server: Server, session: str, step: int, *data: int, **fields: Any) -> Any:
    content = {"micro_batches": [inputs(number) for number in data], **fields}
    response = server.http.put(f"{session}/steps/{step}", json=content)
    assert response.status_code == 200, response.text
    return response.json()


def finish(server: Server, session: str, step: int, count: int, **fields: Any) -> httpx.Response:
    return server.http.put(f"{session}/steps/{step}", json={"parts": count, **fields})


def there(server: Server, session: str, step: int) -> int:
    return server.http.get(f"{session}/steps/{step}/parts").json()["expected_part"]


def test_parts_are_the_step_that_micro_batches_are_bit_for_bit(kept: Server) -> None:
    oracle, session = kept.create_session(optimizer=ADAM, seed=5), kept.create_session(optimizer=ADAM, seed=5)
    for step in (1, 2):
        expected = whole(kept, oracle, step, 1, 2, 3)
        answers = send(kept, session, step, 1, 2, 3)
        assert [answer["outputs"] for answer in answers] == expected["micro_batches"]
        assert [answer["expected_part"] for answer in answers] == [1, 2, 3]
        assert kept.http.get(session).json()["step"] == step - 1, "the parts alone change nothing"
        taken = finish(kept, session, step, 3, digest=answers[-1]["digest"])
        assert taken.json() == expected
        assert kept.digest(session) == kept.digest(oracle)


def test_while_parts_come_the_state_stays_as_it_is(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    oracle = kept.create_session(optimizer=ADAM)
    digest = kept.digest(session)
    for part, data in enumerate((1, 2, 3)):
        put(kept, session, 1, part, data)
        assert kept.http.get(session, headers={"If-None-Match": '"0"'}).json()["digest"] == digest
        held = kept.app.state.service.sessions.get(session.rpartition("/")[2])
        assert held.session.digest() == digest
        ran = kept.http.post(f"{session}/run", json={"graph": "predict", "inputs": inputs(9)})
        assert ran.status_code == 200
        assert kept.http.post(f"{session}/checkpoints", json={"name": f"c{part}"}).json()["digest"] == digest
    finish(kept, session, 1, 3)
    whole(kept, oracle, 1, 1, 2, 3)
    assert kept.digest(session) == kept.digest(oracle)


def test_a_part_counts_once(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    first, second = send(kept, session, 1, 1, 2)
    for part, data, answer in ((0, 1, first), (1, 2, second)):
        again = put(kept, session, 1, part, data)
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == {**answer, "expected_part": 2}
    body = safetensors.numpy.save(regression_data(8, 1))
    headers = {"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"}
    again = kept.http.put(f"{session}/steps/1/parts/0", content=body, headers=headers)
    assert again.headers["Idempotent-Replayed"] == "true", "however it is written"
    assert float(safetensors.numpy.load(again.content)["loss"]) == first["outputs"]["loss"]["data"][0]
    assert problem(put(kept, session, 1, 0, 7), "part_mismatch")["expected_part"] == 2
    assert problem(put(kept, session, 1, 1, 2, outputs=["loss"]), "part_mismatch")["expected_part"] == 2
    assert problem(put(kept, session, 1, 2, 3, outputs=["loss"]), "part_mismatch")["expected_part"] == 2
    assert problem(put(kept, session, 1, 3, 3), "part_gap")["expected_part"] == 2
    oracle = kept.create_session(optimizer=ADAM)
    whole(kept, oracle, 1, 1, 2)
    finish(kept, session, 1, 2)
    assert kept.digest(session) == kept.digest(oracle)


def test_a_step_of_parts_is_taken_once(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session(optimizer=ADAM)
        digest = send(server, session, 1, 1, 2)[-1]["digest"]
        problem(finish(server, session, 1, 2, digest="0" * 64), "part_mismatch")
        first = finish(server, session, 1, 2, digest=digest)
        state = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        for fields in ({}, {"digest": digest}):
            again = finish(server, session, 1, 2, **fields)
            assert (again.json(), again.headers["Idempotent-Replayed"]) == (first.json(), "true")
        problem(finish(server, session, 1, 3), "step_mismatch")
        problem(finish(server, session, 1, 2, digest="0" * 64), "step_mismatch")
        mismatched = {"micro_batches": [inputs(1), inputs(2)]}
        problem(server.http.put(f"{session}/steps/1", json=mismatched), "step_mismatch")
        assert problem(put(server, session, 1, 0, 1), "step_passed")["expected_step"] == 2
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        held.save()
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == state
        assert finish(server, session, 1, 2, digest=digest).headers["Idempotent-Replayed"] == "true"


def test_another_step_of_as_many_parts_is_not_taken_for_this_one(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    send(kept, session, 1, 1)
    assert kept.http.put(f"{session}/steps/1", json={"inputs": inputs(2)}).status_code == 200
    problem(finish(kept, session, 1, 1), "step_mismatch")
    digest = send(kept, session, 2, 1, 2)[-1]["digest"]
    whole(kept, session, 2, 3, 4)
    problem(finish(kept, session, 2, 2), "step_mismatch")
    problem(finish(kept, session, 2, 2, digest=digest), "step_mismatch")


def test_as_many_parts_as_there_are_make_the_step(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    assert problem(finish(kept, session, 1, 1), "part_gap")["expected_part"] == 0
    send(kept, session, 1, 1, 2)
    for count in (1, 3):
        assert problem(finish(kept, session, 1, count), "part_gap")["expected_part"] == 2
    assert kept.http.get(session).json()["step"] == 0
    problem(finish(kept, session, 2, 2), "step_gap")
    problem(put(kept, session, 2, 0, 1), "step_gap")
    assert finish(kept, session, 1, 2).status_code == 200


def test_parts_are_lost_with_the_process_and_sent_again(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session, oracle = server.create_session(optimizer=ADAM), server.create_session(optimizer=ADAM)
        send(server, session, 1, 1, 2)
        whole(server, oracle, 1, 1, 2)
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(f"{session}/steps/1/parts").json() == {"step": 1, "expected_part": 0, "bytes": 0}
        assert problem(put(server, session, 1, 2, 3), "part_gap")["expected_part"] == 0
        send(server, session, 1, 1, 2)
        finish(server, session, 1, 2)
        assert server.digest(session) == server.digest(oracle)


@pytest.mark.parametrize("change", ["step", "parameters", "restore", "micro_batches", "failed micro_batches", "delete"])
def test_parts_are_forgotten_when_the_session_is_changed_otherwise(kept: Server, change: str) -> None:
    session, oracle = kept.create_session(optimizer=ADAM), kept.create_session(optimizer=ADAM)
    kept.http.post(f"{session}/checkpoints", json={"name": "zero"})
    send(kept, session, 1, 1, 2)
    step = 1
    if change == "step":
        for path in (session, oracle):
            assert kept.http.put(f"{path}/steps/1", json={"inputs": inputs(5)}).status_code == 200
        step = 2
    elif change == "parameters":
        for path in (session, oracle):
            kept.http.put(f"{path}/parameters", json={"parameters": {"bias": [2.0]}})
    elif change == "restore":
        kept.http.post(f"{session}/checkpoints/zero/restore")
    elif change == "micro_batches":
        for path in (session, oracle):
            whole(kept, path, 1, 5, 6)
        step = 2
    elif change == "failed micro_batches":
        held = kept.app.state.service.sessions.get(session.rpartition("/")[2])
        bad = {**regression_data(8, 1), "x": np.zeros((8, 4), np.float32)}
        with pytest.raises(Exception, match="x"):
            held.session.step_micro_batches([regression_data(8, 1), bad])
        held.session.partial_steps.begin(None)  # as an attempt that fails while it computes
    else:
        assert kept.http.delete(f"{session}/steps/1/parts").status_code == 204
    assert there(kept, session, step) == 0
    send(kept, session, step, 3, 4)
    assert finish(kept, session, step, 2).status_code == 200
    whole(kept, oracle, step, 3, 4)
    assert kept.digest(session) == kept.digest(oracle)


def test_a_part_that_fails_is_none_and_may_be_sent_again(kept: Server) -> None:
    session, oracle = kept.create_session(optimizer=ADAM), kept.create_session(optimizer=ADAM)
    send(kept, session, 1, 1)
    wrong = {**inputs(2), "target": [[1.0]] * 3}
    problem(kept.http.put(f"{session}/steps/1/parts/1", json={"inputs": wrong}), "unbound_symbol")
    missing = {"x": inputs(2)["x"]}
    problem(kept.http.put(f"{session}/steps/1/parts/1", json={"inputs": missing}), "interface_mismatch")
    assert there(kept, session, 1) == 1
    put(kept, session, 1, 1, 2)
    finish(kept, session, 1, 2)
    whole(kept, oracle, 1, 1, 2)
    assert kept.digest(session) == kept.digest(oracle)


def test_on_a_full_disk_the_parts_stay(kept: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session, oracle = kept.create_session(optimizer=ADAM), kept.create_session(optimizer=ADAM)
    send(kept, session, 1, 1, 2)
    digest = kept.digest(session)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        problem(finish(kept, session, 1, 2), "storage_full")
    assert (kept.digest(session), there(kept, session, 1)) == (digest, 2)
    assert finish(kept, session, 1, 2).status_code == 200
    whole(kept, oracle, 1, 1, 2)
    assert kept.digest(session) == kept.digest(oracle)


def test_parts_are_bounded_in_number_and_in_bytes(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, max_parts=2) as server:
        session = server.create_session(optimizer=ADAM)
        send(server, session, 1, 1, 2)
        found = problem(put(server, session, 1, 2, 3), "limit_exceeded")
        assert (found["limit"], found["value"], found["maximum"]) == ("max_parts", 3, 2)
        assert finish(server, session, 1, 2).status_code == 200
    with in_process(data_dir=tmp_path / "b", max_parts_bytes=200) as server:
        session = server.create_session(optimizer=ADAM)
        send(server, session, 1, 1)  # 128 bytes of inputs and 36 of answers
        assert server.http.get(f"{session}/steps/1/parts").json()["bytes"] == 164
        found = problem(put(server, session, 1, 1, 2), "limit_exceeded")
        assert (found["limit"], found["value"], found["maximum"]) == ("max_parts_bytes", 292, 200)
        assert server.http.get("/v1").json()["limits"]["max_parts_bytes"] == 200


def test_parts_that_nobody_goes_on_with_are_forgotten(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, parts_idle_seconds=0.2) as server:
        session = server.create_session(optimizer=ADAM)
        send(server, session, 1, 1)
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        end = time.monotonic() + 60
        while held.drop_idle_parts(3600) is not None:
            assert time.monotonic() < end
            server.http.get("/healthz/live")  # the event loop runs while it answers
        assert there(server, session, 1) == 0


@pytest.mark.parametrize("part", ["-1", "01", "a", "1.0", "9999999999"])
def test_a_number_of_another_form_is_refused(kept: Server, part: str) -> None:
    session = kept.create_session()
    response = kept.http.put(f"{session}/steps/1/parts/{part}", json={"inputs": inputs(1)})
    assert "part" in problem(response, "invalid_request")["detail"]


CONTRADICTORY: list[tuple[dict[str, Any], str]] = [
    ({"parts": 0}, "/parts"),
    ({"parts": True}, "/parts"),
    ({"parts": 1, "inputs": {}}, "/parts"),
    ({"parts": 1, "micro_batches": [{}]}, "/parts"),
    ({"parts": 1, "outputs": ["loss"]}, "/outputs"),
    ({"inputs": {}, "digest": "0"}, "/digest"),
    ({}, "/inputs"),
]


@pytest.mark.parametrize(("content", "pointer"), CONTRADICTORY)
def test_a_step_has_one_kind_of_batch(kept: Server, content: Any, pointer: str) -> None:
    session = kept.create_session()
    found = problem(kept.http.put(f"{session}/steps/1", json=content), "invalid_request")
    assert found["problems"][0]["pointer"] == pointer


def test_a_step_of_parts_is_asked_for_in_safetensors_too(kept: Server) -> None:
    session = kept.create_session(optimizer=ADAM)
    digest = send(kept, session, 1, 1, 2)[-1]["digest"]
    body = safetensors.numpy.save({}, {"parts": "2", "digest": json.dumps(digest)})
    headers = {"Content-Type": "application/vnd.safetensors", "Accept": "application/vnd.safetensors"}
    response = kept.http.put(f"{session}/steps/1", content=body, headers=headers)
    assert {"0/loss", "1/loss"} < safetensors.numpy.load(response.content).keys()


def test_a_session_in_this_process_takes_parts_with_state_updates_and_keys_as_micro_batches() -> None:
    """Running statistics pass from part to part, and each part has random keys of its own."""
    document = json.loads(
        """
        {"asg": 1,
         "inputs": [{"id": "x", "dtype": "float32", "shape": ["batch"]},
                    {"id": "key", "dtype": "uint32", "shape": [2], "role": {"kind": "rng_key"}}],
         "parameters": [{"id": "mean", "dtype": "float32", "shape": [], "init": {"kind": "zeros"}, "trainable": false}],
         "nodes": [{"id": "now", "op": "mean", "inputs": ["x"]},
                   {"id": "half", "op": "full", "dtype": "float32", "shape": [], "value": 0.5},
                   {"id": "a", "op": "multiply", "inputs": ["mean", "half"]},
                   {"id": "b", "op": "multiply", "inputs": ["now", "half"]},
                   {"id": "next", "op": "add", "inputs": ["a", "b"]},
                   {"id": "noise", "op": "uniform", "inputs": ["key"], "shape": [], "dtype": "float32"},
                   {"id": "seen", "op": "add", "inputs": ["mean", "noise"]}],
         "outputs": [{"name": "seen", "value": "seen"},
                     {"name": "next", "value": "next", "role": {"kind": "state_update", "of": "mean"}}]}
        """
    )
    graphs = {"train": Document.from_dict(document)}
    oracle, session = Session(graphs, seed=3), Session(graphs, seed=3)
    batches = [{"x": np.full(4, value, np.float32)} for value in (1.0, 2.0, 4.0)]
    expected = oracle.step_micro_batches(batches)
    partial = session.partial_steps.begin(None)
    before = session.digest()
    for batch in batches:
        session.partial_steps.add(partial, batch)
        assert session.digest() == before
    assert session.partial_steps.take(partial) == expected
    assert session.digest() == oracle.digest()


def test_what_could_not_be_read_again_is_not_taken(kept: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has all inputs of a step under one header, whose length is bounded when it is read."""
    monkeypatch.setattr("asg_executor.sessions.step_request.MOST_HEADER_BYTES", 500)
    session = kept.create_session(optimizer=ADAM)
    digest = kept.digest(session)
    content = {"micro_batches": [inputs(number) for number in range(8)]}
    assert problem(kept.http.put(f"{session}/steps/1", json=content), "limit_exceeded")["limit"] == "max_header_bytes"
    send(kept, session, 1, *range(8))
    problem(finish(kept, session, 1, 8), "limit_exceeded")
    assert kept.digest(session) == digest
    assert kept.http.put(f"{session}/steps/1", json={"inputs": inputs(1)}).status_code == 200
    assert kept.http.get("/v1").json()["limits"]["max_header_bytes"] == 8 * 2**20


def test_the_inputs_of_all_parts_are_as_many_as_one_body_may_have(
    kept: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("asg_executor.sessions.sent_parts._MOST_ENTRIES", 4)
    session = kept.create_session(optimizer=ADAM)
    send(kept, session, 1, 1, 2)
    assert problem(put(kept, session, 1, 2, 3), "limit_exceeded")["maximum"] == 2
    assert finish(kept, session, 1, 2).status_code == 200


def test_the_parts_of_all_sessions_together_are_bounded(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path, max_held_parts_bytes=250) as server:
        first, second = server.create_session(), server.create_session()
        send(server, first, 1, 1)
        refused = put(server, second, 1, 0, 1)
        assert refused.headers["Retry-After"]
        assert "max_held_parts_bytes" in problem(refused, "overloaded")["detail"]
        assert server.http.put(f"{first}/steps/1/parts/0", json={"inputs": inputs(1)}).status_code == 200, "as it was"
        assert finish(server, first, 1, 1).status_code == 200
        send(server, second, 1, 1)
        assert server.http.delete(f"{second}/steps/1/parts").status_code == 204
        send(server, first, 2, 1)
