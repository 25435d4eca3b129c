"""What was acknowledged is there again after the service ended, however it ended; what is damaged is named."""

import asyncio
import errno
import os
import random
import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asg_executor import Session
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem
from executor_harness.regression import regression, regression_data, regression_gradient
from executor_harness.server_process import serving

ADAM = {"kind": "adam", "learning_rate": 0.05, "average_decay": 0.9}


def body(number: int) -> dict[str, Any]:
    return {"inputs": {name: value.tolist() for name, value in regression_data(seed=number).items()}}


def oracle(steps: int) -> Session:
    """A session in this process that took the same steps without a break."""
    session = Session({"predict": regression(), "train": regression_gradient()}, ADAM, seed=5)
    for number in range(1, steps + 1):
        session.step(regression_data(seed=number))
    return session


@contextmanager
def server_on(directory: Path, **settings: Any) -> Generator[Server]:
    with in_process(data_dir=directory, **settings) as server:
        yield server


def take(server: Server, session: str, *numbers: int) -> list[Any]:
    answers: list[Any] = []
    for number in numbers:
        response = server.http.put(f"{session}/steps/{number}", json=body(number))
        assert response.status_code == 200, response.text
        answers.append(response.json())
    return answers


def only_file(directory: Path, pattern: str) -> Path:
    (path,) = directory.glob(pattern)
    return path


def test_acknowledged_steps_are_there_again_bit_for_bit(tmp_path: Path) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        answers = take(server, session, *range(1, 8))
    with server_on(tmp_path) as server:
        assert server.digest(session) == oracle(7).digest()
        again = server.http.put(f"{session}/steps/7", json=body(7))
        assert (again.headers["Idempotent-Replayed"], again.json()) == ("true", answers[-1])
        problem(server.http.put(f"{session}/steps/7", json=body(8)), "step_mismatch")
        take(server, session, 8)
    with server_on(tmp_path) as server:
        take(server, session, 9, 10)
        assert server.digest(session) == oracle(10).digest()


def test_a_session_in_every_respect_is_there_again(tmp_path: Path) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5, durability={"snapshot_every": 2})
        before = server.http.get(session).json()
        graph = server.http.get(f"/v1/graphs/{before['graphs']['train']}").json()
    with server_on(tmp_path) as server:
        assert server.http.get(session).json() == before
        assert server.http.get(f"/v1/graphs/{before['graphs']['train']}").json() == graph
        assert server.http.delete(session).status_code == 204
    with server_on(tmp_path) as server:
        problem(server.http.get(session), "unknown_session")
    assert list((tmp_path / "sessions").iterdir()) == []


@pytest.mark.parametrize(("durability", "kept"), [({"snapshot_every": 3}, 6), ("checkpoint_only", 0)])
def test_what_is_kept_of_the_steps_is_what_was_asked_for(tmp_path: Path, durability: Any, kept: int) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5, durability=durability)
        take(server, session, *range(1, 8))
    with server_on(tmp_path) as server:
        assert server.http.get(session).json()["step"] == kept
        assert server.digest(session) == oracle(kept).digest()
        take(server, session, *range(kept + 1, 9))
        assert server.digest(session) == oracle(8).digest()


@pytest.mark.parametrize("durability", ["sometimes", {"snapshot_every": 0}, {"snapshot_every": True}, {}, None])
def test_another_durability_is_refused(tmp_path: Path, durability: Any) -> None:
    with server_on(tmp_path) as server:
        graphs = {"train": server.add_graph(regression_gradient().to_json())}
        request = {"graphs": graphs, "optimizer": ADAM, "durability": durability}
        found = problem(server.http.post("/v1/sessions", json=request), "invalid_session")
        assert found["problems"][0]["pointer"].startswith("/durability")


def test_micro_batches_are_taken_again(tmp_path: Path) -> None:
    parts = [body(1)["inputs"], body(2)["inputs"]]
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        request = {"micro_batches": parts, "outputs": ["loss"]}
        answer = server.http.put(f"{session}/steps/1", json=request).json()
        digest = server.digest(session)
    with server_on(tmp_path) as server:
        assert server.digest(session) == digest
        assert server.http.put(f"{session}/steps/1", json=request).json() == answer


def test_a_skipped_step_is_answered_as_such_before_and_after(tmp_path: Path) -> None:
    poisoned = {"inputs": {**body(2)["inputs"], "x": [["nan", 0.0, 0.0]] * len(body(2)["inputs"]["x"])}}
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5, non_finite="skip")
        take(server, session, 1)
        answer = server.http.put(f"{session}/steps/2", json=poisoned).json()
        assert (answer["step"], answer["skipped"]) == (2, True)
        digest = server.digest(session)
    with server_on(tmp_path) as server:
        assert server.http.put(f"{session}/steps/2", json=poisoned).json() == answer
        assert server.digest(session) == digest
        assert "skipped" not in take(server, session, 3)[0]
    with server_on(tmp_path) as server:
        failing = server.create_session(optimizer=ADAM, seed=5, non_finite="fail")
        problem(server.http.put(f"{failing}/steps/1", json=poisoned), "step_not_finite")
        take(server, failing, 1)


