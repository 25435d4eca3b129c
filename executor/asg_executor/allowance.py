"""What the work of a thread may take: `Allowance`, which whatever plans and computes looks at.

It stands in the thread's context, because what it bounds, such as compiling inside a step, lies deep below what knows
the bounds. Outside the service nothing is bounded.

Time is looked at between two instructions, and between two nodes of a document that is checked. A single instruction is
never interrupted: how long that can be is bounded by the arithmetic of a run, which is known before it begins.
"""

from collections.abc import Callable
from contextvars import ContextVar
from time import monotonic
from typing import NamedTuple, TypeVar

from asg_executor.disk_quota import DiskQuota
from asg_executor.errors import AbandonedError, DeadlineError, LimitExceededError, ShutdownError
from asg_executor.memory_budget import MemoryBudget, MemoryClaim
from asg_schema.interruption import interruption

__all__ = ["Allowance", "Halt", "RunBounds", "Waiter", "call_within", "current_allowance", "current_waiter"]

T = TypeVar("T")


class Halt:
    """Stops, once it is `called`, all runs whose bounds have it: each at its next instruction."""

    __slots__ = ("called",)

    def __init__(self) -> None:
        self.called = False


class RunBounds(NamedTuple):
    """What one run of a document, or one step, may take; None for as much as it takes.

    Attributes:
        seconds: the time that it computes, compiling included.
        operations: operations on one element, such as a multiplication.
        tensor_bytes: the size of the largest value, whether or not its elements are stored.
        instructions: how many operations a document may expand to.
        memory: what counts the memory that stays taken after the run.
        halt: stops the run.
        disk: what bounds what is written for each tenant.
    """

    seconds: float | None = None
    operations: int | None = None
    tensor_bytes: int | None = None
    instructions: int | None = None
    memory: MemoryBudget | None = None
    halt: Halt | None = None
    disk: DiskQuota | None = None


class Waiter:
    """Whoever waits for a run, such as a client.

    Attributes:
        gone: why the run is for nobody any more; "" as long as somebody waits.
    """

    __slots__ = ("gone",)

    def __init__(self) -> None:
        self.gone = ""


class Allowance:
    """What work may take that begins now.

    Args:
        bounds: the bounds.
        waiter: who waits for it; None for somebody who always does.
    """

    __slots__ = ("_end", "_waiter", "bounds")

    def __init__(self, bounds: RunBounds, waiter: Waiter | None = None) -> None:
        self.bounds = bounds
        self._end = None if bounds.seconds is None else monotonic() + bounds.seconds
        self._waiter = waiter

    def check_time(self) -> None:
        """Go on.

        Raises:
            DeadlineError: the time is over.
            AbandonedError: nobody waits any more.
            ShutdownError: the server does not wait any longer.
        """
        if self.bounds.halt is not None and self.bounds.halt.called:
            raise ShutdownError("the server is shutting down; the run was stopped and has changed nothing")
        if self._end is not None and monotonic() > self._end:
            raise DeadlineError(
                f"the run took longer than the {self.bounds.seconds:g} seconds that it may take (run_timeout_seconds); "
                "it was stopped and has changed nothing"
            )
        if self._waiter is not None and self._waiter.gone:
            raise AbandonedError(f"the run was stopped and has changed nothing: {self._waiter.gone}")

    def claim_memory(self, what: str, size: int) -> MemoryClaim:
        """Claim memory that stays taken after the run, before it is taken.

        Args:
            what: what needs it, for errors.
            size: how many bytes it needs.

        Returns:
            The claim, which is to live as long as the memory.

        Raises:
            MemoryFullError: there is no room now.
            MemoryLimitError: there never is as much.
        """
        if self.bounds.memory is None:
            return MemoryClaim(None, what)
        return self.bounds.memory.claim(what, size)

    def check_disk(self, tenant: str, what: str, size: int) -> None:
        """Refuse to write what would be too much for a tenant.

        Args:
            tenant: whose it is.
            what: what it is, for the error.
            size: how many bytes it takes.

        Raises:
            DiskQuotaError: the tenant would have too much on the disk.
        """
        if self.bounds.disk is not None:
            self.bounds.disk.check(tenant, what, size)

    def check_operations(self, what: str, operations: int) -> None:
        """Refuse a run that would compute too much.

        Raises:
            LimitExceededError: it would.
        """
        most = self.bounds.operations
        if most is not None and operations > most:
            raise LimitExceededError("max_operations", f"{what} takes", operations, most, "operations")

    def check_tensor(self, what: str, size: int) -> None:
        """Refuse a value of too many bytes.

        Raises:
            LimitExceededError: it has.
        """
        most = self.bounds.tensor_bytes
        if most is not None and size > most:
            raise LimitExceededError("max_tensor_bytes", f"{what} takes", size, most, "bytes")

    def check_instructions(self, what: str, count: int) -> None:
        """Refuse a document that expands to too many instructions.

        Raises:
            LimitExceededError: it does.
        """
        most = self.bounds.instructions
        if most is not None and count > most:
            raise LimitExceededError("max_nodes", f"{what} expands to", count, most, "nodes")


_UNBOUNDED = Allowance(RunBounds())

_allowance: ContextVar[Allowance] = ContextVar("allowance", default=_UNBOUNDED)

current_waiter: ContextVar[Waiter | None] = ContextVar("current_waiter", default=None)
"""Who waits for the work that is begun here; None for somebody who always does."""


def current_allowance() -> Allowance:
    """What the work that is being done may take."""
    return _allowance.get()


def call_within(bounds: RunBounds, function: Callable[[], T]) -> T:
    """Call `function` with an allowance.

    Args:
        bounds: what it may take, from now on.
        function: what is called.

    Raises:
        AbandonedError: nobody waits for it any more.
    """
    allowance = Allowance(bounds, current_waiter.get())
    allowance.check_time()  # what has waited for long may be wanted no more
    token, between_nodes = _allowance.set(allowance), interruption.set(allowance.check_time)
    try:
        return function()
    finally:
        interruption.reset(between_nodes)
        _allowance.reset(token)
