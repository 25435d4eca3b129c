"""`Turns`: which of the jobs that wait begins next."""

from collections import Counter
from collections.abc import Iterable
from itertools import count

from asg_executor.jobs.job import Job

__all__ = ["Turns"]


class Turns:
    """Which of the jobs that wait begins next: the tenants take turns, and no tenant waits for another's jobs to end.

    Args:
        running: how many jobs run at a time; beyond that only the first one of a tenant begins.
        running_of_tenant: how many of one tenant do.
    """

    def __init__(self, running: int, running_of_tenant: int) -> None:
        self._running = running
        self._running_of_tenant = running_of_tenant
        self._turn = count(1)
        self._last: dict[str, int] = {}

    def next(self, running: Iterable[Job], waiting: Iterable[Job]) -> Job | None:
        """The job that begins now: of the tenant that has the fewest, or whose turn is longest ago, the oldest one.

        Args:
            running: the jobs that run.
            waiting: the jobs that wait.

        Returns:
            The job; None where none may begin.
        """
        own = Counter(job.record.tenant for job in running)
        full = own.total() >= self._running

        def may_begin(job: Job) -> bool:
            number = own[job.record.tenant]
            return number < self._running_of_tenant and not (full and number)

        def rank(job: Job) -> tuple[int, int, float]:
            tenant = job.record.tenant
            return own[tenant], self._last.get(tenant, 0), job.record.created

        return min(filter(may_begin, waiting), key=rank, default=None)

    def began(self, job: Job) -> None:
        """Count a job that begins."""
        self._last[job.record.tenant] = next(self._turn)
