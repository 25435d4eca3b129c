"""`FairQueue`: what waits to be computed, taken from the tenants in turn."""

from collections import OrderedDict, deque
from collections.abc import Callable
from threading import Lock

__all__ = ["FairQueue"]

_Work = Callable[[], None]


class FairQueue:
    """Work of several tenants. Whose turn it is has its oldest work taken; then the next tenant's turn comes.

    So a tenant with much to do waits for itself, and one with little waits for at most one piece of work of each
    other. It may be used by several threads at a time.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: OrderedDict[str, deque[_Work]] = OrderedDict()  # whose turn it is first; never an empty one

    def put(self, tenant: str, work: _Work) -> None:
        """Let work of a tenant wait."""
        with self._lock:
            self._waiting.setdefault(tenant, deque()).append(work)

    def take(self) -> _Work | None:
        """The work whose turn it is, which no longer waits; None where nothing does."""
        with self._lock:
            if not self._waiting:
                return None
            tenant, works = next(iter(self._waiting.items()))
            work = works.popleft()
            if works:
                self._waiting.move_to_end(tenant)
            else:
                del self._waiting[tenant]
            return work

    def __len__(self) -> int:
        with self._lock:
            return sum(map(len, self._waiting.values()))
