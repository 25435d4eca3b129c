"""What is asked of a closed database, as by a request that outlives the service's end, is refused as the store does."""

from pathlib import Path

import pytest

from asg_executor.store.database import Database
from asg_executor.store.errors import StoreError


def test_a_closed_database_refuses(tmp_path: Path) -> None:
    database = Database(tmp_path / "asg.sqlite3")
    database.close()
    with pytest.raises(StoreError, match="closed"):
        database.rows("SELECT * FROM sessions")