def test_a_skipped_step_that_a_snapshot_keeps_is_answered_as_such_again(tmp_path: Path) -> None:
    poisoned = {"inputs": {**body(2)["inputs"], "x": [["nan", 0.0, 0.0]] * len(body(2)["inputs"]["x"])}}
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5, non_finite="skip", durability={"snapshot_every": 2})
        take(server, session, 1)
        answer = server.http.put(f"{session}/steps/2", json=poisoned).json()
        assert answer["skipped"] is True
    with server_on(tmp_path) as server:
        assert server.http.put(f"{session}/steps/2", json=poisoned).json() == answer


def test_parameters_that_were_replaced_are_there_again(tmp_path: Path) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        take(server, session, 1, 2)
        replaced = {"parameters": {"weight": [[1.0], [2.0], [3.0]]}}
        assert server.http.put(f"{session}/parameters", json=replaced).status_code == 200
        take(server, session, 3)
        digest = server.digest(session)
    newest = max(tmp_path.glob("sessions/*/snapshots/*"), key=lambda path: path.stat().st_mtime_ns)
    (newest / "state.safetensors").unlink()  # the other one has them, too
    with server_on(tmp_path) as server:
        assert server.digest(session) == digest


def test_a_damaged_log_is_named_and_the_other_sessions_go_on(tmp_path: Path) -> None:
    with server_on(tmp_path) as server:
        damaged = server.create_session(optimizer=ADAM, seed=5)
        take(server, damaged, 1, 2, 3)
        log = only_file(tmp_path, "sessions/*/logs/*/*.log")
        sound = server.create_session(optimizer=ADAM, seed=5)
        take(server, sound, 1)
    content = bytearray(log.read_bytes())
    content[200] ^= 1
    log.write_bytes(content)
    with server_on(tmp_path) as server:
        for response in (server.http.get(damaged), server.http.put(f"{damaged}/steps/4", json=body(4))):
            found = problem(response, "session_damaged")
            assert str(log) in found["detail"]
            assert found["retryable"] is False
        take(server, sound, 2)
        assert log.read_bytes() == content, "nothing is removed or mended in silence"
        assert server.http.delete(damaged).status_code == 204
        problem(server.http.get(damaged), "unknown_session")


@pytest.mark.parametrize("pattern", ["session.json", "snapshots/*/manifest.json", "snapshots/*/state.safetensors"])
def test_one_flipped_byte_in_any_file_is_named(tmp_path: Path, pattern: str) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
    path = only_file(tmp_path, f"sessions/*/{pattern}")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with server_on(tmp_path) as server:
        assert str(path) in problem(server.http.get(session), "session_damaged")["detail"]


def test_steps_that_give_another_answer_than_before_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        take(server, session, 1)
    original = Session.step

    def other(self: Session, inputs: Any, *args: Any, **options: Any) -> Any:
        return {name: np.nextafter(array, 9) for name, array in original(self, inputs, *args, **options).items()}

    monkeypatch.setattr(Session, "step", other)
    with server_on(tmp_path) as server:
        found = problem(server.http.get(session), "session_damaged")
        assert "step 1 was taken again and gave another answer" in found["detail"]


def test_on_a_full_disk_a_step_fails_cleanly_and_later_succeeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
        take(server, session, 1)
        digest = server.digest(session)
        with monkeypatch.context() as patch:
            patch.setattr(os, "write", full)
            found = problem(server.http.put(f"{session}/steps/2", json=body(2)), "storage_full")
            assert found["retryable"] is True
            problem(
                server.http.post(
                    "/v1/sessions", json={"graphs": server.http.get(session).json()["graphs"], "optimizer": ADAM}
                ),
                "storage_full",
            )
            replaced = {"parameters": {"weight": [[1.0], [2.0], [3.0]]}}
            problem(server.http.put(f"{session}/parameters", json=replaced), "storage_full")
            assert server.digest(session) == digest
        take(server, session, 2)
    with server_on(tmp_path) as server:
        assert server.digest(session) == oracle(2).digest()


def test_a_session_is_deleted_once_its_step_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered, go_on, original = threading.Event(), threading.Event(), Session.step

    def slow(self: Session, *args: Any, **options: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return original(self, *args, **options)

    monkeypatch.setattr(Session, "step", slow)
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM)

        async def send_all() -> list[httpx.Response]:
            async with server.asynchronous() as http:
                first = asyncio.ensure_future(http.put(f"{session}/steps/1", json=body(1)))
                await asyncio.to_thread(entered.wait, 30)
                deletion = asyncio.ensure_future(http.delete(session))
                await asyncio.sleep(0.05)
                go_on.set()
                return [await first, await deletion]

        first, deletion = server.runner.run(send_all())
        assert (first.status_code, deletion.status_code) == (200, 204)
    assert list((tmp_path / "sessions").iterdir()) == []


