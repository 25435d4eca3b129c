"""`save_changed`: the sessions of a server that ends, on disk, several at a time."""

import asyncio
import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from asg_executor.sessions.held_session import HeldSession

__all__ = ["save_changed"]

_THREADS = 16  # they wait for the disk, which flushes what several of them wrote at once
_PATIENCE_SECONDS = 2

_log = logging.getLogger("asg_executor")


async def save_changed(sessions: Iterable[HeldSession]) -> None:
    """Have every session on disk as it is, where it is not; first those whose steps are nowhere else.

    A session that somebody holds is passed over. What cannot be saved is told, and the others go on.

    Args:
        sessions: the sessions.
    """
    changed = sorted((held for held in sessions if held.is_changed), key=_is_logged)
    if not changed:
        return
    begin, saved = time.perf_counter(), 0
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="asg-saving")

    async def save(held: HeldSession) -> None:
        nonlocal saved
        if not held.lock.locked():  # else a thread works with it, perhaps one that is never done
            async with held.lock:
                await asyncio.get_running_loop().run_in_executor(threads, held.save_if_changed)
        saved += 1

    async def tell() -> None:
        while True:
            await asyncio.sleep(_PATIENCE_SECONDS)
            _log.warning("the sessions are being saved: %d of %d are done", saved, len(changed))

    telling = asyncio.ensure_future(tell())
    try:
        await asyncio.gather(*map(save, changed))
    finally:
        telling.cancel()
        threads.shutdown(wait=False, cancel_futures=True)  # nobody waits for it after a second signal
    fields = {"sessions": len(changed), "seconds": round(time.perf_counter() - begin, 3)}
    _log.info("the sessions were saved", extra={"fields": fields})


def _is_logged(held: HeldSession) -> bool:
    """Whether each step of a session is on disk once it is acknowledged."""
    return held.settings.durability == "every_step"
