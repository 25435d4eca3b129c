"""`RetryBudget`: how many repetitions a client has left, over all of its requests."""

import math
from threading import Lock

from asg_schema.errors import AsgError

__all__ = ["RetryBudget"]

_TENTHS = 10  # of a token, so that ten times a tenth is one


class RetryBudget:
    """A token bucket of repetitions, as gRPC and the AWS clients have one: many requests do not hammer a server.

    Each repetition takes a token; where none is left, a request is not repeated. A request that succeeds gives back the
    tokens of its repetitions, or, where it needed none, a tenth of one. So a server that is gone is asked once by each
    request and no more, and one that is there again is soon repeated to as before. Any thread may call it.

    Args:
        capacity: how many repetitions there are at most, and at first; infinity for no bound.

    Raises:
        AsgError: `capacity` is negative or NaN.
    """

    def __init__(self, capacity: float) -> None:
        if not capacity >= 0:
            raise AsgError(f"retry_budget is {capacity}; a number of at least 0 is needed")
        self._capacity = self._left = capacity * _TENTHS
        self._lock = Lock()

    @property
    def left(self) -> float:
        """How many repetitions there are now."""
        return self._left / _TENTHS

    def take(self) -> bool:
        """Take the token of a repetition, if there is one."""
        with self._lock:
            if self._left < _TENTHS:
                return False
            self._left -= _TENTHS
            return True

    def succeeded(self, repetitions: int = 0) -> None:
        """Give back what a request took that succeeded with so many repetitions."""
        if self._left == self._capacity or math.isinf(self._capacity):
            return
        with self._lock:
            self._left = min(self._capacity, self._left + (repetitions * _TENTHS or 1))
