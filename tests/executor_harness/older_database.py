"""A database as a version made it that knew no tenants and no keys."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from asg_executor.store.database import row_checksum

__all__ = ["forget_tenants"]

_TABLES = {"sessions", "snapshots", "checkpoints", "checkpoint_notes"}
_VERSION = 2


def forget_tenants(path: Path) -> None:
    """Make a database what it was before its third version."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.row_factory = sqlite3.Row
        sessions: list[dict[str, Any]] = [dict(row) for row in connection.execute("SELECT * FROM sessions")]
        tables = {row["name"] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        for table in tables - _TABLES:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("ALTER TABLE sessions DROP COLUMN tenant")
        for row in sessions:
            known = {name: row[name] for name in ("id", "created", "settings")}
            connection.execute("UPDATE sessions SET checksum = ? WHERE id = ?", [row_checksum(known), row["id"]])
        connection.execute(f"PRAGMA user_version = {_VERSION}")
