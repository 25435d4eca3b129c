"""`Engine` and `Executable`: what an engine promises."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

from asg_executor.plan.arrays import Array
from asg_executor.plan.plan import Plan
from asg_executor.plan.program import Instruction
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["Engine", "Executable", "TimeRecorder"]

TimeRecorder: TypeAlias = Callable[[Sequence[Instruction], int], None]
"""What is told of each piece of a call when it is done: the instructions that it computed, and its nanoseconds.

The instructions of a piece are the same object at every call.
"""


class Executable(Protocol):
    """A document compiled for concrete shapes. It is called many times, by one thread at a time.

    Attributes:
        plan: how it runs.
        inputs: the type of each array that a call takes, by name: the inputs and parameters that are not bound and on
            which an output depends.
        held_bytes: the memory that it holds between calls, about.
        run_noted: runs once and appends to a list, as one: an exception that comes from outside, as of a signal, finds
            both done, or neither, and no other is raised. None where the engine cannot do so, where a call takes inputs
            or returns something, and where it is too long not to look at the time meanwhile.
    """

    plan: Plan
    held_bytes: int
    run_noted: Callable[[list[None]], None] | None
    inputs: Mapping[str, TensorType]

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Run once.

        Args:
            inputs: an array for each of `self.inputs`; others are ignored.

        Returns:
            The outputs that have no destination, as fresh arrays, by name.

        Raises:
            InterfaceError: an array is missing, or is not of the type that this executable was compiled for.
            RunError: a node cannot be computed for this data. No bound array has changed then.
            MemoryLimitError: the machine cannot provide the memory for a step or the answer.
            RunStoppedError: the allowance of the work that calls is used up (`asg_executor.allowance`). No bound array
                has changed then that is not a destination.
        """
        ...

    def record_times(self, record: TimeRecorder) -> None:
        """From now on tell how long each piece of a call takes. The calls themselves take longer so, for good.

        Args:
            record: called after each piece. What belongs to no instruction, such as copying the inputs in, is not told.
        """
        ...


class Engine(Protocol):
    """Turns documents into executables."""

    name: str

    def compile(
        self,
        document: Document,
        symbols: Mapping[str, int],
        *,
        bound: Mapping[str, Array] | None = None,
        destinations: Mapping[str, Array] | None = None,
        outputs: Sequence[str] | None = None,
        memory_limit: int | None = None,
        contraction_dtype: DType | None = None,
    ) -> Executable:
        """Compile a document for concrete shapes.

        Args:
            document: a valid document.
            symbols: a value for each symbol in the shapes of its inputs.
            bound: arrays from which an input or parameter is read in place at every call, by its id.
            destinations: arrays into which an output is written at every call, by the output's name. One may be the
                memory of a bound array: everything that the call needs of its old content is read before.
            outputs: the outputs to compute, by name; absent: all.
            memory_limit: how many bytes the executable may take beside bound arrays and destinations, with scratch
                memory and the answer of one call.
            contraction_dtype: the 16-bit dtype in which contractions of float32 are computed
                (`asg_executor.plan.contractions`); None: float32.

        Raises:
            InterfaceError: an array does not fit what the document declares, a name is unknown, or destinations
                overlap.
            SymbolError: a symbol has no value, or a node's rule does not hold for these values.
            MemoryLimitError: more than `memory_limit` is needed.
            LimitExceededError: the document takes more than the work that compiles it is allowed
                (`asg_executor.allowance`).
            RunStoppedError: compiling it takes too long.
            RunError: a node whose operands are constants cannot be computed.
        """
        ...

    def copier(self, pairs: Sequence[tuple[Array, Array]]) -> Callable[[], object]:
        """What copies into the first array of each pair the second, as often as it is called.

        Args:
            pairs: contiguous arrays of the same dtype and shape, none of which overlap. Whoever calls it keeps them
                alive.
        """
        ...
