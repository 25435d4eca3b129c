"""`DataDirectory`: all that the service keeps on disk.

```
owner.lock     held by the process that owns the directory
asg.sqlite3    metadata
graphs/        documents, by digest
sessions/      a directory for each session
```
"""

from pathlib import Path

from asg_executor.store.database import Database
from asg_executor.store.durable_files import storage_errors
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.graphs import DirectoryGraphStore
from asg_executor.store.ownership import DirectoryLock
from asg_executor.store.sessions import SessionStore

__all__ = ["DATABASE", "DataDirectory"]

DATABASE = "asg.sqlite3"
"""The name of the database's file."""


class DataDirectory:
    """A data directory, owned by this process until `close`.

    Args:
        path: the directory; made where there is none.
        max_graphs: how many documents are kept.

    Attributes:
        path: the directory.
        database: the metadata.
        graphs: the documents.
        sessions: the sessions.

    Raises:
        DirectoryInUseError: another process owns it.
        NewerDirectoryError: a newer version wrote it.
        DamagedFileError: the database is damaged.
        StoreError: the system refuses.
    """

    def __init__(self, path: Path, max_graphs: int) -> None:
        self.path = path
        self._lock = DirectoryLock(path)
        try:
            _check_complete(path)
            self.database = Database(path / DATABASE)
            self.graphs = DirectoryGraphStore(path / "graphs", max_graphs)
            self.sessions = SessionStore(path / "sessions", self.database)
        except BaseException:
            self._lock.release()
            raise

    def close(self) -> None:
        """Close the files, and let another process have the directory."""
        self.sessions.close()
        self.database.close()
        self._lock.release()


def _check_complete(path: Path) -> None:
    """Refuse a directory that has sessions and no database: an empty one would say that none of them counts."""
    sessions = path / "sessions"
    with storage_errors(sessions):
        if not (path / DATABASE).exists() and sessions.is_dir() and any(sessions.iterdir()):
            raise DamagedFileError(path / DATABASE, f"it is missing, and {sessions} has sessions; nothing was removed")
