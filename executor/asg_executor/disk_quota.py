"""`DiskQuota`: how much of the disk each tenant's documents, states, logs and data sets may take."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock
from time import monotonic
from typing import ClassVar

from asg_executor.errors import ExecutorError

__all__ = ["DiskQuota", "DiskQuotaError"]

_FRESH_SECONDS = 1.0


class DiskQuotaError(ExecutorError):
    """What a tenant has on the disk would be more than it may be.

    Args:
        what: what is to be written, for the message.
        used: how many bytes the tenant has.
        wanted: how many more would come.
        maximum: how many it may have.
    """

    code: ClassVar[str] = "quota_exceeded"

    def __init__(self, what: str, used: int, wanted: int, maximum: int) -> None:
        self.used, self.wanted, self.maximum = used, wanted, maximum
        super().__init__(
            f"{what} takes {wanted} bytes, and this tenant has {used} of the {maximum} bytes of the disk that it may "
            "have (tenant_max_disk_bytes); delete a checkpoint, a data set or a session that is not needed"
        )


@dataclass(slots=True)
class _Measured:
    at: float
    used: int


class DiskQuota:
    """Refuses to write what would be too much for a tenant. Any thread may ask.

    What is there is measured at most once a second for each tenant, by the sums that the database has, and what was
    let through since is added to it. So a step costs an addition, and two tenants do not wait for each other's files.

    Args:
        maximum: how many bytes a tenant may have; None for as many as there is room for.
        measure: how many bytes of each kind a tenant has.
    """

    def __init__(self, maximum: int | None, measure: Callable[[str], Mapping[str, int]]) -> None:
        self._maximum = maximum
        self._measure = measure
        self._measured: dict[str, _Measured] = {}
        self._lock = Lock()

    def used(self, tenant: str) -> int:
        """How many bytes a tenant has, measured now.

        Raises:
            StoreError: the system refuses.
        """
        return sum(self._measure(tenant).values())

    def check(self, tenant: str, what: str, wanted: int) -> None:
        """Let something be written, or refuse it.

        Args:
            tenant: whose it is.
            what: what it is, for the error.
            wanted: how many bytes it takes.

        Raises:
            DiskQuotaError: the tenant would have too much.
            StoreError: the system refuses to say what there is.
        """
        if self._maximum is None:
            return
        with self._lock:
            found = self._measured.get(tenant)
            if found is None or monotonic() - found.at > _FRESH_SECONDS or found.used + wanted > self._maximum:
                # Where it would be too much something may have been deleted, so that is not said of an old figure.
                found = self._measured[tenant] = _Measured(monotonic(), self.used(tenant))
            if found.used + wanted > self._maximum:
                raise DiskQuotaError(what, found.used, wanted, self._maximum)
            found.used += wanted
