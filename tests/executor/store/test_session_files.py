"""A session on disk: the newest sound state, and the steps since."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typing_extensions import override

from asg_executor.sessions.step_request import StepRequest
from asg_executor.store import durable_files
from asg_executor.store.database import Database
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.saved_state import SavedState
from asg_executor.store.session_files import SessionFiles


@pytest.fixture
def database(tmp_path: Path) -> Database:
    result = Database(tmp_path / "asg.sqlite3")
    with result.transaction():
        result.insert("sessions", {"id": "s", "created": 0.0, "settings": "{}"})
    return result


SIZES = [1, 100_000, 600_000]
"""Elements of 8 bytes: of a step that is written when it is finished, before it computes, and in a thread."""
WAYS = ["written at once", "written before", "written in a thread"]


def opened(tmp_path: Path, database: Database) -> SessionFiles:
    return SessionFiles(tmp_path / "s", database, "s", ThreadPoolExecutor(1))


def state(number: int) -> SavedState:
    arrays = {"value:w": np.full(3, number, np.float32), "slot": np.array(number, np.float64)}
    return SavedState(
        number, f"digest{number}", arrays, f"request{number}", [{"loss": np.array(0.5)}, {"loss": np.array(1.5)}]
    )


def append(files: SessionFiles, *numbers: int, size: int = 1) -> None:
    for number in numbers:
        files.begin(number, StepRequest([{"x": np.full(size, number)}], None))
        files.finish(f"{number:064x}")


def logged(files: SessionFiles, after: int) -> list[tuple[int, int, int]]:
    return [
        (number, int(StepRequest.from_record(payload).parts[0]["x"][0]), int(answer.hex(), 16))
        for number, payload, _, answer in files.steps(after)
    ]


def assert_same(found: SavedState, expected: SavedState) -> None:
    assert (found.number, found.digest, found.request) == (expected.number, expected.digest, expected.request)
    pairs = [(found.arrays, expected.arrays), *zip(found.answers, expected.answers, strict=True)]
    for ours, theirs in pairs:
        assert ours.keys() == theirs.keys()
        for name, array in ours.items():
            assert array.dtype == theirs[name].dtype
            np.testing.assert_array_equal(array, theirs[name], strict=True)


def test_a_state_and_the_steps_since_are_found_again(tmp_path: Path, database: Database) -> None:
    files = opened(tmp_path, database)
    files.save(state(0))
    append(files, 1, 2)
    files.close()
    again = opened(tmp_path, database)
    assert_same(again.load(), state(0))
    assert logged(again, 0) == [(1, 1, 1), (2, 2, 2)]
    append(again, 3)
    again.save(state(3))
    append(again, 4)
    again.close()
    last = opened(tmp_path, database)
    assert_same(last.load(), state(3))
    assert logged(last, 3) == [(4, 4, 4)]


def test_the_log_is_bounded_by_the_snapshots(tmp_path: Path, database: Database) -> None:
    files = opened(tmp_path, database)
    sizes: list[int] = []
    for number in range(0, 50, 10):
        files.save(state(number))
        append(files, *range(number + 1, number + 11))
        sizes.append(files.log_size)
    assert sizes[2:] == [sizes[1]] * 3
    assert len(list((tmp_path / "s" / "snapshots").iterdir())) == 2


def test_where_the_newest_snapshot_is_damaged_the_one_before_and_its_steps_serve(
    tmp_path: Path, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    files = opened(tmp_path, database)
    for number in (0, 10, 20):
        files.save(state(number))
        append(files, *range(number + 1, number + 11))
    files.close()
    newest = max((tmp_path / "s" / "snapshots").iterdir()) / "state.safetensors"
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    again = opened(tmp_path, database)
    assert_same(again.load(), state(10))
    assert str(newest) in caplog.text
    assert [step.number for step in again.steps(10)] == list(range(11, 31))


def test_without_a_sound_snapshot_the_damage_is_named(tmp_path: Path, database: Database) -> None:
    files = opened(tmp_path, database)
    with pytest.raises(DamagedFileError, match="no snapshot"):
        files.load()
    files.save(state(0))
    files.close()
    (snapshot,) = (tmp_path / "s" / "snapshots").iterdir()
    (snapshot / "answer.safetensors").unlink()
    with pytest.raises(DamagedFileError, match=r"answer\.safetensors: it is missing"):
        opened(tmp_path, database).load()


def test_a_snapshot_without_a_row_never_counted(tmp_path: Path, database: Database) -> None:
    files = opened(tmp_path, database)
    files.save(state(0))
    append(files, 1)
    (tmp_path / "s" / "snapshots" / "00000000000000000001-00000000").mkdir()
    files.close()
    again = opened(tmp_path, database)
    assert again.load().number == 0
    again.save(state(1))
    assert len(list((tmp_path / "s" / "snapshots").iterdir())) == 2


def test_a_state_that_no_step_led_to_begins_a_new_history(tmp_path: Path, database: Database) -> None:
    files = opened(tmp_path, database)
    files.save(state(0))
    append(files, 1, 2, 3)
    files.replace(state(1))  # back to an earlier step
    append(files, 2)
    files.close()
    for damaged in range(2):
        again = opened(tmp_path, database)
        assert_same(again.load(), state(1))
        assert logged(again, 1) == [(2, 2, 2)]
        again.close()
        if not damaged:
            snapshots = sorted((tmp_path / "s" / "snapshots").iterdir())
            assert len(snapshots) == 2
            (snapshots[0] / "state.safetensors").unlink()
    assert len(list((tmp_path / "s" / "logs").iterdir())) == 1


@pytest.mark.parametrize("size", SIZES, ids=WAYS)
def test_a_step_that_is_abandoned_does_not_count(tmp_path: Path, database: Database, size: int) -> None:
    files = opened(tmp_path, database)
    files.save(state(0))
    append(files, 1, size=size)
    files.begin(2, StepRequest([{"x": np.full(2 * size, 9)}], None))
    files.abandon()
    append(files, 2, size=size)
    files.begin(3, StepRequest([{"x": np.full(size, 9)}], None))
    files.abandon()
    files.close()
    again = opened(tmp_path, database)
    again.load()
    assert logged(again, 0) == [(1, 1, 1), (2, 2, 2)]


class CountingThreads(ThreadPoolExecutor):
    """A thread, and how many calls it was given."""

    count = 0

    @override
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.count += 1
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize(
    ("size", "written", "threads"), [*zip(SIZES, [False, True, None], [0, 0, 1], strict=True)], ids=WAYS
)
def test_when_a_step_is_written_depends_on_its_size(
    tmp_path: Path, database: Database, size: int, written: bool | None, threads: int
) -> None:
    writers = CountingThreads(1)
    files = SessionFiles(tmp_path / "s", database, "s", writers)
    files.save(state(0))
    files.begin(1, StepRequest([{"x": np.full(size, 1)}], None))
    (log,) = (tmp_path / "s" / "logs").glob("*/*.log")
    if written is not None:  # what a thread has written by now is a matter of chance
        assert (log.stat().st_size > 64 + 8 * size) == written
    files.finish(f"{1:064x}")
    assert logged(files, 0) == [(1, 1, 1)]
    assert writers.count == threads
    files.close()


def test_a_system_that_cannot_begin_with_a_flush_keeps_steps_all_the_same(
    tmp_path: Path, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable_files, "_begin_write_out", None)
    files = opened(tmp_path, database)
    files.save(state(0))
    append(files, 1, size=SIZES[1])
    assert logged(files, 0) == [(1, 1, 1)]
    files.close()
