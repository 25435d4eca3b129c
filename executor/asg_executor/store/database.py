"""`Database`: the service's metadata, in SQLite.

No tensors are in it. One connection writes, and a transaction is on disk when it ends. Rows that say where sound data
is have a checksum of their own, because SQLite notices damage to the structure of its file but not to its content.
"""

import json
import logging
import sqlite3
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from threading import RLock
from typing import Any

from asg_executor.store.durable_files import storage_errors
from asg_executor.store.errors import DamagedFileError, NewerDirectoryError, StorageFullError, StoreError

__all__ = ["Database", "Row", "row_checksum"]

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
        with storage_errors(path), self._errors():
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
        if version > len(_MIGRATIONS):
            raise NewerDirectoryError(
                f"{self._path} has version {version}, and this release knows versions up to {len(_MIGRATIONS)}; use "
                "the release that wrote it, or a newer one"
            )
        for number, script in enumerate(_MIGRATIONS[version:], version + 1):
            self._connection.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {number}; COMMIT;")

    @contextmanager
    def transaction(self) -> Generator[sqlite3.Connection]:
        """A transaction: all that is done within is on disk at its end, or, after an exception, nothing of it.

        Raises:
            StorageFullError: there is no room; nothing was changed.
            StoreError: the system refuses; likewise.
        """
        with self._lock, self._errors():
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
        with self._lock, self._errors():
            return self._connection.execute(query, parameters).fetchall()

    def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """Add a row with its checksum, in a transaction that is open."""
        row = {**values, "checksum": row_checksum(values)}
        marks = ", ".join("?" * len(row))
        self._connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))

    def check_row(self, table: str, row: Row) -> None:
        """Find that a row is what was written.

        Raises:
            DamagedFileError: it is not.
        """
        values = dict(row)
        if values.pop("checksum") != row_checksum(values):
            raise DamagedFileError(self._path, f"a row of {table} was changed: {values}")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                raise StorageFullError(f"{self._path}: {error}; nothing was changed") from error
            if error.sqlite_errorcode in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise DamagedFileError(self._path, str(error)) from error
            raise StoreError(f"{self._path}: {error}") from error


def row_checksum(values: Mapping[str, Any]) -> str:
    """The SHA-256, in hexadecimal, of a row's values by column."""
    return sha256(json.dumps(dict(values), sort_keys=True, separators=(",", ":")).encode()).hexdigest()
