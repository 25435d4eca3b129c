"""`MemoryBudget`: how much memory all that the service keeps may take together.

Whatever is kept between requests claims its memory before it takes it: a session's parameters, compiled programs,
models, parts and answers. A claim lasts as long as its object, so that what is still used somewhere still counts.
Compiled programs can be made again: where there is no room, those that were not used for longest are let go of.
"""

from collections import deque
from threading import Lock
from typing import ClassVar, Protocol
from weakref import WeakSet

from asg_executor.errors import ExecutorError, MemoryLimitError

__all__ = ["MemoryBudget", "MemoryClaim", "MemoryFullError", "Reclaimable"]


class MemoryFullError(ExecutorError):
    """There is no room for what a request would have kept.

    Args:
        what: what needs the memory.
        size: how many bytes it needs.
        held: how many are held.
        capacity: how many may be.
    """

    code: ClassVar[str] = "out_of_memory"

    def __init__(self, what: str, size: int, held: int, capacity: int) -> None:
        self.limit = "max_held_bytes"
        self.value = held + size
        self.maximum = capacity
        super().__init__(
            f"{what} takes {size:,} bytes; of the {capacity:,} that may be held (max_held_bytes) {held:,} are taken: "
            "there is room again once a session is deleted or a run has ended"
        )


class Reclaimable(Protocol):
    """Something that holds memory which can be had back.

    Attributes:
        last_used: when it was used last, by `time.monotonic`.
    """

    last_used: float

    def reclaim(self) -> bool:
        """Let go of some of it; whether there was something. It may be called from any thread."""
        ...


class MemoryBudget:
    """Counts the bytes that are claimed. Its methods may be called from several threads.

    Args:
        capacity: how many there may be; None for any number.

    Attributes:
        capacity: the same, and can be changed: what is claimed already stays.
    """

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self._lock = Lock()
        self._taken = 0
        # A claim may end at any time, even within this thread while the lock is held.
        self._given_back: deque[int] = deque()
        self._reclaimable: WeakSet[Reclaimable] = WeakSet()

    @property
    def held(self) -> int:
        """How many bytes are claimed."""
        with self._lock:
            return self._held()

    def _held(self) -> int:
        while self._given_back:
            self._taken -= self._given_back.popleft()
        return self._taken

    def claim(self, what: str, size: int) -> "MemoryClaim":
        """Claim memory that is about to be taken.

        Args:
            what: what needs it, for errors.
            size: how many bytes it needs.

        Raises:
            MemoryFullError: there is no room now.
            MemoryLimitError: there never is as much.
        """
        claim = MemoryClaim(self, what)
        claim.grow(size)
        return claim

    def take(self, what: str, size: int) -> None:
        """Count bytes; see `claim`."""
        while True:
            with self._lock:
                held, capacity = self._held(), self.capacity
                if capacity is None or held + size <= capacity:
                    self._taken += size
                    return
            if size > capacity:
                raise MemoryLimitError(
                    f"{what} takes {size:,} bytes; at most {capacity:,} may be held at all (max_held_bytes)"
                )
            if not self._reclaim():
                raise MemoryFullError(what, size, held, capacity)

    def give_back(self, size: int) -> None:
        """Count bytes no more. It may be called at any time, from a finalizer too."""
        self._given_back.append(size)

    def add_reclaimable(self, holder: Reclaimable) -> None:
        """Know of something that memory can be had back from, for as long as it lives."""
        with self._lock:
            self._reclaimable.add(holder)

    def _reclaim(self) -> bool:
        """Have some memory back from what was not used for longest; whether there was any."""
        with self._lock:
            holders = sorted(self._reclaimable, key=lambda holder: holder.last_used)
        return any(holder.reclaim() for holder in holders)


class MemoryClaim:
    """Memory that is claimed for as long as this object lives.

    Args:
        budget: what counts it; None where nothing does.
        what: what needs it, for errors.
    """

    __slots__ = ("_budget", "_size", "_what")

    def __init__(self, budget: MemoryBudget | None, what: str) -> None:
        self._size = 0
        self._budget = budget
        self._what = what

    @property
    def size(self) -> int:
        """How many bytes it claims."""
        return self._size

    def grow(self, size: int) -> None:
        """Claim so many bytes more.

        Raises:
            MemoryFullError: there is no room now.
            MemoryLimitError: there never is as much.
        """
        if self._budget is not None:
            self._budget.take(self._what, size)
            self._size += size

    def __del__(self) -> None:
        if self._budget is not None:
            self._budget.give_back(self._size)
