"""All that the service keeps shares one budget: what finds no room is refused before memory is taken."""

import gc
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asg_executor.allowance import RunBounds, call_within
from asg_executor.errors import MemoryLimitError
from asg_executor.machine_memory import machine_memory
from asg_executor.memory_budget import MemoryBudget, MemoryFullError
from asg_executor.sessions.arenas import Arenas
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem

MIB = 2**20


def held(server: Server) -> int:
    return server.app.state.service.memory.held


def wait_until_held(server: Server, most: int) -> None:
    """Wait until no more is held: a thread lets go of what it worked on a moment after its answer is sent."""
    deadline = time.monotonic() + 60
    while held(server) > most:
        assert time.monotonic() < deadline, held(server)
        gc.collect()
        time.sleep(0.01)


def large(elements: int) -> dict[str, Any]:
    """A document with a parameter of so many float32, and a graph that works with any length of x."""
    return {
        "asg": 1,
        "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
        "parameters": [{"id": "w", "dtype": "float32", "shape": [elements]}],
        "nodes": [
            {"id": "s", "op": "sum", "inputs": ["w"]},
            {"id": "y", "op": "add", "inputs": ["x", "s"]},
            {"id": "z", "op": "sort", "inputs": ["y"], "axis": 0},
        ],
        "outputs": [{"name": "z", "value": "z"}],
    }


def create(server: Server, elements: int, **fields: Any) -> httpx.Response:
    graphs = {"predict": server.add_graph(json.dumps(large(elements)))}
    return server.http.post("/v1/sessions", json={"graphs": graphs, **fields})


def run(server: Server, session: str, length: int) -> httpx.Response:
    body = {"graph": "predict", "inputs": {"x": {"dtype": "float32", "shape": [length], "data": [0.5] * length}}}
    return server.http.post(f"{session}/run", json=body)


def test_sessions_together_are_bounded_and_a_deleted_one_makes_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    original = Arenas.__init__

    def counted(self: Arenas, *args: Any, **others: Any) -> None:
        made.append(self)
        original(self, *args, **others)

    monkeypatch.setattr(Arenas, "__init__", counted)
    with in_process(max_held_bytes=20 * MIB, data_dir=tmp_path) as server:
        sessions = [create(server, MIB) for _ in range(2)]  # 8 MiB each, backup included
        assert [response.status_code for response in sessions] == [201, 201]
        refused = create(server, MIB)
        body = problem(refused, "out_of_memory")
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) >= 1
        assert (body["limit"], body["maximum"]) == ("max_held_bytes", 20 * MIB)
        assert body["value"] > 24 * MIB
        assert body["retryable"]
        assert len(made) == 2, "it was refused before memory was taken"
        assert server.http.delete(sessions[0].headers["Location"]).status_code == 204
        made.clear()
        wait_until_held(server, 10 * MIB)
        assert create(server, MIB).status_code == 201


def test_what_can_never_have_room_is_told_as_such() -> None:
    with in_process(max_held_bytes=4 * MIB) as server:
        refused = create(server, 2 * MIB)
        body = problem(refused, "memory_limit")
        assert refused.status_code == 422
        assert "max_held_bytes" in body["detail"]
        assert held(server) == 0


def test_compiled_programs_make_room_for_others() -> None:
    with in_process(max_held_bytes=16 * MIB, engine="numpy") as server:
        first, second = (create(server, 1000).headers["Location"] for _ in range(2))
        for length in range(1, 40):
            assert run(server, first, 30_000 + length).status_code == 200
        full = held(server)
        assert full > 12 * MIB, "there is no room for many more"
        for length in range(1, 40):
            assert run(server, second, 30_000 + length).status_code == 200
            assert held(server) <= 16 * MIB
        # What was let go of is compiled again.
        assert run(server, first, 30_001).status_code == 200
        assert create(server, MIB).status_code == 201, "a session finds room, too"


def test_runs_without_a_session_share_the_budget() -> None:
    document = {**large(1), "parameters": [], "nodes": [{"id": "z", "op": "sort", "inputs": ["x"], "axis": 0}]}
    with in_process(max_held_bytes=4 * MIB) as server:
        digest = server.add_graph(json.dumps(document))
        for length in range(1, 30):
            x = {"dtype": "float32", "shape": [50_000 + length], "data": [1.0] * (50_000 + length)}
            assert server.http.post(f"/v1/graphs/{digest}/run", json={"inputs": {"x": x}}).status_code == 200
            assert 0 < held(server) <= 4 * MIB


TRAIN: Mapping[str, Any] = {
    "asg": 1,
    "inputs": [{"id": "x", "dtype": "float32", "shape": ["n"]}],
    "parameters": [{"id": "w", "dtype": "float32", "shape": [], "init": {"kind": "ones"}}],
    "nodes": [{"id": "y", "op": "multiply", "inputs": ["x", "w"]}, {"id": "loss", "op": "sum", "inputs": ["y"]}],
    "outputs": [
        {"name": "y", "value": "y"},
        {"name": "loss", "value": "loss"},
        {"name": "g", "value": "loss", "role": {"kind": "gradient", "of": "loss", "wrt": "w"}},
    ],
}


