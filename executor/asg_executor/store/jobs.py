"""`JobStore`: the jobs of a data directory.

A row says what a job was asked for; its events, rows of another table, are all that happened to it. How far it is the
session knows that it trains.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from asg_executor.store.database import Database, Row
from asg_executor.store.errors import DamagedFileError

__all__ = ["DamagedJob", "Event", "JobRecord", "JobStore"]

_PAGE_EVENTS = 100
_PAGE_LETTERS = 2**18


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
        database: the directory's metadata.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, record: JobRecord, event: Mapping[str, Any]) -> None:
        """Have a new job on disk.

        Args:
            record: what it was asked for.
            event: its first event.

        Raises:
            StorageFullError: there is no room; nothing is kept.
            StoreError: the system refuses; likewise.
        """
        with self._database.transaction():
            self._database.insert("jobs", {**record._asdict(), "settings": json.dumps(record.settings)})
            self._insert(record.id, 1, event)

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

    def page(self, job: str, after: int) -> list[Event]:
        """The events of a job after a number, in order: one, and those that follow as far as they are little.

        Args:
            job: the job's id.
            after: the number.

        Raises:
            DamagedFileError: one does not hold what was written to it, or is missing.
            StoreError: the system refuses.
        """
        query = (
            "SELECT job, number, content, checksum FROM ("
            "SELECT *, sum(length(content)) OVER (ORDER BY number) - length(content) AS before FROM job_events "
            "WHERE job = ? AND number > ? AND number <= ?) WHERE before < ? ORDER BY number"
        )
        rows = self._database.rows(query, [job, after, after + _PAGE_EVENTS, _PAGE_LETTERS])
        if not rows and self._database.rows(
            "SELECT 1 FROM job_events WHERE job = ? AND number > ? LIMIT 1", [job, after]
        ):
            raise self._database.damage(f"the event {after + 1} of the job {job} is missing")
        for expected, row in enumerate(rows, after + 1):
            self._database.check_row("job_events", row)
            if row["number"] != expected:
                raise self._database.damage(f"the event {expected} of the job {job} is missing")
        return [Event(row["number"], json.loads(row["content"])) for row in rows]

    def stored(self) -> Iterator[JobRecord | DamagedJob]:
        """What every job was asked for, in the order in which they were created.

        Raises:
            StoreError: the system refuses.
        """
        for row in self._database.rows("SELECT * FROM jobs ORDER BY created, id"):
            try:
                self._database.check_row("jobs", row)
            except DamagedFileError as error:
                yield DamagedJob(row["id"], row["session"], row["tenant"], str(error))
            else:
                yield _record(row)

    def remove(self, job: str) -> None:
        """Remove a job and its events.

        Raises:
            StoreError: the system refuses.
        """
        with self._database.transaction() as connection:
            connection.execute("DELETE FROM jobs WHERE id = ?", [job])
            connection.execute("DELETE FROM job_events WHERE job = ?", [job])


def _record(row: Row) -> JobRecord:
    values = {field: row[field] for field in JobRecord._fields}
    return JobRecord(**{**values, "settings": json.loads(row["settings"])})
