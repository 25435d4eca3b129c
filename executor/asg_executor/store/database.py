"""`Database`: the service's metadata, in SQLite.

No tensors are in it. One connection writes, and a transaction is on disk when it ends. Rows that say where sound data
is have a checksum of their own, because SQLite notices damage to the structure of its file but not to its content.
"""

import json
import logging
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any

from asg_executor.store.durable_files import storage_errors
from asg_executor.store.errors import DamagedFileError, NewerDirectoryError, StorageFullError, StoreError

__all__ = ["Database", "Row", "check_version", "is_current", "row_checksum"]

Row = sqlite3.Row

_log = logging.getLogger("asg_executor")

_MIGRATIONS: Sequence[str] = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, created REAL NOT NULL, settings TEXT NOT NULL, checksum TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE snapshots (
        session TEXT NOT NULL, directory TEXT NOT NULL, step INTEGER NOT NULL, manifest TEXT NOT NULL,
        bytes INTEGER NOT NULL, created REAL NOT NULL, checksum TEXT NOT NULL, PRIMARY KEY (session, directory)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE checkpoints (
        session TEXT NOT NULL, name TEXT NOT NULL, directory TEXT NOT NULL, step INTEGER NOT NULL,
        digest TEXT NOT NULL, manifest TEXT NOT NULL, bytes INTEGER NOT NULL, created REAL NOT NULL,
        checksum TEXT NOT NULL, PRIMARY KEY (session, name)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE checkpoint_notes (
        session TEXT NOT NULL, name TEXT NOT NULL, metrics TEXT NOT NULL, pinned INTEGER NOT NULL,
        checksum TEXT NOT NULL, PRIMARY KEY (session, name)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE keys (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, tenant TEXT NOT NULL, scope TEXT NOT NULL, hash TEXT NOT NULL,
        created REAL NOT NULL, expires REAL, revoked REAL, checksum TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    ALTER TABLE sessions ADD COLUMN tenant TEXT;
    """,
    """
    CREATE TABLE datasets (
        tenant TEXT NOT NULL, digest TEXT NOT NULL, file TEXT NOT NULL, bytes INTEGER NOT NULL,
        length INTEGER NOT NULL, tensors TEXT NOT NULL, created REAL NOT NULL, checksum TEXT NOT NULL,
        PRIMARY KEY (tenant, digest)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, tenant TEXT NOT NULL, session TEXT NOT NULL, first_step INTEGER NOT NULL,
        steps_per_epoch INTEGER NOT NULL, settings TEXT NOT NULL, created REAL NOT NULL, key TEXT,
        request TEXT NOT NULL, checksum TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE job_events (
        job TEXT NOT NULL, number INTEGER NOT NULL, content TEXT NOT NULL, checksum TEXT NOT NULL,
        PRIMARY KEY (job, number)
    ) STRICT, WITHOUT ROWID;
    """,
    """
    CREATE TABLE computing (
        name TEXT PRIMARY KEY, number INTEGER NOT NULL, checksum TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    """,
)
"""What brings a database from one version to the next. The version is the number of them that were applied."""


class Database:
    """A database file, open. Its methods may be called from several threads.

    Args:
        path: the file; made where there is none.

    Raises:
        DamagedFileError: it is no database, or is damaged.
        NewerDirectoryError: a newer version wrote it.
        StoreError: the system refuses.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = RLock()
        with storage_errors(path), _sqlite_errors(self._path):
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.row_factory = sqlite3.Row
            for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "busy_timeout = 5000"):
                self._connection.execute(f"PRAGMA {pragma}")
            self._check()
            self._migrate()

    def _check(self) -> None:
        found = [row[0] for row in self._connection.execute("PRAGMA integrity_check(8)")]
        if found != ["ok"]:
            raise DamagedFileError(self._path, "; ".join(map(str, found)))

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        check_version(self._path, version)
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    def primary_keys(self) -> dict[str, list[str]]:
        """The columns of the primary key of each table."""
        tables = [row["name"] for row in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {table: self.rows(f"PRAGMA table_info({table})") for table in tables}
        return {
            table: [row["name"] for row in sorted(own, key=lambda row: row["pk"]) if row["pk"]]
            for table, own in columns.items()
        }

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A transaction: all that is done within is on disk at its end, or, after an exception, nothing of it.

        Raises:
            StorageFullError: there is no room; nothing was changed.
            StoreError: the system refuses; likewise.
        """
        with self._lock, _sqlite_errors(self._path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._empty_log()

    def _empty_log(self) -> None:
        """Move what is committed from the database's log to its file: in the log a changed byte would pass for its end.

        The transaction is on disk all the same, so that a failure here must not look like its own.
        """
        try:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.DatabaseError as error:
            _log.warning("%s: its log could not be emptied: %s", self._path, error)

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """What a query finds.

        Raises:
            StoreError: the system refuses.
        """
        with self._lock, _sqlite_errors(self._path):
            return self._connection.execute(query, parameters).fetchall()

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Add a row with its checksum, in a transaction that is open."""
        row = {**values, "checksum": row_checksum(values)}
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def insert_sound(self, table: str, row: Mapping[str, Any]) -> None:
        """Add a row of another database, found to be sound, in a transaction that is open; not where there is one."""
        marks = ", ".join("?" * len(row))
        query = f"INSERT OR IGNORE INTO {table} ({', '.join(row)}) VALUES ({marks})"
        self._connection.execute(query, list(row.values()))

    def update(self, table: str, row: Row, changes: Mapping[str, Any]) -> None:
        """Change columns of a row, and its checksum, in a transaction that is open.

        Args:
            table: the table.
            row: the row as it is, found to be sound.
            changes: the new values by column; not those of the primary key.
        """
        values = {**row, **changes}
        del values["checksum"]
        changed = {**changes, "checksum": row_checksum(values)}
        assignments = ", ".join(f"{column} = ?" for column in changed)
        same = "checksum = ?"  # it has the primary key in it, and finds no row that was changed meanwhile
        self._connection.execute(f"UPDATE {table} SET {assignments} WHERE {same}", [*changed.values(), row["checksum"]])

    def check_row(self, table: str, row: Row) -> None:
        """Find that a row is what was written.

        Raises:
            DamagedFileError: it is not.
        """
        values = dict(row)
        if values.pop("checksum") != row_checksum(values):
            column, value = next(iter(values.items()))  # the rest is not for everybody who gets the error
            raise DamagedFileError(self._path, f'a row of {table} was changed: that of the {column} "{value}"')

    def damage(self, reason: str) -> DamagedFileError:
        """The error of a database whose rows do not fit together."""
        return DamagedFileError(self._path, reason)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()


def check_version(path: Path, version: int) -> None:
    """Refuse a database that a newer version wrote.

    Raises:
        NewerDirectoryError: it is one.
    """
    if version > len(_MIGRATIONS):
        raise NewerDirectoryError(
            f"{path} has version {version}, and this release knows versions up to {len(_MIGRATIONS)}; use the release "
            "that wrote it, or a newer one"
        )


def is_current(path: Path) -> bool:
    """Whether a database needs nothing before it is used: it is there, and of this version, or of a newer one.

    Raises:
        DamagedFileError: it is no database.
        StoreError: the system refuses.
    """
    if not path.exists():
        return False
    with storage_errors(path), _sqlite_errors(path), closing(sqlite3.connect(path)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    return version >= len(_MIGRATIONS)


@contextmanager
def _sqlite_errors(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", None)  # that of a closed database has none
        if code == sqlite3.SQLITE_FULL:
            raise StorageFullError(f"{path}: {error}; nothing was changed") from error
        if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
            raise DamagedFileError(path, str(error)) from error
        raise StoreError(f"{path}: {error}") from error


def row_checksum(values: Mapping[str, Any]) -> str:
    """The SHA-256, in hexadecimal, of a row's values by column.

    Columns without a value do not enter: so a later version can add one to rows that are there.
    """
    present = {column: value for column, value in values.items() if value is not None}
    return sha256(json.dumps(present, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
