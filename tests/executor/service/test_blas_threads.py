"""Steps are taken again on as many threads of BLAS as they were taken on, whatever number is wanted from then on."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from asg_autograd import grad
from asg_executor import cores
from asg_executor.blas import blas_threads, default_blas_threads, set_blas_threads
from asg_executor.cores import available_cores
from asg_executor.plan.arrays import Array
from asg_executor.sessions.held_session import HeldSession
from asg_executor.store.errors import StorageFullError
from asg_schema.document import Document
from executor_harness.in_process import Server, in_process
from executor_harness.server_process import serving

SHAPES = [(16, 300, 200), (33, 1000, 100), (77, 513, 129), (128, 784, 512)]  # rows, depth, columns


@cache
def shape() -> tuple[int, int, int]:
    """Of a product that has other bits on two threads than on one; which one does, depends on processor and library."""
    before = blas_threads()
    try:
        return next(shape for shape in SHAPES if not np.array_equal(product(shape, 1), product(shape, 2)))
    finally:
        if before is not None:
            set_blas_threads(before)


def product(shape: tuple[int, int, int], threads: int) -> Array:
    rows, depth, columns = shape
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(size, np.float32) for size in ((rows, depth), (depth, columns)))
    set_blas_threads(threads)
    return a @ b


@cache
def train() -> Document:
    _, depth, columns = shape()
    forward = Document.from_json(
        f"""{{"asg": 1, "name": "products",
        "inputs": [{{"id": "x", "dtype": "float32", "shape": ["batch", {depth}]}}],
        "parameters": [{{"id": "weight", "dtype": "float32", "shape": [{depth}, {columns}],
                         "init": {{"kind": "xavier_uniform"}}}}],
        "nodes": [{{"id": "y", "op": "matmul", "inputs": ["x", "weight"]}},
                  {{"id": "squares", "op": "multiply", "inputs": ["y", "y"]}},
                  {{"id": "loss", "op": "mean", "inputs": ["squares"]}}],
        "outputs": [{{"name": "loss", "value": "loss"}}]}}"""
    )
    return grad(forward, of="loss")


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    present = blas_threads()
    yield
    if present is not None:
        set_blas_threads(present)


def new_session(server: Server) -> str:
    graphs = {"train": server.add_graph(train().to_json())}
    # The native engine's products have the same bits on any number of threads.
    body = {"graphs": graphs, "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "seed": 1, "engine": "numpy"}
    response = server.http.post("/v1/sessions", json=body)
    assert response.status_code == 201, response.text
    return response.headers["Location"]


def step(number: int) -> dict[str, Any]:
    x = np.random.default_rng(number).standard_normal(shape()[:2]).astype(np.float32)
    return {"inputs": {"x": x.tolist()}}


def take(server: Server, session: str, *numbers: int) -> None:
    for number in numbers:
        response = server.http.put(f"{session}/steps/{number}", json=step(number))
        assert response.status_code == 200, response.text


def noted(directory: Path) -> list[int]:
    with closing(sqlite3.connect(directory / "asg.sqlite3")) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM computing WHERE name = 'blas_threads'")]


def newest_state(directory: Path) -> Path:
    snapshots = directory.glob("sessions/*/snapshots/*/state.safetensors")
    return max(snapshots, key=lambda path: path.stat().st_mtime_ns)


def test_the_number_of_threads_is_what_was_set() -> None:
    for count in (1, 3):
        set_blas_threads(count)
        assert blas_threads() == count


def test_the_libraries_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    known = blas_threads()

    def refuse() -> None:
        raise AssertionError("the libraries that are loaded are looked through again")

    monkeypatch.setattr("threadpoolctl.ThreadpoolController", refuse)
    assert blas_threads() == known


def digest_on(threads: int, directory: Path) -> str:
    with in_process(data_dir=directory, blas_threads=threads) as server:
        session = new_session(server)
        take(server, session, 1, 2, 3)
        return server.digest(session)


def test_another_number_of_threads_gives_other_bits(tmp_path: Path) -> None:
    """Else the tests below would prove nothing; and the same number gives the same."""
    one, two = digest_on(1, tmp_path / "1"), digest_on(2, tmp_path / "2")
    assert one == digest_on(1, tmp_path / "3") != two


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2)])
def test_a_session_is_there_again_though_the_number_changes(tmp_path: Path, before: int, after: int) -> None:
    with in_process(data_dir=tmp_path, blas_threads=before) as server:
        session = new_session(server)
        take(server, session, 1, 2, 3)
        digest = server.digest(session)
    assert noted(tmp_path) == [before]
    with in_process(data_dir=tmp_path, blas_threads=after) as server:
        assert server.digest(session) == digest
        assert (blas_threads(), noted(tmp_path)) == (after, [after])
        take(server, session, 4, 5)
        digest = server.digest(session)
    with in_process(data_dir=tmp_path, blas_threads=after) as server:
        assert server.digest(session) == digest
        take(server, session, 6)


def test_no_step_of_another_number_is_left_behind_an_older_snapshot(tmp_path: Path) -> None:
    """Where the newest snapshot is damaged, the steps since the one before are taken again."""
    with in_process(data_dir=tmp_path, blas_threads=2) as server:
        session = new_session(server)
        take(server, session, 1, 2, 3)
    with in_process(data_dir=tmp_path, blas_threads=1) as server:
        take(server, session, 4)
        digest = server.digest(session)
    newest_state(tmp_path).unlink()
    with in_process(data_dir=tmp_path, blas_threads=1) as server:
        assert server.digest(session) == digest


def test_the_number_stays_where_the_states_cannot_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with in_process(data_dir=tmp_path, blas_threads=2) as server:
        session = new_session(server)
        take(server, session, 1, 2)
        digest = server.digest(session)

    def refuse(_: HeldSession) -> None:
        raise StorageFullError("no room")

    with monkeypatch.context() as patch:
        patch.setattr(HeldSession, "forget_steps", refuse)
        with in_process(data_dir=tmp_path, blas_threads=1) as server:
            assert (blas_threads(), noted(tmp_path)) == (2, [2])
            assert "on 2 threads as before, not on 1: no room" in caplog.text
            take(server, session, 3)
            digest = server.digest(session)
    with in_process(data_dir=tmp_path, blas_threads=1) as server:
        assert (server.digest(session), blas_threads()) == (digest, 1)


def test_a_directory_without_a_note_was_written_with_the_process_own_number(tmp_path: Path) -> None:
    set_blas_threads(2)
    with in_process(data_dir=tmp_path) as server:
        session = new_session(server)
        take(server, session, 1, 2)
        digest = server.digest(session)
    with closing(sqlite3.connect(tmp_path / "asg.sqlite3")) as connection:
        connection.execute("DELETE FROM computing")
        connection.commit()
    with in_process(data_dir=tmp_path, blas_threads=1) as server:
        assert server.digest(session) == digest
        assert noted(tmp_path) == [1]


def test_without_a_data_directory_the_setting_counts_too() -> None:
    with in_process(blas_threads=3):
        assert blas_threads() == 3


def test_the_cores_are_divided_among_the_workers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.endswith("_NUM_THREADS"):
            monkeypatch.delenv(name)

    def affinity(_: int) -> set[int]:
        return set(range(16))

    monkeypatch.setattr(os, "sched_getaffinity", affinity, raising=False)
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    assert [default_blas_threads(workers) for workers in (1, 4, 5, 32)] == [16, 4, 3, 1]
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert default_blas_threads(4) == 4
    (tmp_path / "cpu.max").write_text("800000 100000\n")
    assert default_blas_threads(4) == 2
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    assert default_blas_threads(1) == 1
    set_blas_threads(3)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert default_blas_threads(4) == 3


@pytest.mark.parametrize(
    ("options", "variables", "expected"),
    [
        (["--workers", "64"], {}, 1),
        (["--workers", "64"], {"OPENBLAS_NUM_THREADS": "2"}, 2),
        ([], {"OPENBLAS_NUM_THREADS": "2", "ASG_BLAS_THREADS": "3"}, 3),
        (["--workers", "64"], {"ASG_BLAS_THREADS": "all"}, available_cores()),
    ],
)
def test_a_server_computes_on_what_it_is_told(
    tmp_path: Path, options: list[str], variables: dict[str, str], expected: int
) -> None:
    others = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    with serving(["--data-dir", str(tmp_path), *options], {**others, **variables}) as process:
        assert httpx.get(f"{process.url}/v1").status_code == 200
        assert noted(tmp_path) == [expected]
