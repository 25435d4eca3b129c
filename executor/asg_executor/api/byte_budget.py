"""`ByteBudget`: how much of bodies and answers the service holds at a time."""

from asg_executor.api.problems import ProblemError

__all__ = ["ByteBudget"]


class ByteBudget:
    """Counts the bytes of bodies that were received and of answers that are being sent. It is for the event loop.

    Bodies are refused where there is no room; an answer, whose work is done, is not, and leaves that much less room for
    bodies.

    Args:
        capacity: how many bytes may be held.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._held = 0

    @property
    def held(self) -> int:
        """How many bytes are held."""
        return self._held

    def take(self, count: int) -> None:
        """Hold bytes of a body.

        Raises:
            ProblemError: there is no room for them.
        """
        if self._held + count > self._capacity:
            raise ProblemError(
                "overloaded",
                f"the bodies and answers of other requests take {self._held:,} bytes; with {count:,} more they would "
                f"exceed the {self._capacity:,} that may be held (max_inflight_bytes)",
                headers={"Connection": "close"},
            )
        self._held += count

    def add(self, count: int) -> None:
        """Hold bytes of an answer, however many are held."""
        self._held += count

    def give_back(self, count: int) -> None:
        """Hold these bytes no more."""
        self._held -= count
