"""What can go wrong in the executor, apart from a document that is not valid.

AsgError (asg_schema.errors)
└── ExecutorError
    ├── InterfaceError         arrays that were given do not fit what the document declares
    │   └── SymbolError        the symbols of its shapes have no value, or contradictory ones
    ├── UnknownEngineError     there is no engine of that name
    ├── UnsupportedOpError     the engine has no kernel for an op
    ├── MemoryLimitError       a program would take more memory than it may
    ├── LimitExceededError     a program would be larger, or compute more, than it may
    ├── RunStoppedError        a run was stopped between two instructions
    │   ├── DeadlineError      it took too long
    │   ├── AbandonedError     nobody waits for it any more
    │   └── ShutdownError      the server ends, and waits no longer
    ├── OutOfBoundsError       a native kernel accessed memory that is not its own: a fault of this package
    ├── AccessConflictError    two accesses of native kernels are in each other's way: a fault of this package
    └── RunError               a node could not be computed for the data that it met
        └── IndexOutOfRangeError
"""

from typing import ClassVar

from typing_extensions import override

from asg_schema.errors import AsgError

__all__ = [
    "AbandonedError",
    "AccessConflictError",
    "DeadlineError",
    "ExecutorError",
    "IndexOutOfRangeError",
    "InterfaceError",
    "LimitExceededError",
    "MemoryLimitError",
    "OutOfBoundsError",
    "RunError",
    "RunStoppedError",
    "ShutdownError",
    "SymbolError",
    "UnknownEngineError",
    "UnsupportedOpError",
]


class ExecutorError(AsgError):
    """The root of the executor's errors.

    Attributes:
        code: what kind of fault it is, stable across releases.
    """

    code: ClassVar[str] = "executor_error"


class InterfaceError(ExecutorError):
    """An array that was given does not fit the document's interface: its name, dtype or shape."""

    code: ClassVar[str] = "interface_mismatch"


class SymbolError(InterfaceError):
    """A symbol of the document's shapes has no value, or two values that contradict each other."""

    code: ClassVar[str] = "unbound_symbol"


class UnknownEngineError(ExecutorError):
    """There is no engine of the name that was asked for."""

    code: ClassVar[str] = "unknown_engine"


class UnsupportedOpError(ExecutorError):
    """An engine has neither a kernel nor an expansion for an op."""

    code: ClassVar[str] = "unsupported_op"


class MemoryLimitError(ExecutorError):
    """A program would take more memory than it may."""

    code: ClassVar[str] = "memory_limit"


class LimitExceededError(ExecutorError):
    """A program would be larger, or compute more, than it may.

    Args:
        limit: the name of the limit, as `/v1` publishes it.
        what: what exceeds it.
        value: how much that is.
        maximum: how much may be.
        unit: what is counted.
    """

    code: ClassVar[str] = "limit_exceeded"

    def __init__(self, limit: str, what: str, value: int, maximum: int, unit: str) -> None:
        self.limit = limit
        self.value = value
        self.maximum = maximum
        super().__init__(f"{what} {value:,} {unit}; at most {maximum:,} are allowed ({limit})")


class OutOfBoundsError(ExecutorError):
    """A native kernel accessed memory that is not its own. Only the engine `native-checked` looks."""


class AccessConflictError(ExecutorError):
    """Two accesses of native kernels to the same memory have no order that the kernels could rely on.

    Two parts that may run at the same time make them, or they are made through pointers of which one is said to share
    nothing with any other. Only the engine `native-checked` looks.
    """


class RunStoppedError(ExecutorError):
    """A run was stopped between two instructions. It has changed nothing."""


class DeadlineError(RunStoppedError):
    """A run took longer than it may."""

    code: ClassVar[str] = "deadline_exceeded"


class AbandonedError(RunStoppedError):
    """Nobody waits for a run any more."""

    code: ClassVar[str] = "client_disconnected"


class ShutdownError(RunStoppedError):
    """The server ends, and does not wait any longer for a run."""

    code: ClassVar[str] = "draining"


class RunError(ExecutorError):
    """A node could not be computed for the data that it met.

    Args:
        node: the id of the document's node.
        op: the name of its op.
        reason: what was wrong with the data, and what would be right.
    """

    code: ClassVar[str] = "run_failed"

    def __init__(self, node: str, op: str, reason: str) -> None:
        self.node = node
        self.op = op
        self.reason = reason
        super().__init__(f'node "{node}" ({op}): {reason}')

    def within(self, node: str, op: str) -> "RunError":
        """The same error, told of the composite node of which the op that failed is a part."""
        return type(self)(node, op, self.reason)


class IndexOutOfRangeError(RunError):
    """An index lies outside the axis that it points into.

    Args:
        node: the id of the document's node.
        op: the name of its op.
        reason: which index, and what would be right.
        composite_reason: the same for the user of a composite that hands its indices on to the op.
    """

    code: ClassVar[str] = "index_out_of_range"

    def __init__(self, node: str, op: str, reason: str, composite_reason: str) -> None:
        self.composite_reason = composite_reason
        super().__init__(node, op, reason)

    @override
    def within(self, node: str, op: str) -> RunError:
        return type(self)(node, op, self.composite_reason, self.composite_reason)
