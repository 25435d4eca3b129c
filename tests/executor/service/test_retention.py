"""Which checkpoints are kept when a further one is made: the last, the best, those that are pinned."""

import errno
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asg_executor.sessions.retention import KeepBest, Retention
from asg_executor.store.checkpoints import Checkpoint
from asg_executor.store.errors import DamagedFileError
from executor_harness.in_process import Server, in_process
from executor_harness.problems import problem


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Server]:
    with in_process(data_dir=tmp_path) as server:
        yield server


def create(server: Server, session: str, name: str, **fields: Any) -> dict[str, Any]:
    response = server.http.post(f"{session}/checkpoints", json={"name": name, **fields})
    assert response.status_code == 201, response.text
    return response.json()


def names(server: Server, session: str) -> list[str]:
    return [item["name"] for item in server.http.get(f"{session}/checkpoints").json()["checkpoints"]]


def test_the_last_and_the_best_are_kept_and_the_answer_names_the_others(kept: Server, tmp_path: Path) -> None:
    session = kept.create_session()
    losses = [0.5, 0.2, 0.4, "nan", 0.3, 0.6]
    removed: list[list[str]] = []
    for number, loss in enumerate(losses):
        fields = {"metrics": {"val_loss": loss}, "keep_last": 2, "keep_best": {"metric": "val_loss"}}
        removed.append(create(kept, session, f"c{number}", **fields)["removed"])
    assert removed == [[], [], ["c0"], [], ["c2"], ["c3"]]
    listed = kept.http.get(f"{session}/checkpoints").json()["checkpoints"]
    assert [(item["name"], item["metrics"]) for item in listed] == [
        ("c1", {"val_loss": 0.2}),
        ("c4", {"val_loss": 0.3}),
        ("c5", {"val_loss": 0.6}),
    ]
    assert len(list(tmp_path.glob("sessions/*/checkpoints/*"))) == 3


def test_what_is_pinned_or_was_made_without_a_retention_stays(kept: Server) -> None:
    session = kept.create_session()
    assert create(kept, session, "mine")["pinned"] is True
    assert create(kept, session, "early", keep_last=1, pinned=True)["removed"] == []
    assert create(kept, session, "loose", pinned=False)["pinned"] is False
    assert create(kept, session, "first", keep_last=1)["removed"] == ["loose"]
    assert create(kept, session, "second", keep_last=1)["removed"] == ["first"]
    assert names(kept, session) == ["mine", "early", "second"]


def test_the_new_one_stays_though_it_is_not_the_best(kept: Server) -> None:
    session = kept.create_session()
    best = {"keep_best": {"metric": "accuracy", "mode": "max", "count": 1}}
    create(kept, session, "good", metrics={"accuracy": 0.9}, **best)
    assert create(kept, session, "bad", metrics={"accuracy": 0.1}, **best)["removed"] == []
    assert create(kept, session, "worse", metrics={"accuracy": 0.05}, **best)["removed"] == ["bad"]
    assert names(kept, session) == ["good", "worse"]


def test_metrics_and_pins_survive_the_service(tmp_path: Path) -> None:
    metrics = {"loss": "-inf", "accuracy": 0.5}
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session()
        create(server, session, "a", metrics=metrics, keep_last=1)
        listed = server.http.get(f"{session}/checkpoints").json()
    with in_process(data_dir=tmp_path) as server:
        assert server.http.get(f"{session}/checkpoints").json() == listed
        assert listed["checkpoints"][0]["metrics"] == metrics
        assert create(server, session, "b", keep_last=1)["removed"] == ["a"]


def test_the_same_request_again_is_answered_with_what_is_there(kept: Server) -> None:
    session = kept.create_session()
    first = create(kept, session, "a", metrics={"loss": "nan"})
    assert create(kept, session, "a", metrics={"loss": "nan"}) == first
    other = kept.http.post(f"{session}/checkpoints", json={"name": "a", "metrics": {"loss": 1.0}})
    assert "nan" in problem(other, "checkpoint_exists")["detail"]


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"keep_last": 0}, "/keep_last"),
        ({"keep_last": True}, "/keep_last"),
        ({"keep_best": {"metric": "loss", "mode": "least"}}, "/keep_best/mode"),
        ({"keep_best": {"mode": "min"}}, "/keep_best/metric"),
        ({"keep_best": {"metric": "loss", "count": 0}}, "/keep_best/count"),
        ({"metrics": {"loss": "0.5"}}, "/metrics/loss"),
        ({"metrics": {"loss": True}}, "/metrics/loss"),
        ({"metrics": {"": 1.0}}, "/metrics/"),
        ({"metrics": {str(number): 1.0 for number in range(101)}}, "/metrics"),
        ({"pinned": "yes"}, "/pinned"),
    ],
)
def test_a_field_of_another_form_is_named_and_nothing_is_made(kept: Server, fields: Any, pointer: str) -> None:
    session = kept.create_session()
    found = problem(kept.http.post(f"{session}/checkpoints", json=fields), "invalid_request")
    assert any(item["pointer"].startswith(pointer) for item in found["problems"]), found
    assert names(kept, session) == []


