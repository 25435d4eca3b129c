"""`repair`: a data directory whose database is damaged, usable again with all that is sound.

What counts is read from the damaged database, row by row; what it has lost is made again from the files of sessions,
which have what it takes. Nothing is removed: the damaged database, and files that cannot be placed any more, are kept
in the directory `damaged-<time>`.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import file_digest
from pathlib import Path

from asg_executor.jobs.job import EventType, JobState
from asg_executor.repair.aside import Aside
from asg_executor.repair.rebuild import FoundState, found_states, of_one_history, session_row
from asg_executor.repair.salvage import RowValues, Salvaged, salvage
from asg_executor.store.data_directory import DATABASE
from asg_executor.store.database import Database, check_version
from asg_executor.store.durable_files import TEMPORARY_PREFIX, remove_unfinished, storage_errors, sync_directory
from asg_executor.store.errors import DamagedFileError, StoreError
from asg_executor.store.ownership import DirectoryLock
from asg_executor.store.saved_state import read_state
from asg_executor.store.session_files import CHECKPOINTS, SNAPSHOTS

__all__ = ["RepairReport", "repair"]


@dataclass
class RepairReport:
    """What a repair found and did.

    Attributes:
        damage: what was wrong with the database; empty where nothing was, and nothing was done.
        rows: how many sound rows the damaged database had, by table.
        made: what was made again from files.
        lost: what could not be, and what to do about it.
        keys: the access keys that were sound.
        aside: where the damaged database is, and what else was taken away; empty where nothing was done.
    """

    damage: list[str] = field(default_factory=list[str])
    rows: dict[str, int] = field(default_factory=dict[str, int])
    made: list[str] = field(default_factory=list[str])
    lost: list[str] = field(default_factory=list[str])
    keys: list[str] = field(default_factory=list[str])
    aside: str = ""


def repair(path: Path) -> RepairReport:
    """Make the database of a data directory anew, if it is damaged.

    Args:
        path: the data directory.

    Raises:
        DirectoryInUseError: a server is running with it.
        NewerDirectoryError: a newer version wrote it.
        StoreError: the system refuses; the damaged database is as it was.
    """
    lock = DirectoryLock(path)
    try:
        remove_unfinished(path)  # what a repair left that was broken off
        with storage_errors(path), tempfile.TemporaryDirectory(prefix=TEMPORARY_PREFIX, dir=path) as scratch:
            return _repair(path, Path(scratch))
    finally:
        lock.release()


def _repair(path: Path, scratch: Path) -> RepairReport:
    copy, report = scratch / "damaged.sqlite3", RepairReport()
    for ending in ("", "-wal"):
        if (path / f"{DATABASE}{ending}").exists():
            shutil.copyfile(path / f"{DATABASE}{ending}", f"{copy}{ending}")
    database = Database(scratch / DATABASE)
    try:
        found = salvage(copy, database.primary_keys())
        check_version(path / DATABASE, found.version)
        report.damage = [*dict.fromkeys(found.damage), *_unknown_sessions(path, found)]
        if not report.damage:
            return report
        aside = Aside(path)
        report.aside = str(aside.path)
        with database.transaction() as connection:
            _Rebuilder(path, database, found, report, aside).rebuild()
            connection.execute(
                "DELETE FROM checkpoint_notes WHERE (session, name) NOT IN (SELECT session, name FROM checkpoints)"
            )
    finally:
        database.close()
    for ending in ("", "-wal", "-shm"):
        aside.copy(path / f"{DATABASE}{ending}")
    aside.write_report(vars(report))
    _put_in_place(scratch / DATABASE, path / DATABASE)
    return report


def _put_in_place(made: Path, path: Path) -> None:
    """Let a database be the one that counts. The log of the one before must be gone first: it would be read into it."""
    for ending in ("-wal", "-shm"):
        path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
    sync_directory(path.parent)
    descriptor = os.open(made, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    made.replace(path)
    sync_directory(path.parent)


def _unknown_sessions(path: Path, found: Salvaged) -> list[str]:
    known = {row["id"] for row in found.rows["sessions"]}
    return [
        f"it does not know {folder}"
        for folder in _folders(path / "sessions")
        if not folder.name.startswith(TEMPORARY_PREFIX) and folder.name not in known
    ]


def _folders(path: Path) -> list[Path]:
    return sorted(item for item in path.iterdir() if item.is_dir()) if path.is_dir() else []


class _Rebuilder:
    """Fills the database that is to take the place of the damaged one."""

    def __init__(self, path: Path, database: Database, found: Salvaged, report: RepairReport, aside: Aside) -> None:
        self._path = path
        self._database = database
        self._found = found
        self._report = report
        self._aside = aside

    def rebuild(self) -> None:
        for table, rows in self._found.rows.items():
            # Where damage shows an earlier row beside the present one, a key that was revoked stays so.
            for row in sorted(rows, key=lambda row: row.get("revoked") is None):
                self._database.insert_sound(table, row)
            self._report.rows[table] = len(rows)
        self._sessions()
        self._datasets()
        self._jobs()
        self._keys()

    def _lose(self, what: str, *paths: Path) -> None:
        self._report.lost.append(what)
        for path in paths:
            self._aside.move(path)

    def _rows(self, table: str, session: str) -> list[RowValues]:
        return [row for row in self._found.rows[table] if row["session"] == session]

    def _sessions(self) -> None:
        known = {row["id"] for row in self._found.rows["sessions"]}
        for folder in _folders(self._path / "sessions"):
            id = folder.name.removeprefix(TEMPORARY_PREFIX)
            if id not in known:
                if folder.name != id:
                    self._lose(f"{folder}: it was being made or deleted; neither was acknowledged", folder)
                    continue
                try:
                    self._database.insert_sound("sessions", session_row(folder))
                except DamagedFileError as error:
                    self._report.lost.append(f"session {id}: {error}; its directory is left as it is")
                    continue
                self._report.made.append(f"session {id}")
            self._snapshots(id, folder)
            self._checkpoints(id, folder)

    def _sound(self, session: str, folder: Path, table: str) -> list[FoundState]:
        """The states in a folder that have lost their row; those that are damaged are set aside."""
        known = [row["directory"] for row in self._rows(table, session)]
        found: list[FoundState] = []
        for item in list(found_states(folder, known)):
            if isinstance(item, FoundState):
                found.append(item)
            else:
                self._lose(f"session {session}: {item}", item.path if item.path.parent == folder else item.path.parent)
        return found

    def _snapshots(self, session: str, folder: Path) -> None:
        found = self._sound(session, folder / SNAPSHOTS, "snapshots")
        if not found:
            return
        history = self._history(session, folder) or of_one_history(folder, found)
        for item in found:
            what = f"session {session}: the snapshot {item.path.name} of step {item.state.number}"
            if item.details["history"] == history:
                self._database.insert("snapshots", item.row(session))
                self._report.made.append(what)
            else:
                self._lose(f"{what} is from before or after a change that a crash interrupted", item.path)

    def _history(self, session: str, folder: Path) -> str | None:
        """The history of the snapshots whose rows are sound."""
        for row in sorted(self._rows("snapshots", session), key=lambda row: -row["created"]):
            try:
                return read_state(folder / SNAPSHOTS / row["directory"], row["manifest"])[1]["history"]
            except StoreError as error:
                self._report.lost.append(f"session {session}: {error}")
        return None

    def _checkpoints(self, session: str, folder: Path) -> None:
        names = {row["name"] for row in self._rows("checkpoints", session)}
        noted = {row["name"] for row in self._rows("checkpoint_notes", session)}
        for item in self._sound(session, folder / CHECKPOINTS, "checkpoints"):
            name = item.details["name"]
            what = f'session {session}: the checkpoint "{name}" of step {item.state.number}'
            if name in names:
                self._lose(f"{what} is not the one that the database knows", item.path)
                continue
            names.add(name)
            self._database.insert("checkpoints", {**item.row(session), "name": name, "digest": item.state.digest})
            self._report.made.append(what)
            if name not in noted:
                self._report.lost.append(f"{what}: its metrics; it is pinned now")

    def _datasets(self) -> None:
        known = {row["file"] for row in self._found.rows["datasets"]}
        for file in _unknown_files(self._path / "datasets", known):
            with file.open("rb") as content:
                digest = file_digest(content, "sha256").hexdigest()
            self._lose(f"data set {digest}: whose it is, is not known any more; it can be sent again", file)

    def _jobs(self) -> None:
        known = {row["id"] for row in self._found.rows["jobs"]}
        for job in sorted({row["job"] for row in self._found.rows["job_events"]} - known):
            self._report.lost.append(f"job {job}: what it was asked for; its session has the steps that it took")
        doubtful = any(not line.startswith("a row of ") or "job_events" in line for line in self._report.damage)
        for row in self._found.rows["jobs"] if doubtful else ():
            self._end_doubtful(row["id"])

    def _end_doubtful(self, job: str) -> None:
        """End a job that seems to go on: that it ended may be what was lost, and it must not train against a wish."""
        events = self._database.rows("SELECT * FROM job_events WHERE job = ? ORDER BY number", [job])
        if not events or [event["number"] for event in events] != list(range(1, len(events) + 1)):
            return  # it is a damaged job, and called so
        contents = [json.loads(event["content"]) for event in events]
        states = [content["type"] for content in contents if content["type"] in set(JobState)]
        if not states or JobState(states[-1]).is_final:
            return
        detail = "the database was damaged, and what happened to the job last is not known; its session has its steps"
        error = {"code": DamagedFileError.code, "detail": detail, "retryable": False}
        failed = {"type": EventType.FAILED.value, "time": time.time(), "step": contents[-1]["step"], "error": error}
        values = {"job": job, "number": len(events) + 1, "content": json.dumps(failed)}
        self._database.insert("job_events", values)
        self._report.lost.append(f"job {job}: {detail}; it is failed, and another can go on from its session")

    def _keys(self) -> None:
        for row in self._found.rows["keys"]:
            state = "revoked" if row.get("revoked") is not None else "kept"
            tenant = f"tenant {row['tenant']}" if row["tenant"] else "no tenant"
            self._report.keys.append(f'{row["id"]} ("{row["name"]}", {tenant}, {row["scope"]}): {state}')


def _unknown_files(folder: Path, known: Iterable[str]) -> Sequence[Path]:
    names = set(known)
    return sorted(file for file in folder.iterdir() if file.name not in names) if folder.is_dir() else []
