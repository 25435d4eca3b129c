"""`recover`: the sessions of a data directory, as they were."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from asg_executor.errors import ExecutorError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.sessions import DamagedSession, StoredSession

__all__ = ["recover"]

_log = logging.getLogger("asg_executor")


def recover(registry: SessionRegistry, directory: DataDirectory, memory_limit: int, workers: int) -> None:
    """Have the sessions of a data directory again, several at a time; those that are damaged are told, and not used.

    Args:
        registry: gets the sessions, in the order in which they were created.
        directory: where they are.
        memory_limit: as for `Session`, in bytes.
        workers: how many are recovered at a time.

    Raises:
        StoreError: the system refuses.
    """
    begin = time.perf_counter()

    def open_one(stored: StoredSession | DamagedSession) -> HeldSession | DamagedSession:
        if isinstance(stored, DamagedSession):
            return stored
        try:
            return HeldSession.open(stored, memory_limit)
        except ExecutorError as error:
            return DamagedSession(stored.id, str(error), stored.tenant)

    with ThreadPoolExecutor(workers, thread_name_prefix="asg-recovery") as threads:
        for opened in threads.map(open_one, list(directory.sessions.stored())):
            if isinstance(opened, DamagedSession):
                _log.error("session %s is damaged and is not used: %s", opened.id, opened.reason)
                registry.add_damaged(opened.id, opened.reason, opened.tenant)
            else:
                registry.add(opened)
    seconds = time.perf_counter() - begin
    fields = {"sessions": len(list(registry)), "damaged": len(registry.damaged), "seconds": round(seconds, 3)}
    _log.info("the sessions were recovered", extra={"fields": fields})