def test_nothing_is_removed_before_the_new_one_is_on_disk(kept: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    session = kept.create_session()
    create(kept, session, "a", keep_last=1)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        response = kept.http.post(f"{session}/checkpoints", json={"name": "b", "keep_last": 1})
        problem(response, "storage_full")
    assert names(kept, session) == ["a"]
    assert create(kept, session, "b", keep_last=1)["removed"] == ["a"]


@pytest.mark.parametrize(("name", "removed"), [("b", ["older", "a"]), ("a", ["older"])])
def test_where_the_surplus_cannot_be_removed_nothing_is_made(
    kept: Server, tmp_path: Path, name: str, removed: list[str]
) -> None:
    session = kept.create_session()
    create(kept, session, "older", pinned=False)
    create(kept, session, "a", pinned=False)
    with closing(sqlite3.connect(tmp_path / "asg.sqlite3")) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE DELETE ON checkpoint_notes WHEN OLD.name = 'older' "
            "BEGIN SELECT RAISE(ABORT, 'refused'); END"
        )
        problem(kept.http.post(f"{session}/checkpoints", json={"name": name, "keep_last": 1}), "store_error")
        database.execute("DROP TRIGGER refuse")
    assert names(kept, session) == ["older", "a"]
    assert len(list(tmp_path.glob("sessions/*/checkpoints/*"))) == 2
    assert create(kept, session, name, keep_last=1)["removed"] == removed
    assert len(list(tmp_path.glob("sessions/*/checkpoints/*"))) == 1


def test_a_changed_row_makes_no_checkpoint_go(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session()
        create(server, session, "a", metrics={"loss": 0.1}, pinned=False)
        create(server, session, "b", metrics={"loss": 0.2}, pinned=False)
    with sqlite3.connect(tmp_path / "asg.sqlite3") as connection:
        connection.execute("""UPDATE checkpoint_notes SET metrics = '{"loss": 0.9}' WHERE name = 'a'""")
    connection.close()
    with in_process(data_dir=tmp_path) as server:
        best = {"keep_best": {"metric": "loss"}}
        assert create(server, session, "c", metrics={"loss": 0.3}, **best)["removed"] == []
        assert names(server, session) == ["a", "b", "c"]
        assert server.http.post(f"{session}/checkpoints/a/restore").status_code == 200


def test_a_directory_that_no_row_names_is_removed_at_the_next_start(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        session = server.create_session()
        create(server, session, "a")
    (folder,) = tmp_path.glob("sessions/*/checkpoints/*")
    (folder.parent / "crashed").mkdir()
    with in_process(data_dir=tmp_path) as server:
        assert names(server, session) == ["a"]
        assert list(folder.parent.iterdir()) == [folder]


def test_a_data_directory_that_lost_its_database_is_refused_and_keeps_its_sessions(tmp_path: Path) -> None:
    with in_process(data_dir=tmp_path) as server:
        server.create_session()
    (tmp_path / "asg.sqlite3").unlink()
    with pytest.raises(DamagedFileError, match=r"asg\.sqlite3: it is missing"), in_process(data_dir=tmp_path):
        pass
    assert len(list((tmp_path / "sessions").iterdir())) == 1


@given(
    st.lists(st.tuples(st.booleans(), st.none() | st.floats()), max_size=12),
    st.integers(1, 4),
    st.none() | st.builds(KeepBest, metric=st.just("m"), mode=st.sampled_from(["min", "max"]), count=st.integers(1, 3)),
)
def test_what_goes_is_neither_pinned_nor_last_nor_best(
    made: list[tuple[bool, float | None]], last: int, best: KeepBest | None
) -> None:
    all_of_them = [
        Checkpoint(str(number), number, "", 0, float(number), {} if value is None else {"m": value}, pinned)
        for number, (pinned, value) in enumerate(made)
    ]
    surplus = Retention(keep_last=last, keep_best=best).surplus(all_of_them)
    loose = [item for item in all_of_them if not item.pinned]
    assert all(item in loose[:-last] for item in surplus)
    stay = [item for item in loose if item not in surplus]
    assert len(stay) <= last + (best.count if best else 0)
    if best is not None and surplus:
        better = min if best.mode == "min" else max
        values = [item.metrics["m"] for item in loose if item.metrics.get("m", float("nan")) == item.metrics.get("m")]
        if values:
            assert better(values) in [item.metrics.get("m") for item in stay]
