"""`salvage`: the rows of a damaged database that still are what was written.

Each row has a checksum of its own, so that what is read is sound whatever became of the pages around it. What is
missing cannot be told from what never was.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

from asg_executor.store.database import row_checksum

__all__ = ["RowValues", "Salvaged", "salvage"]

RowValues: TypeAlias = Mapping[str, Any]


class Salvaged:
    """What was read of a damaged database.

    Attributes:
        version: the version of its tables; 0 where that cannot be read.
        damage: what is wrong with it; empty where SQLite finds nothing and all rows are sound.
        rows: the sound rows, by table.
    """

    def __init__(self, tables: Sequence[str]) -> None:
        self.version = 0
        self.damage: list[str] = []
        self.rows: dict[str, list[RowValues]] = {table: [] for table in tables}


def salvage(path: Path, tables: Mapping[str, Sequence[str]]) -> Salvaged:
    """Read what is sound of a database. SQLite may write to the file: it is to be a copy.

    Args:
        path: the file.
        tables: the columns of the primary key of each table.

    Returns:
        The rows, each found to be what was written.
    """
    found = Salvaged(list(tables))
    if not path.exists():
        found.damage.append("it is missing")
        return found
    try:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            connection.row_factory = sqlite3.Row
            connection.text_factory = _text
            _inspect(connection, found)
            for table, key in tables.items():
                found.rows[table] = list(_sound_rows(connection, table, key, found.damage).values())
    except sqlite3.DatabaseError as error:
        found.damage.append(str(error))
    return found


def _text(content: bytes) -> str:
    return content.decode(errors="replace")  # what has to be replaced is in no sound row


def _inspect(connection: sqlite3.Connection, found: Salvaged) -> None:
    try:
        (found.version,) = connection.execute("PRAGMA user_version").fetchone()
        said = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(8)")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    found.damage += [line for line in said if line != "ok"]


def _sound_rows(
    connection: sqlite3.Connection, table: str, key: Sequence[str], damage: list[str]
) -> dict[str, RowValues]:
    """The rows of a table by checksum, read from both its ends as far as the damage in between."""
    rows: dict[str, RowValues] = {}
    for direction in ("ASC", "DESC"):
        order = ", ".join(f"{column} {direction}" for column in key)
        cursor = None
        try:
            cursor = connection.execute(f"SELECT * FROM {table} ORDER BY {order}")
            for row in cursor:
                values = dict(row)
                if _is_sound(values):
                    rows[values["checksum"]] = values
                else:
                    damage.append(f"a row of {table} was changed")
        except sqlite3.DatabaseError as error:
            damage.append(f"{table}: {error}")
        finally:
            if cursor is not None:
                cursor.close()
    return rows


def _is_sound(values: dict[str, Any]) -> bool:
    rest = {column: value for column, value in values.items() if column != "checksum"}
    if any(isinstance(value, bytes) for value in rest.values()):
        return False
    return values.get("checksum") == row_checksum(rest)
