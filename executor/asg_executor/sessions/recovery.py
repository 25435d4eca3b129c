"""`recover`: the sessions of a data directory, as they were, computed as they were."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor

from asg_executor.allowance import RunBounds, call_within
from asg_executor.blas import blas_threads, set_blas_threads
from asg_executor.errors import ExecutorError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.opening import open_session
from asg_executor.sessions.registry import SessionRegistry
from asg_executor.sessions.session_settings import SessionSettings
from asg_executor.sessions.unusable_session import UnusableSession
from asg_executor.store.data_directory import DataDirectory
from asg_executor.store.errors import StoreError
from asg_executor.store.sessions import DamagedSession, StoredSession
from asg_schema.errors import AsgError

__all__ = ["recover", "recover_and_set_blas_threads"]

_log = logging.getLogger("asg_executor")


def recover(
    registry: SessionRegistry, directory: DataDirectory, memory_limit: int, workers: int, bounds: RunBounds
) -> None:
    """Have the sessions of a data directory again, several at a time; those that are damaged are told, and not used.

    Args:
        registry: gets the sessions, in the order in which they were created.
        directory: where they are.
        memory_limit: as for `Session`, in bytes.
        workers: how many are recovered at a time.
        bounds: what the recovery of one may take, and what counts its memory.

    Raises:
        StoreError: the system refuses.
    """
    begin = time.perf_counter()

    store = directory.sessions

    def open_one(stored: StoredSession | DamagedSession) -> HeldSession | UnusableSession:
        if isinstance(stored, DamagedSession):
            return UnusableSession(stored.id, stored.reason, stored.tenant, None, store)
        try:
            return call_within(bounds, lambda: open_session(stored, memory_limit))
        except ExecutorError as error:
            return UnusableSession(stored.id, str(error), stored.tenant, _settings(stored), store)

    with ThreadPoolExecutor(workers, thread_name_prefix="asg-recovery") as threads:
        for opened in threads.map(open_one, list(directory.sessions.stored())):
            if isinstance(opened, UnusableSession):
                _log.error("session %s is damaged and is not used: %s", opened.id, opened.reason)
                registry.add_damaged(opened)
            else:
                registry.add(opened)
    seconds = time.perf_counter() - begin
    fields = {"sessions": len(list(registry)), "damaged": len(registry.damaged), "seconds": round(seconds, 3)}
    _log.info("the sessions were recovered", extra={"fields": fields})


def recover_and_set_blas_threads(
    registry: SessionRegistry,
    directory: DataDirectory,
    memory_limit: int,
    workers: int,
    threads: int | None,
    bounds: RunBounds,
) -> None:
    """Recover sessions on as many threads of BLAS as before, and compute on another number of them from then on.

    Steps that were computed on another number of threads would not give the same bits again: where the number changes,
    none of them is left to be taken again.

    Args:
        registry: as for `recover`.
        directory: likewise.
        memory_limit: likewise.
        workers: likewise.
        threads: the number of threads from then on; None for that of the process.
        bounds: as for `recover`.

    Raises:
        StoreError: the system refuses.
    """
    present = blas_threads()
    if present is None:  # a BLAS that has no such number
        recover(registry, directory, memory_limit, workers, bounds)
        return
    wanted, noted = threads or present, directory.blas_threads
    before = noted or present
    set_blas_threads(before)
    recover(registry, directory, memory_limit, workers, bounds)
    if wanted != before:
        try:
            for held in registry:
                held.forget_steps()
        except StoreError as error:
            _log.warning("products are computed on %d threads as before, not on %d: %s", before, wanted, error)
            wanted = before
    if wanted != noted:
        directory.note_blas_threads(wanted)
    set_blas_threads(wanted)


def _settings(stored: StoredSession) -> SessionSettings | None:
    """What a damaged session was created with, if that can be read."""
    try:
        return SessionSettings.from_json(stored.settings)
    except AsgError as error:  # such as an optimizer that this version does not know
        _log.error("session %s: %s", stored.id, error)
        return None
