"""`SessionRegistry`: the sessions that the service holds."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from asg_executor.sessions.errors import SessionDamagedError
from asg_executor.sessions.held_session import HeldSession

__all__ = ["SessionRegistry", "TooManySessionsError"]


class TooManySessionsError(Exception):
    """The registry holds as many sessions as it may.

    Args:
        capacity: how many that is.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(f"{capacity} sessions are held, and no more may be; delete one that is not needed")


class SessionRegistry:
    """Sessions by id. Its methods are called from the event loop alone.

    Args:
        capacity: how many sessions may be held at a time.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._under_construction = 0
        self._sessions: dict[str, HeldSession] = {}
        self._damaged: dict[str, str] = {}

    async def create(self, make: Callable[[], Awaitable[HeldSession]]) -> HeldSession:
        """Make a session and hold it.

        Args:
            make: makes the session; called only where there is room for it.

        Raises:
            TooManySessionsError: there is no room.
        """
        if len(self._sessions) + self._under_construction >= self._capacity:
            raise TooManySessionsError(self._capacity)
        self._under_construction += 1
        try:
            held = await make()
        finally:
            self._under_construction -= 1
        self.add(held)
        return held

    def add(self, held: HeldSession) -> None:
        """Hold a session, such as one that was there before the service was started, however many there are."""
        self._sessions[held.id] = held

    def add_damaged(self, id: str, reason: str) -> None:
        """Remember a session that cannot be used, and why."""
        self._damaged[id] = reason

    def get(self, id: str) -> HeldSession | None:
        """The session of this id, if there is one.

        Raises:
            SessionDamagedError: there is, and it cannot be used.
        """
        if id in self._damaged:
            raise SessionDamagedError(
                f"the session {id} is damaged and is not used: {self._damaged[id]}; nothing was removed"
            )
        return self._sessions.get(id)

    def remove(self, id: str) -> HeldSession | None:
        """Let go of a session, damaged or not; what it is doing now is finished."""
        self._damaged.pop(id, None)
        return self._sessions.pop(id, None)

    def __contains__(self, id: str) -> bool:
        return id in self._sessions or id in self._damaged

    @property
    def damaged(self) -> Mapping[str, str]:
        """Why the sessions that cannot be used cannot, by id."""
        return self._damaged

    def __iter__(self) -> Iterator[HeldSession]:
        return iter(list(self._sessions.values()))
