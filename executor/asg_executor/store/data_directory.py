"""`DataDirectory`: all that the service keeps on disk.

```
owner.lock                 held by the process that owns the directory
asg.sqlite3                metadata
graphs/                    documents, by digest, of requests without a tenant
tenants/<tenant>/graphs/   those of a tenant
sessions/                  a directory for each session
datasets/                  data sets, a file for each
```
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from asg_executor.access.keys import KeyStore
from asg_executor.store.database import Database
from asg_executor.store.datasets import DatasetStore
from asg_executor.store.durable_files import remove_unfinished, storage_errors
from asg_executor.store.errors import DamagedFileError
from asg_executor.store.graphs import DirectoryGraphStore, TenantGraphs
from asg_executor.store.jobs import JobStore
from asg_executor.store.ownership import DirectoryLock
from asg_executor.store.sessions import SessionStore

__all__ = ["DATABASE", "DataDirectory", "check_complete", "naming_repair"]

DATABASE = "asg.sqlite3"
"""The name of the database's file."""

_BLAS_THREADS = "blas_threads"


class DataDirectory:
    """A data directory, owned by this process until `close`.

    Args:
        path: the directory; made where there is none.
        max_graphs: how many documents of a tenant are kept.
        max_datasets: how many data sets are kept.

    Attributes:
        path: the directory.
        database: the metadata.
        keys: the access keys.
        graphs: the documents, by tenant.
        sessions: the sessions.
        datasets: the data sets.
        jobs: the jobs.

    Raises:
        DirectoryInUseError: another process owns it.
        NewerDirectoryError: a newer version wrote it.
        DamagedFileError: the database is damaged.
        StoreError: the system refuses.
    """

    def __init__(self, path: Path, max_graphs: int, max_datasets: int = 1024) -> None:
        self.path = path
        self._lock = DirectoryLock(path)
        try:
            self.database = _opened(path)
            # A connection of their own: a request that is to be let in waits for no transaction.
            self.keys = KeyStore(Database(path / DATABASE))
            for graphs in (path / "graphs", *path.glob("tenants/*/graphs")):
                remove_unfinished(graphs)  # now, because each is opened when its tenant first asks for a document
            self.graphs = TenantGraphs(
                lambda tenant: DirectoryGraphStore(self.tenant_directory(tenant) / "graphs", max_graphs)
            )
            self.sessions = SessionStore(path / "sessions", self.database)
            self.datasets = DatasetStore(path / "datasets", self.database, max_datasets)
            self.jobs = JobStore(self.database)
        except BaseException:
            self._lock.release()
            raise

    def tenant_directory(self, tenant: str) -> Path:
        """Where a tenant's own files are. Its name may be that of a directory, as `KeyStore` sees to."""
        return self.path / "tenants" / tenant if tenant else self.path

    def stored_bytes(self) -> Mapping[str, int]:
        """How many bytes the snapshots and checkpoints of all sessions take, and the data sets.

        Raises:
            StoreError: the system refuses.
        """
        kinds = ("snapshots", "checkpoints", "datasets")
        sums = ", ".join(f"(SELECT coalesce(sum(bytes), 0) FROM {kind}) AS {kind}" for kind in kinds)
        (row,) = self.database.rows(f"SELECT {sums}")
        return {kind: int(row[kind]) for kind in kinds}

    def tenant_bytes(self, tenant: str) -> Mapping[str, int]:
        """How many bytes a tenant's documents, snapshots, checkpoints and data sets take, by the sums that are noted.

        Raises:
            StoreError: the system refuses.
        """
        of_sessions = "FROM {} WHERE session IN (SELECT id FROM sessions WHERE coalesce(tenant, '') = ?)"
        tables = {kind: of_sessions.format(kind) for kind in ("snapshots", "checkpoints")}
        tables["datasets"] = "FROM datasets WHERE tenant = ?"
        sums = ", ".join(f"(SELECT coalesce(sum(bytes), 0) {rest}) AS {kind}" for kind, rest in tables.items())
        (row,) = self.database.rows(f"SELECT {sums}", [tenant] * len(tables))
        return {**{kind: int(row[kind]) for kind in tables}, "documents": self.graphs.of(tenant).stored_bytes}

    @property
    def blas_threads(self) -> int | None:
        """On how many threads BLAS computed the steps that are in logs; None where that was never noted.

        Raises:
            DamagedFileError: the note is damaged.
        """
        rows = self.database.rows("SELECT * FROM computing WHERE name = ?", (_BLAS_THREADS,))
        for row in rows:
            self.database.check_row("computing", row)
        return rows[0]["number"] if rows else None

    def note_blas_threads(self, count: int) -> None:
        """Note on how many threads BLAS computes from now on.

        Raises:
            StoreError: the system refuses.
        """
        with self.database.transaction() as connection:
            connection.execute("DELETE FROM computing WHERE name = ?", (_BLAS_THREADS,))
            self.database.insert("computing", {"name": _BLAS_THREADS, "number": count})

    def close(self) -> None:
        """Close the files, and let another process have the directory."""
        self.sessions.close()
        self.keys.close()
        self.database.close()
        self._lock.release()


def _opened(path: Path) -> Database:
    """The database of a directory.

    Raises:
        DamagedFileError: it is damaged, or missing; the reason says what can be done.
        StoreError: the system refuses.
    """
    with naming_repair(path):
        check_complete(path)
        return Database(path / DATABASE)


@contextmanager
def naming_repair(path: Path) -> Generator[None]:
    """Let what is damaged of a directory's database be told with the command that makes it anew, in `with`.

    Raises:
        DamagedFileError: the block did.
    """
    try:
        yield
    except DamagedFileError as error:
        raise DamagedFileError(
            error.path,
            f"{error.reason}; `asg repair {path}` makes it anew from what is sound, and keeps what is there",
        ) from error


def check_complete(path: Path) -> None:
    """Refuse a directory that has sessions and no database: an empty one would say that none of them counts."""
    if (path / DATABASE).exists():
        return
    for name in ("sessions", "datasets"):
        folder = path / name
        with storage_errors(folder):
            if folder.is_dir() and any(folder.iterdir()):
                raise DamagedFileError(path / DATABASE, f"it is missing, and {folder} has {name}; nothing was removed")