def test_a_closed_session_takes_nothing(tmp_path: Path) -> None:
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM)
        held = server.app.state.service.sessions.get(session.rpartition("/")[2])
        held.close_files()
        for response in (
            server.http.put(f"{session}/steps/1", json=body(1)),
            server.http.put(f"{session}/parameters", json={"parameters": {"bias": [1.0]}}),
            server.http.post(f"{session}/checkpoints"),
        ):
            problem(response, "unknown_session")


def test_a_data_directory_serves_one_process(tmp_path: Path) -> None:
    options = ["--data-dir", str(tmp_path)]
    with serving(options), pytest.raises(AssertionError, match="is in use by the process"), serving(options):
        pass


def test_killed_at_any_moment_it_has_every_step_that_it_acknowledged(tmp_path: Path) -> None:
    rng = random.Random(0)
    session, number = "", 0
    with server_on(tmp_path) as server:
        session = server.create_session(optimizer=ADAM, seed=5)
    for _ in range(4):
        with serving(["--data-dir", str(tmp_path)]) as process:
            killer = threading.Timer(rng.uniform(0.05, 0.4), process.popen.send_signal, [signal.SIGKILL])
            with httpx.Client(base_url=process.url) as http:
                found = http.get(session).json()["step"]
                assert found in (number, number + 1), "what was acknowledged, and perhaps the step that was under way"
                number = found
                killer.start()
                try:
                    while True:
                        response = http.put(f"{session}/steps/{number + 1}", json=body(number + 1))
                        assert response.status_code == 200, response.text
                        number += 1
                except httpx.TransportError:
                    pass
            killer.join()
            process.popen.wait(30)
    with server_on(tmp_path) as server:
        found = server.http.get(session).json()
        assert found["step"] in (number, number + 1)
        assert found["digest"] == oracle(found["step"]).digest()
    assert number > 4


def test_a_server_that_is_stopped_has_nothing_to_take_again(tmp_path: Path) -> None:
    with serving(["--data-dir", str(tmp_path)]) as process, httpx.Client(base_url=process.url) as http:
        graph = http.post("/v1/graphs", content=regression_gradient().to_json()).json()["digest"]
        request = {"graphs": {"train": graph}, "optimizer": ADAM, "seed": 5}
        session = http.post("/v1/sessions", json=request).headers["Location"]
        for number in range(1, 4):
            assert http.put(f"{session}/steps/{number}", json=body(number)).status_code == 200
        digest = http.get(session).json()["digest"]
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(30) == 0
    newest = max(path.name for path in tmp_path.glob("sessions/*/snapshots/*"))
    assert int(newest.partition("-")[0]) == 3
    with server_on(tmp_path) as server:
        assert server.digest(session) == digest


def test_a_file_that_may_not_grow_refuses_steps_and_loses_none(tmp_path: Path) -> None:
    """The system's own limit of files, whose signal is ignored: a real write stops short, wherever it is."""
    limited = ("sh", "-c", 'trap "" XFSZ; ulimit -f 640; exec "$@"', "sh")  # blocks of 512 bytes
    data = regression_data(2000)
    body = {"inputs": {name: value.tolist() for name, value in data.items()}}
    graphs, optimizer = {"train": regression_gradient()}, {"kind": "sgd", "learning_rate": 0.1}
    undisturbed = Session(graphs, optimizer, seed=0)
    options = ["--data-dir", str(tmp_path)]
    with serving(options, under=limited) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        digests = {
            name: http.post("/v1/graphs", content=graph.to_json()).json()["digest"] for name, graph in graphs.items()
        }
        fields = {"graphs": digests, "optimizer": optimizer}
        session = http.post("/v1/sessions", json=fields).headers["Location"]
        number = 1
        while (response := http.put(f"{session}/steps/{number}", json=body)).status_code == 200:
            undisturbed.step(data)
            number += 1
        assert number > 2
        for _ in range(2):
            assert "File too large" in problem(response, "storage_full")["detail"]
            found = http.get(session).json()
            assert (found["step"], found["digest"]) == (number - 1, undisturbed.digest())
            response = http.put(f"{session}/steps/{number}", json=body)
        assert max(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 640 * 512
    with serving(options) as process, httpx.Client(base_url=process.url, timeout=60) as http:
        found = http.get(session).json()
        assert (found["step"], found["digest"]) == (number - 1, undisturbed.digest())
        assert http.put(f"{session}/steps/{number}", json=body).status_code == 200
        undisturbed.step(data)
        assert http.get(session).json()["digest"] == undisturbed.digest()
