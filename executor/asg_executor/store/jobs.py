"""`JobStore`: the jobs of a data directory.

`jobs/<id>.progress` says how far a job is; its row what it was asked for; and its events, rows of another table, all
that happened to it. A job counts once its row is in the database.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from asg_executor.store.database import Database, Row
from asg_executor.store.durable_files import discard_file, make_directory, remove_unfinished, storage_errors
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.progress_file import ProgressFile

__all__ = ["DamagedJob", "Event", "JobRecord", "JobStore", "StoredJob"]


class JobRecord(NamedTuple):
    """What a job was asked for. It does not change.

    Attributes:
        id: its id.
        tenant: whose it is.
        session: the id of the session that it trains.
        first_step: the number of the session's last step before the job's first.
        steps_per_epoch: how many steps an epoch has.
        settings: what was asked for, as JSON.
        created: when, in seconds since 1970.
        key: the client's name for its wish, if it has one.
        request: the SHA-256 of the request.
    """

    id: str
    tenant: str
    session: str
    first_step: int
    steps_per_epoch: int
    settings: Mapping[str, Any]
    created: float
    key: str | None
    request: str


class Event(NamedTuple):
    """Something that happened to a job.

    Attributes:
        number: from 1 on, without a gap.
        content: what happened, as JSON.
    """

    number: int
    content: Mapping[str, Any]


class StoredJob(NamedTuple):
    """A job that is on disk.

    Attributes:
        record: what it was asked for.
        events: all that happened to it.
    """

    record: JobRecord
    events: Sequence[Event]


class DamagedJob(NamedTuple):
    """A job whose rows do not hold what was written to them.

    Attributes:
        id: its id.
        session: the id of the session that it trains.
        tenant: whose it is.
        reason: what is damaged.
    """

    id: str
    session: str
    tenant: str
    reason: str


class JobStore:
    """The jobs of a data directory. Its methods may be called from several threads.

    Args:
        directory: where their progress is; made where there is none.
        database: the directory's metadata.

    Raises:
        StoreError: the system refuses.
    """

    def __init__(self, directory: Path, database: Database) -> None:
        self._directory = directory
        self._database = database
        make_directory(directory)
        remove_unfinished(directory)
        known = {_progress_name(row["id"]) for row in database.rows("SELECT id FROM jobs")}
        with storage_errors(directory):
            for path in directory.iterdir():
                if path.name not in known:
                    path.unlink()

    def create(self, record: JobRecord, progress: Mapping[str, Any], event: Mapping[str, Any]) -> None:
        """Have a new job on disk.

        Args:
            record: what it was asked for.
            progress: how far it is.
            event: its first event.

        Raises:
            StorageFullError: there is no room; nothing is kept.
            StoreError: the system refuses; likewise.
        """
        path = self._directory / _progress_name(record.id)
        ProgressFile.create(path, progress)
        try:
            with self._database.transaction():
                self._database.insert("jobs", {**record._asdict(), "settings": json.dumps(record.settings)})
                self._insert(record.id, 1, event)
        except BaseException:
            discard_file(path)
            raise

    def append(self, job: str, number: int, event: Mapping[str, Any]) -> None:
        """Have a further event on disk.

        Raises:
            StorageFullError: there is no room; nothing is kept of it.
            StoreError: the system refuses; likewise.
        """
        with self._database.transaction():
            self._insert(job, number, event)

    def _insert(self, job: str, number: int, event: Mapping[str, Any]) -> None:
        self._database.insert("job_events", {"job": job, "number": number, "content": json.dumps(event)})

    def events(self, job: str, after: int, limit: int = -1) -> list[Event]:
        """The events of a job after a number, in order.

        Args:
            job: the job's id.
            after: the number.
            limit: how many at most; -1 for all.

        Raises:
            DamagedFileError: one does not hold what was written to it.
            StoreError: the system refuses.
        """
        query = "SELECT * FROM job_events WHERE job = ? AND number > ? ORDER BY number LIMIT ?"
        rows = self._database.rows(query, [job, after, limit])
        for row in rows:
            self._database.check_row("job_events", row)
        return [Event(row["number"], json.loads(row["content"])) for row in rows]

    def progress(self, job: str) -> ProgressFile:
        """How far a job is.

        Raises:
            DamagedFileError: the file does not hold what was written to it.
            StoreError: the system refuses.
        """
        return ProgressFile(self._directory / _progress_name(job))

    def stored(self) -> Iterator[StoredJob | DamagedJob]:
        """Every job that is on disk, in the order in which they were created.

        Raises:
            StoreError: the system refuses.
        """
        for row in self._database.rows("SELECT * FROM jobs ORDER BY created, id"):
            try:
                self._database.check_row("jobs", row)
                events = self.events(row["id"], 0)
                if [event.number for event in events] != list(range(1, len(events) + 1)) or not events:
                    raise DamagedFileError(self._directory, f"events of the job {row['id']} are missing")
                yield StoredJob(_record(row), events)
            except DamagedFileError as error:
                yield DamagedJob(row["id"], row["session"], row["tenant"], str(error))

    def remove(self, job: str) -> None:
        """Remove a job and its events.

        Raises:
            StoreError: the system refuses.
        """
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", [job])
            connection.execute("DELETE FROM job_events WHERE job = ?", [job])
        discard_file(self._directory / _progress_name(job))


def _progress_name(job: str) -> str:
    return f"{job}.progress"


def _record(row: Row) -> JobRecord:
    values = {field: row[field] for field in JobRecord._fields}
    return JobRecord(**{**values, "settings": json.loads(row["settings"])})
