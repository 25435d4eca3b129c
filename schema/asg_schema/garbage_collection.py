"""Pausing the cyclic garbage collector while many objects are made that all stay."""

import gc
from collections.abc import Generator
from contextlib import contextmanager

__all__ = ["garbage_collection_paused"]

_MANY = 50_000


@contextmanager
def garbage_collection_paused() -> Generator[None]:
    """Make objects without Python looking for cycles among them again and again.

    Reading or differentiating a long document makes some hundred thousand objects, none of which can be freed before it
    ends. The collector would go through all of them each time their number has grown by a quarter, which takes as long
    as all the rest. Only cyclic garbage waits; everything else is freed as usual. May be nested and used by several
    threads.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY and not gc.get_freeze_count():
            # They count as looked at, else the first collection afterwards goes through all of them.
            gc.freeze()
            gc.unfreeze()
        gc.enable()
