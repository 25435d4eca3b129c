"""The keys of a data directory for whoever does not own it: a command beside the running server, or before it."""

from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from asg_executor.access.keys import KeyStore
from asg_executor.store.data_directory import DATABASE, check_complete, naming_repair
from asg_executor.store.database import Database, is_current
from asg_executor.store.ownership import DirectoryLock

__all__ = ["has_good_key", "opened_keys"]


@contextmanager
def opened_keys(directory: Path) -> Generator[KeyStore]:
    """The keys of a data directory, which is made where there is none.

    A server may own the directory, and sees what is changed at once. Only where its database is to be made, or is of an
    earlier version, nobody else may: a server of that version would not know what was done to it.

    Raises:
        DirectoryInUseError: the database is of an earlier version, and a server is running with it.
        NewerDirectoryError: a newer version wrote it.
        DamagedFileError: the database is damaged.
        StoreError: the system refuses.
    """
    path = directory / DATABASE
    with naming_repair(directory):
        if not is_current(path):
            lock = DirectoryLock(directory)
            try:
                check_complete(directory)
                Database(path).close()
            finally:
                lock.release()
        with closing(KeyStore(Database(path))) as keys:
            yield keys


def has_good_key(directory: Path) -> bool:
    """Whether a data directory has a key that opens something. Where there is no directory none is made.

    Raises:
        StoreError: as for `opened_keys`.
    """
    if not (directory / DATABASE).exists():
        return False
    with opened_keys(directory) as keys:
        return any(keys.is_good(key) for key in keys.list())
