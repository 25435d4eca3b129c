"""`Admission`: the place that a request has in the service, and the room that its body takes."""

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import Token
from types import TracebackType
from typing import Self

from asg_executor.api.byte_budget import ByteBudget
from asg_executor.api.request_body import BodyBytes
from asg_executor.api.worker_pool import WorkerPool, current_tenant

__all__ = ["Admission"]


class Admission:
    """One request's place among those that are worked on or wait: a context manager.

    Args:
        pool: where the place is.
        tenant: whom the request acts for. What it lets the pool call while it has the place waits in the tenant's
            queue.
        budget: the room for bodies. What the request's bodies take is given back with the place.

    Attributes:
        has_place: whether it has a place now.
        room: the room that the request's bodies take.
    """

    __slots__ = ("_pool", "_tenant", "_token", "has_place", "room")

    def __init__(self, pool: WorkerPool, tenant: str, budget: ByteBudget) -> None:
        self._pool = pool
        self._tenant = tenant
        self.room = BodyBytes(budget)
        self._token: Token[str] | None = None
        self.has_place = False

    def __enter__(self) -> Self:
        """Take the place.

        Raises:
            ProblemError: all places are taken, or the server is shutting down.
        """
        self._pool.check_open()
        self._take_place()
        self._pool.begin()
        self._token = current_tenant.set(self._tenant)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Give place and room back."""
        if self._token is not None:
            current_tenant.reset(self._token)
            self._token = None
        self._free_place()
        self.room.give_back()
        self._pool.end()

    @contextmanager
    def awaiting_client(self) -> Generator[BodyBytes]:
        """Let others have the place while the client is awaited, which may take as long as it likes.

        Returns:
            The room for what the client sends. Of a request that was not admitted it is given back at the end.

        Raises:
            ProblemError: all places are taken when the client has done its part.
        """
        admitted = self.has_place
        self._free_place()
        try:
            yield self.room
        finally:
            if not admitted:
                self.room.give_back()
        if admitted:
            self._take_place()

    def _take_place(self) -> None:
        self._pool.take_place(self._tenant)
        self.has_place = True

    def _free_place(self) -> None:
        if self.has_place:
            self.has_place = False
            self._pool.free_place(self._tenant)
