"""All cases against an executor."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

from asg_builder.client.transport import Transport
from asg_builder.conformance.check import check
from asg_builder.conformance.vectors import Case

__all__ = ["Outcome", "run_cases"]

_AT_A_TIME = 4


class Outcome(NamedTuple):
    """What became of a case.

    Attributes:
        case: the case.
        failure: what went wrong and what was expected; None where nothing did.
    """

    case: Case
    failure: str | None


def run_cases(
    cases: Sequence[Case], transport: Transport, on_outcome: Callable[[Outcome], None] = lambda outcome: None
) -> list[Outcome]:
    """Run cases, a few at a time over connections that stay open.

    Args:
        cases: the cases.
        transport: a connection to the executor.
        on_outcome: called with each outcome, in the order of the cases.

    Raises:
        ConnectionFailed: there is no executor, or none any more; the message names the case.
    """
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        try:
            for case, failure in zip(cases, pool.map(partial(check, transport=transport), cases), strict=True):
                outcomes.append(Outcome(case, failure))
                on_outcome(outcomes[-1])
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return outcomes