def trained(server: Server) -> str:
    graphs = {"train": server.add_graph(json.dumps(TRAIN))}
    body = {"graphs": graphs, "optimizer": {"kind": "sgd", "learning_rate": 0.1}}
    return server.http.post("/v1/sessions", json=body).headers["Location"]


def tensor(length: int) -> dict[str, Any]:
    return {"dtype": "float32", "shape": [length], "data": [0.0] * length}


def test_a_step_whose_answer_cannot_be_kept_changes_nothing(tmp_path: Path) -> None:
    with in_process(max_held_bytes=6 * MIB, data_dir=tmp_path) as server:
        assert create(server, 2**18).status_code == 201  # 2 MiB
        session = trained(server)
        before = server.digest(session)
        body = {"micro_batches": [{"x": tensor(300_000)}] * 4, "outputs": ["y"]}  # answers of 4.6 MiB
        refused = server.http.put(f"{session}/steps/1", json=body)
        assert refused.status_code == 503
        assert problem(refused, "out_of_memory")["limit"] == "max_held_bytes"
        assert server.digest(session) == before
        assert server.http.get(session).json()["step"] == 0
        assert server.http.put(f"{session}/steps/1", json={"inputs": {"x": tensor(3)}}).status_code == 200
        after = server.digest(session)
    with in_process(data_dir=tmp_path) as server:
        assert server.digest(session) == after


def test_parts_that_are_held_count_and_their_step_frees_them() -> None:
    with in_process(max_held_bytes=4 * MIB) as server:
        session = trained(server)
        parts = f"{session}/steps/1/parts"
        body = {"inputs": {"x": tensor(100_000)}, "outputs": ["loss"]}
        count = 0
        while (response := server.http.put(f"{parts}/{count}", json=body)).status_code == 200:
            count += 1
            assert count < 20
        problem(response, "out_of_memory")
        assert count > 2
        assert server.http.get(parts).json()["expected_part"] == count
        full = held(server)
        assert server.http.put(f"{session}/steps/1", json={"parts": count}).status_code == 200
        wait_until_held(server, full - count * 390_000)


def test_a_models_copy_of_the_parameters_counts() -> None:
    with in_process(max_held_bytes=11 * MIB) as server:
        session = create(server, MIB).headers["Location"]  # 8 MiB
        model = f"/v2/models/{session.rpartition('/')[2]}/infer"
        body = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1.0]}]}
        refused = server.http.post(model, json=body)
        assert (refused.status_code, refused.json()["code"]) == (503, "out_of_memory")
    with in_process(max_held_bytes=13 * MIB) as server:
        session = create(server, MIB).headers["Location"]
        model = f"/v2/models/{session.rpartition('/')[2]}/infer"
        assert server.http.post(model, json=body).status_code == 200
        assert held(server) > 12 * MIB


def test_sessions_that_were_there_are_there_again_and_others_find_no_room(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = create(server, MIB).headers["Location"]
    with in_process(data_dir=tmp_path, max_held_bytes=MIB) as server:
        assert server.http.get(session).status_code == 200
        assert held(server) > 8 * MIB
        problem(create(server, 1000), "out_of_memory")


def test_a_claim_ends_with_its_object_and_what_was_used_last_stays() -> None:
    class Cache:
        def __init__(self, used: float) -> None:
            self.last_used = used
            self.claims = [budget.claim("a program", 30)]

        def reclaim(self) -> bool:
            return bool(self.claims and self.claims.pop())

    budget = MemoryBudget(100)
    old, new = Cache(1.0), Cache(2.0)
    budget.add_reclaimable(new)
    budget.add_reclaimable(old)
    claim = budget.claim("it", 60)
    assert (budget.held, old.claims, len(new.claims)) == (90, [], 1)
    claim.grow(10)
    with pytest.raises(MemoryFullError) as full:
        budget.claim("another", 80)
    assert (full.value.value, full.value.maximum, budget.held) == (150, 100, 70), "what could be had back was"
    with pytest.raises(MemoryLimitError, match="101 bytes; at most 100"):
        budget.claim("too much", 101)
    del claim
    assert budget.held == 0
    bounds = RunBounds(memory=budget)
    kept = call_within(bounds, lambda: np.zeros(1))
    assert kept.size == 1


def test_a_containers_limit_is_the_machine_s_memory(tmp_path: Path) -> None:
    whole = machine_memory(tmp_path)
    assert whole > 2**28
    (tmp_path / "memory.max").write_text("max\n")
    assert machine_memory(tmp_path) == whole
    (tmp_path / "memory.max").write_text("104857600\n")
    assert machine_memory(tmp_path) == 100 * MIB
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("52428800\n")
    assert machine_memory(tmp_path) == 50 * MIB
