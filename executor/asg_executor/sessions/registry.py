"""`SessionRegistry`: the sessions that the service holds."""

from collections.abc import Awaitable, Callable, Iterator, Mapping

from asg_executor.sessions.errors import CreationMismatchError, CreationPendingError, SessionDamagedError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.session_settings import CreationKey

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
        self._under_construction: set[object] = set()
        self._sessions: dict[str, HeldSession] = {}
        self._damaged: dict[str, str] = {}

    async def create(
        self, creation: CreationKey | None, make: Callable[[], Awaitable[HeldSession]]
    ) -> tuple[HeldSession, bool]:
        """Make a session and hold it.

        Args:
            creation: the key that it is asked for with, if there is one; where it is that of a session that is held,
                that one is meant.
            make: makes the session; called only where there is room for it.

        Returns:
            The session, and whether it was there before.

        Raises:
            TooManySessionsError: there is no room.
            CreationMismatchError: the key is that of a session that was asked for in other words.
            CreationPendingError: a session is being made for the key.
        """
        if creation is not None:
            present = self._created(creation)
            if present is not None:
                return present, True
        if len(self._sessions) + len(self._under_construction) >= self._capacity:
            raise TooManySessionsError(self._capacity)
        place = object() if creation is None else creation.key
        self._under_construction.add(place)
        try:
            held = await make()
        finally:
            self._under_construction.discard(place)
        self.add(held)
        return held, False

    def _created(self, creation: CreationKey) -> HeldSession | None:
        """The session that was made for a key before."""
        if creation.key in self._under_construction:
            raise CreationPendingError(f'a session is being created for the Idempotency-Key "{creation.key}"')
        for held in self._sessions.values():
            known = held.settings.creation
            if known is not None and known.key == creation.key:
                if known.request != creation.request:
                    raise CreationMismatchError(
                        f'the Idempotency-Key "{creation.key}" was sent before, with another request'
                    )
                return held
        return None

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
