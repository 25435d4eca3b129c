"""A damaged database is made anew from its sound rows and from the files of sessions; what is lost is named."""

import errno
import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from asg_executor.access.key_files import opened_keys
from asg_executor.access.principal import Scope
from asg_executor.repair.directory import RepairReport, repair
from asg_executor.repair_command import repair_directory
from asg_executor.store.data_directory import DATABASE
from asg_executor.store.errors import DamagedFileError, DirectoryInUseError, NewerDirectoryError, StoreError
from asg_executor.store.ownership import DirectoryLock
from asg_schema.command_line import CommandError
from executor_harness.in_process import in_process
from executor_harness.jobs import add_dataset, data, start_job, wait
from executor_harness.jobs import create_session as create_classifier
from executor_harness.problems import problem
from fault_harness.cases import create, go_on, observe, snapshot_now, steps
from fault_harness.faulty_disk import CRASH, NEVER, FaultyDisk


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with two sessions, a checkpoint with a metric, a job that ended, and a key."""
    directory = tmp_path_factory.mktemp("repair") / "data"
    with opened_keys(directory) as keys:
        keys.create("laptop", "", Scope.TRAIN)
    with in_process(data_dir=directory, workers=1) as server:
        for key in ("first", "second"):
            session = create(server, key)
            steps(1, 2)(server, session)
            server.http.post(f"{session}/checkpoints", json={"name": "kept", "metrics": {"loss": 0.5}})
            snapshot_now(server, session)
            steps(3, 4)(server, session)
    return directory


def copied(whole: Path, target: Path) -> Path:
    return Path(shutil.copytree(whole, target / "data"))


def seen(directory: Path) -> list[Any]:
    with in_process(data_dir=directory, workers=1) as server:
        return observe(server)


def continued(directory: Path) -> list[Any]:
    with in_process(data_dir=directory, workers=1) as server:
        return go_on(server)


def change(directory: Path, *statements: str) -> None:
    with closing(sqlite3.connect(directory / DATABASE, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 0x10
    path.write_bytes(content)


def zero_header(directory: Path) -> None:
    with (directory / DATABASE).open("r+b") as file:
        file.write(bytes(4096))


def remove(directory: Path) -> None:
    (directory / DATABASE).unlink()


@pytest.mark.parametrize("harm", [zero_header, remove])
def test_sessions_come_back_from_their_files_alone(whole: Path, tmp_path: Path, harm: Callable[[Path], None]) -> None:
    before, directory = seen(copied(whole, tmp_path / "before")), copied(whole, tmp_path)
    harm(directory)
    with pytest.raises(DamagedFileError, match=f"asg repair {directory}"), in_process(data_dir=directory):
        pass
    report = repair(directory)
    assert report.damage
    assert len([item for item in report.made if item.startswith("session ") and ":" not in item]) == 2
    assert not report.keys
    assert any("its metrics" in item for item in report.lost)
    assert seen(directory) == before
    assert continued(directory) == continued(copied(whole, tmp_path / "end"))
    assert repair(directory) == RepairReport(), "a sound database is left as it is"


def test_a_byte_anywhere_in_the_database_loses_no_session(whole: Path, tmp_path: Path) -> None:
    before, chance = seen(copied(whole, tmp_path / "before")), random.Random(0)
    used = [place for place, byte in enumerate((whole / DATABASE).read_bytes()) if byte]
    repaired = 0
    for place in [*chance.sample(used, 8), 3, 16, 100]:
        directory = copied(whole, tmp_path)
        flip(directory / DATABASE, place)
        report = repair(directory)
        repaired += bool(report.damage)
        assert seen(directory) == before, (place, report)
        if report.damage:
            assert (Path(report.aside) / DATABASE).read_bytes()[place] != (whole / DATABASE).read_bytes()[place]
            assert json.loads((Path(report.aside) / "report.json").read_text())["damage"] == report.damage
        shutil.rmtree(directory)
    assert repaired > 4


def test_rows_that_are_sound_are_kept_with_what_no_file_has(whole: Path, tmp_path: Path) -> None:
    directory = copied(whole, tmp_path)
    change(directory, "UPDATE snapshots SET step = 9 WHERE step = 2", "UPDATE sessions SET created = 1.5")
    report = repair(directory)
    assert report.damage[:2] == ["a row of sessions was changed", "a row of snapshots was changed"]
    assert len(report.keys) == 1
    assert '"laptop"' in report.keys[0]
    assert not report.lost
    assert seen(directory) == seen(copied(whole, tmp_path / "other"))
    with in_process(data_dir=directory) as server:
        for item in server.http.get("/v1/sessions").json()["sessions"]:
            (kept,) = server.http.get(f"/v1/sessions/{item['id']}/checkpoints").json()["checkpoints"]
            assert kept["metrics"] == {"loss": 0.5}
    with opened_keys(directory) as keys:
        assert [key.name for key in keys.list()] == ["laptop"]


def test_what_is_not_sound_in_the_files_is_no_session_again(whole: Path, tmp_path: Path) -> None:
    directory = copied(whole, tmp_path)
    first, second = sorted((directory / "sessions").iterdir())
    flip(first / "row.json", 20)
    newest = sorted((second / "snapshots").iterdir())[-1]
    flip(newest / "manifest.json", 40)
    remove(directory)
    report = repair(directory)
    assert any(first.name in item and "row.json" in item for item in report.lost)
    assert any("manifest.json" in item for item in report.lost)
    assert (Path(report.aside) / newest.relative_to(directory)).is_dir(), "nothing is removed"
    with in_process(data_dir=directory) as server:
        problem(server.http.get(f"/v1/sessions/{first.name}"), "session_damaged")
        assert server.http.get(f"/v1/sessions/{second.name}").json()["step"] == 4


def test_snapshots_of_an_interrupted_change_are_told_apart(whole: Path, tmp_path: Path) -> None:
    directory, before = copied(whole, tmp_path), seen(copied(whole, tmp_path / "before"))
    with in_process(data_dir=copied(whole, tmp_path / "changed")) as server:
        for item in server.http.get("/v1/sessions").json()["sessions"]:
            path = f"/v1/sessions/{item['id']}/parameters"
            assert server.http.put(path, json={"parameters": {"second.bias": [0.5]}}).status_code == 200
    for snapshot in (tmp_path / "changed" / "data").glob("sessions/*/snapshots/*"):
        shutil.copytree(snapshot, directory / snapshot.relative_to(tmp_path / "changed" / "data"))
    remove(directory)
    report = repair(directory)
    assert len([item for item in report.lost if "interrupted" in item]) == 4
    assert seen(directory) == before


def directory_with_a_job(directory: Path) -> tuple[str, str]:
    """A directory with a job that ended: the digest of its data set, and its id."""
    with in_process(data_dir=directory) as server:
        dataset = add_dataset(server.http, data())
        job = start_job(server.http, create_classifier(server.http), dataset=dataset, epochs=1, batch_size=10)
        wait(server.http, job)
    return dataset, job.rpartition("/")[2]


def test_data_sets_that_nobody_knows_any_more_are_set_aside(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    dataset, _ = directory_with_a_job(directory)
    remove(directory)
    report = repair(directory)
    assert any(dataset in item for item in report.lost)
    assert len(list(Path(report.aside).glob("datasets/*"))) == 1
    with in_process(data_dir=directory) as server:
        assert add_dataset(server.http, data()) == dataset
        (session,) = server.http.get("/v1/sessions").json()["sessions"]
        assert session["step"] == 5


def test_a_job_of_which_only_the_events_are_left_is_named(tmp_path: Path) -> None:
    directory = tmp_path / "data"
    _, job = directory_with_a_job(directory)
    change(directory, "UPDATE jobs SET settings = '{}'")
    assert any(item.startswith(f"job {job}: what it was asked for") for item in repair(directory).lost)


def lost_end_of_a_job(directory: Path) -> str:
    """A directory with a job that was cancelled, of which the database has lost that it was; the job."""
    with in_process(data_dir=directory) as server:
        dataset = add_dataset(server.http, data())
        job = start_job(
            server.http, create_classifier(server.http), dataset=dataset, epochs=1, batch_size=10, loss="loss"
        )
        wait(server.http, job)
    change(directory, "UPDATE job_events SET content = '{}' WHERE number = (SELECT max(number) FROM job_events)")
    return job


def test_a_job_that_may_have_ended_does_not_go_on(tmp_path: Path) -> None:
    job = lost_end_of_a_job(tmp_path)
    report = repair(tmp_path)
    assert any(job.rpartition("/")[2] in item for item in report.lost)
    with in_process(data_dir=tmp_path) as server:
        found = server.http.get(job).json()
        assert (found["state"], found["error"]["code"]) == ("failed", "damaged_file")


def test_a_directory_in_use_or_of_a_newer_version_is_left_alone(whole: Path, tmp_path: Path) -> None:
    directory = copied(whole, tmp_path)
    change(directory, "PRAGMA user_version = 99")
    content = (directory / DATABASE).read_bytes()
    with pytest.raises(NewerDirectoryError):
        repair(directory)
    lock = DirectoryLock(directory)
    with pytest.raises(DirectoryInUseError):
        repair(directory)
    lock.release()
    assert (directory / DATABASE).read_bytes() == content
    assert not list(directory.glob("damaged-*"))
    assert not list(directory.glob(".writing-*"))


def test_the_command_says_what_it_did(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = copied(whole, tmp_path)

    def said(*arguments: str) -> str:
        repair_directory(Path(arguments[0]), as_json=arguments[1:] == ("--json",))
        return capsys.readouterr().out

    assert said(str(directory)) == f"The database of {directory} is sound; nothing was changed.\n"
    flip(directory / DATABASE, 3)
    text = said(str(directory))
    for title in ("What was damaged:", "Made again from files:", "Lost:", "The database is made anew."):
        assert title in text
    assert json.loads(said(str(directory), "--json"))["damage"] == []
    with pytest.raises(CommandError, match="no data directory"):
        said(str(tmp_path / "nowhere"))


def test_a_repair_that_is_broken_off_anywhere_is_begun_again(whole: Path, tmp_path: Path) -> None:
    before, directory = seen(copied(whole, tmp_path / "before")), tmp_path / "data"

    def broken_off(at: int, fault: int) -> FaultyDisk:
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(whole, directory)
        newest = sorted(directory.glob("sessions/*/snapshots/*/manifest.sha256"))[-1]
        newest.write_text("torn")  # so that something is set aside
        zero_header(directory)
        with FaultyDisk(directory, at, fault, follows=False) as disk, suppress(StoreError):
            repair(directory)
        return disk

    count = len(broken_off(NEVER, CRASH).operations)
    for at in range(0, count, max(count // 8, 1)):
        assert broken_off(at, errno.ENOSPC if at % 2 else CRASH).happened or at % 2
        (directory / ".writing-left").mkdir()
        repair(directory)
        assert not list(directory.glob(".writing-*"))
        assert seen(directory) == before, at


def test_its_help_fits_a_terminal_of_80_columns() -> None:
    """The lines are drawn as they stand, with a space on either side."""
    lines = (repair_directory.__doc__ or "").expandtabs().splitlines()
    assert max(len(line.strip()) for line in lines) <= 78
