"""`Watchers`: requests that wait for something to happen. They take no place from those that compute."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager

from asg_executor.api.problems import ProblemError

__all__ = ["Watchers"]


class Watchers:
    """How many requests wait for something to happen.

    Attributes:
        of_tenant: how many of each tenant.
    """

    def __init__(self) -> None:
        self.of_tenant: Counter[str] = Counter()

    @property
    def count(self) -> int:
        """How many in all."""
        return self.of_tenant.total()

    def check(self, tenant: str, capacity: int) -> None:
        """Find that there is room for another. One tenant leaves a quarter of the places to the others.

        Args:
            tenant: whose it is.
            capacity: how many there may be in all.

        Raises:
            ProblemError: there are as many already.
        """
        if self.count >= capacity:
            raise ProblemError("overloaded", f"{self.count} requests wait for news of jobs; no more are taken")
        own = self.of_tenant[tenant]
        if own >= capacity - capacity // 4:
            raise ProblemError("too_many_requests", f"{own} of your requests wait for news of jobs; no more are taken")

    @contextmanager
    def watching(self, tenant: str) -> Generator[None]:
        """Be one of them.

        Args:
            tenant: whose it is.
        """
        self.of_tenant[tenant] += 1
        try:
            yield
        finally:
            self.of_tenant[tenant] -= 1
            if not self.of_tenant[tenant]:
                del self.of_tenant[tenant]
