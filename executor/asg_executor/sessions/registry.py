"""`SessionRegistry`: the sessions that the service holds."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import NamedTuple

from asg_executor.sessions.errors import CreationMismatchError, CreationPendingError
from asg_executor.sessions.held_session import HeldSession
from asg_executor.sessions.session_settings import CreationKey
from asg_executor.sessions.unusable_session import UnusableSession

__all__ = ["Quota", "QuotaError", "SessionRegistry", "SessionRequest", "TooManySessionsError", "Usage"]


class TooManySessionsError(Exception):
    """The registry holds as many sessions as it may.

    Args:
        capacity: how many that is.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(f"{capacity} sessions are held, and no more may be; delete one that is not needed")


class Usage(NamedTuple):
    """What the sessions of a tenant take, those included that are being made.

    Attributes:
        sessions: how many there are.
        bytes: the memory of their parameters, gradients, optimizer slots, averages and backup.
    """

    sessions: int
    bytes: int


class Quota(NamedTuple):
    """What the sessions of a tenant may take at most; None for as much as there is.

    Attributes:
        sessions: how many there may be.
        bytes: as in `Usage`.
    """

    sessions: int | None = None
    bytes: int | None = None


class QuotaError(Exception):
    """A tenant has as much as it may.

    Args:
        quota: which of the quotas: "sessions" or "bytes".
        used: how much of it is used.
        wanted: how much more was asked for.
        maximum: how much it is.
    """

    def __init__(self, quota: str, used: int, wanted: int, maximum: int) -> None:
        self.quota, self.used, self.wanted, self.maximum = quota, used, wanted, maximum
        super().__init__(
            f"of {maximum} {quota} that this tenant may have, {used} are taken, and {wanted} more asked for; waiting "
            "does not help: delete a session, or have the quota raised"
        )


class SessionRequest(NamedTuple):
    """A session that is asked for.

    Attributes:
        tenant: whose it is to be.
        bytes: what it will take, as in `Usage`.
        creation: the key that it is asked for with, if there is one.
    """

    tenant: str
    bytes: int
    creation: CreationKey | None


class SessionRegistry:
    """Sessions by id. Its methods are called from the event loop alone.

    Args:
        capacity: how many sessions may be held at a time.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._under_construction: dict[object, SessionRequest] = {}
        self._sessions: dict[str, HeldSession] = {}
        self._damaged: dict[str, UnusableSession] = {}

    async def create(
        self, request: SessionRequest, quota: Quota, make: Callable[[], Awaitable[HeldSession]]
    ) -> tuple[HeldSession, bool]:
        """Make a session and hold it.

        Args:
            request: what is asked for; where its key is that of a session that the tenant has, that one is meant.
            quota: what the tenant may have.
            make: makes the session; called only where there is room for it.

        Returns:
            The session, and whether it was there before.

        Raises:
            QuotaError: the tenant has as much as it may.
            TooManySessionsError: there is no room.
            CreationMismatchError: the key is that of a session that was asked for in other words.
            CreationPendingError: a session is being made for the key.
        """
        present = self._created(request)
        if present is not None:
            return present, True
        self._check_quota(request, quota)
        if len(self._sessions) + len(self._under_construction) >= self._capacity:
            raise TooManySessionsError(self._capacity)
        place = object() if request.creation is None else (request.tenant, request.creation.key)
        self._under_construction[place] = request
        try:
            held = await make()
        finally:
            del self._under_construction[place]
        self.add(held)
        return held, False

    def log_bytes(self, tenant: str) -> int:
        """How many bytes the logs of a tenant's steps take. Any thread may ask."""
        return sum(held.log_bytes for held in list(self._sessions.values()) if held.tenant == tenant)

    def usage(self, tenant: str) -> Usage:
        """What the sessions of a tenant take."""
        sizes = [held.session.required_bytes for held in self._sessions.values() if held.tenant == tenant]
        sizes += [request.bytes for request in self._under_construction.values() if request.tenant == tenant]
        return Usage(len(sizes), sum(sizes))

    def _check_quota(self, request: SessionRequest, quota: Quota) -> None:
        if quota == Quota():
            return
        used = self.usage(request.tenant)
        if quota.sessions is not None and used.sessions + 1 > quota.sessions:
            raise QuotaError("sessions", used.sessions, 1, quota.sessions)
        if quota.bytes is not None and used.bytes + request.bytes > quota.bytes:
            raise QuotaError("bytes", used.bytes, request.bytes, quota.bytes)

    def _created(self, request: SessionRequest) -> HeldSession | None:
        """The session that was made for the request's key before, for the same tenant."""
        creation, tenant = request.creation, request.tenant
        if creation is None:
            return None
        if (tenant, creation.key) in self._under_construction:
            raise CreationPendingError(f'a session is being created for the Idempotency-Key "{creation.key}"')
        for held in self._sessions.values():
            known = held.settings.creation
            if known is not None and (held.tenant, known.key) == (tenant, creation.key):
                if known.request != creation.request:
                    raise CreationMismatchError(
                        f'the Idempotency-Key "{creation.key}" was sent before, with another request'
                    )
                return held
        return None

    def add(self, held: HeldSession) -> None:
        """Hold a session, such as one that was there before the service was started, however many there are."""
        self._sessions[held.id] = held

    def add_damaged(self, session: UnusableSession) -> None:
        """Remember a session that cannot be used."""
        self._damaged[session.id] = session

    def revive(self, held: HeldSession) -> None:
        """Hold a session that could not be used, and can be again."""
        del self._damaged[held.id]
        self.add(held)

    def tenant_of(self, id: str) -> str | None:
        """Whose a session is; None where there is none of this id, or not even that is known of it."""
        found = self._sessions.get(id) or self._damaged.get(id)
        return None if found is None else found.tenant

    def find(self, id: str, tenant: str) -> HeldSession | None:
        """A tenant's own session of this id, if there is one that can be used."""
        held = self._sessions.get(id)
        return held if held is not None and held.tenant == tenant else None

    def get(self, id: str) -> HeldSession | None:
        """The session of this id, if there is one.

        Raises:
            SessionDamagedError: there is, and it cannot be used.
        """
        if id in self._damaged:
            raise self._damaged[id].error()
        return self._sessions.get(id)

    def remove(self, id: str) -> HeldSession | None:
        """Let go of a session, damaged or not; what it is doing now is finished."""
        self._damaged.pop(id, None)
        return self._sessions.pop(id, None)

    def __contains__(self, id: str) -> bool:
        return id in self._sessions or id in self._damaged

    @property
    def damaged(self) -> Mapping[str, UnusableSession]:
        """The sessions that cannot be used, by id."""
        return self._damaged

    def __iter__(self) -> Iterator[HeldSession]:
        return iter(list(self._sessions.values()))
