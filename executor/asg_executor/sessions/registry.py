"""`SessionRegistry`: the sessions that the service holds."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from uuid import uuid4

from asg_executor.sessions.session import Session
from asg_executor.sessions.step_record import StepRecord

__all__ = ["HeldSession", "SessionRegistry", "TooManySessionsError"]


class TooManySessionsError(Exception):
    """The registry holds as many sessions as it may.

    Args:
        capacity: how many that is.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(f"{capacity} sessions are held, and no more may be; delete one that is not needed")


@dataclass(slots=True, eq=False)
class HeldSession:
    """A session in the service.

    Attributes:
        id: its name in URLs.
        session: the session itself.
        graph_digests: the digest of each of its graphs, by the name that the session gives it.
        lock: held by whoever reads or changes the session; a session does one thing at a time.
        record: its last step.
    """

    id: str
    session: Session
    graph_digests: Mapping[str, str]
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    record: StepRecord = field(default_factory=StepRecord)


class SessionRegistry:
    """Sessions by id. Its methods are called from the event loop alone.

    Args:
        capacity: how many sessions may be held at a time.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._under_construction = 0
        self._sessions: dict[str, HeldSession] = {}

    async def create(self, graph_digests: Mapping[str, str], make: Callable[[], Awaitable[Session]]) -> HeldSession:
        """Make a session and hold it.

        Args:
            graph_digests: the digest of each of its graphs.
            make: makes the session; called only where there is room for it.

        Raises:
            TooManySessionsError: there is no room.
        """
        if len(self._sessions) + self._under_construction >= self._capacity:
            raise TooManySessionsError(self._capacity)
        self._under_construction += 1
        try:
            session = await make()
        finally:
            self._under_construction -= 1
        held = HeldSession(uuid4().hex, session, dict(graph_digests))
        self._sessions[held.id] = held
        return held

    def get(self, id: str) -> HeldSession | None:
        """The session of this id, if there is one."""
        return self._sessions.get(id)

    def remove(self, id: str) -> bool:
        """Let go of a session; whether there was one. What it is doing now is finished."""
        return self._sessions.pop(id, None) is not None

    def __iter__(self) -> Iterator[HeldSession]:
        return iter(list(self._sessions.values()))
