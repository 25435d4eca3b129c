"""What may be sent again, after what wait, and when it is given up.

A request is repeated, with exponential backoff and jitter, where that cannot do harm: it never left; or the server says
that it changed nothing and that a repetition may succeed (408, 429, 503, 507); or the answer was lost and the request
is idempotent. All requests of a client share a `RetryBudget`.
"""

import tenacity
from typing_extensions import override

from asg_builder.client.errors import ConnectionFailed, ServiceError
from asg_builder.client.retry_budget import RetryBudget

__all__ = ["may_repeat", "stop_after", "wait_before_repetition"]

_FIRST_WAIT_SECONDS = 0.1
_LONGEST_BACKOFF_SECONDS = 10.0
_LONGEST_ASKED_SECONDS = 60.0
_GATEWAY_LOST_THE_ANSWER = (502, 504)


def may_repeat(error: BaseException, *, idempotent: bool) -> bool:
    """Whether a request may be sent again.

    Args:
        error: what became of it.
        idempotent: whether it has one effect however often it is sent.
    """
    if isinstance(error, ConnectionFailed):
        return error.retryable and (idempotent or not error.sent)
    if isinstance(error, ServiceError):
        if error.retry_after is not None and error.retry_after > _LONGEST_ASKED_SECONDS:
            return False
        return error.retryable or (idempotent and error.status in _GATEWAY_LOST_THE_ANSWER)
    return False


_backoff = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_LONGEST_BACKOFF_SECONDS)


def wait_before_repetition(state: tenacity.RetryCallState) -> float:
    """The backoff in seconds, or what the server asks for where that is longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServiceError) else None
    return max(_backoff(state), asked or 0.0)


def stop_after(retries: int, total_timeout: float, budget: RetryBudget) -> tenacity.stop.stop_base:
    """When to give up.

    Args:
        retries: how often a request is repeated at most.
        total_timeout: the seconds, waits included, after which no repetition begins.
        budget: asked for each repetition that the others allow.
    """
    # In this order: what another one stops takes nothing of the budget.
    return tenacity.stop_any(
        tenacity.stop_after_attempt(retries + 1), tenacity.stop_before_delay(total_timeout), _StopWithoutBudget(budget)
    )


class _StopWithoutBudget(tenacity.stop.stop_base):
    def __init__(self, budget: RetryBudget) -> None:
        self._budget = budget

    @override
    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        if self._budget.take():
            return False
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if error is not None:
            error.add_note("It was not sent again, because the client's retry_budget is used up.")
        return True
