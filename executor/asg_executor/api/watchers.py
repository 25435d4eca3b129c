"""`Watchers`: requests that wait for something to happen. They take no place from those that compute."""

from collections.abc import Generator
from contextlib import contextmanager

from asg_executor.api.problems import ProblemError

__all__ = ["Watchers"]


class Watchers:
    """How many requests wait for something to happen.

    Attributes:
        count: how many.
    """

    def __init__(self) -> None:
        self.count = 0

    def check(self, capacity: int) -> None:
        """Find that there is room for another.

        Args:
            capacity: how many there may be.

        Raises:
            ProblemError: there are as many already.
        """
        if self.count >= capacity:
            raise ProblemError("overloaded", f"{self.count} requests wait for news of jobs; no more are taken")

    @contextmanager
    def watching(self) -> Generator[None]:
        """Be one of them."""
        self.count += 1
        try:
            yield
        finally:
            self.count -= 1
