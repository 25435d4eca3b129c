"""The `native-checked` engine: the native one with every load and store of its kernels checked."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from threading import Lock
from typing import NamedTuple

from typing_extensions import override

from asg_executor.engines.evaluation import node_name
from asg_executor.engines.executable import Sections
from asg_executor.engines.memory import Memory
from asg_executor.engines.native.bounds.borders import Borders
from asg_executor.engines.native.bounds.checked_call import CheckedCall
from asg_executor.engines.native.bounds.checked_spec import CheckedSpec
from asg_executor.engines.native.bounds.stage_record import StageRecord
from asg_executor.engines.native.bounds.table import BoundsTable, Range
from asg_executor.engines.native.native_engine import NativeEngine
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.plan import NativePlan, Single, Work
from asg_executor.engines.native.program import NativeProgram
from asg_executor.engines.native.sections import CallsProgram, Draft, PlannedCall, SectionMaker
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.plan import Plan, Stage

__all__ = ["CheckedNativeEngine", "CheckedProgram", "CheckedSectionMaker"]

_one_at_a_time = Lock()  # a kernel's code has one place for the address of its table, whoever calls it
_MOST_NODES = 8  # that an error names


class CheckedNativeEngine(NativeEngine):
    """Runs documents as `NativeEngine` does, on one thread, and fails where a kernel reaches beyond its arrays.

    It fails, too, where the parts of a stage are in each other's way, though here they run one after another, and where
    a function of a kernel breaks what it claims of its pointers.

    Each call may read the roots that its stage reads or writes, and write those that it writes, to the byte. What a
    stage writes is NaN, or -1, before, and so is scratch memory. Each call is made with checks, and then without,
    while what surrounds its results is watched.
    """

    name = "native-checked"

    @override
    def make_sections(self, plan: Plan, memory: Memory, workspace: Workspace) -> Sections:
        assert isinstance(plan, NativePlan), "the plan is this engine's own"
        return CheckedSectionMaker(plan, memory, workspace).sections()


class CheckedProgram:
    """Calls that run in order, on the thread that asks for them. See `CallsProgram`.

    Args:
        calls: the calls.
    """

    def __init__(self, calls: Iterable[CheckedCall]) -> None:
        self._calls = list(calls)
        self.held_bytes = sum(call.held_bytes for call in self._calls)

    def run(self) -> None:
        """Make the calls.

        Raises:
            OutOfBoundsError: one of them accessed what is not its own; those after it are not made.
            AccessConflictError: accesses of one of them, or of its stage, are in each other's way; the same.
        """
        with _one_at_a_time:
            for call in self._calls:
                call.run()


class _Bounds(NamedTuple):
    """What a call may touch, and the rest of what `CheckedCall` has."""

    spec: CheckedSpec
    table: BoundsTable
    poisoned: Sequence[Array]
    kept: Sequence[Array]
    borders: Borders
    stage: StageRecord
    number: int
    nodes: str


class CheckedSectionMaker(SectionMaker):
    """Gives each call of a kernel a table of the memory that it may touch."""

    def __init__(self, plan: NativePlan, memory: Memory, workspace: Workspace) -> None:
        super().__init__(plan, memory, workspace)
        self._plan = plan
        self._memory = memory
        self._bounds: dict[int, _Bounds] = {}  # of each call, by the address of its table

    @override
    def drafts(self, stage: Stage, work: Work) -> list[Draft]:
        drafts = super().drafts(stage, work)
        if not drafts:
            return []
        written = self._roots(stage, (name for item in stage.instructions for name in item.results))
        used = self._roots(stage, (name for item in stage.instructions for name in item.operands))
        read = {root: memory for root, memory in used.items() if root not in written}
        writable = [_range(f'the memory of "{root}"', memory) for root, memory in written.items()]
        readable = [_range(f'the memory of "{root}"', memory) for root, memory in read.items()]
        # All parts that fail write the same into the word that says so; the engine reads it when they are done.
        ordered = list(writable)
        if isinstance(work, Single):
            writable.append(_range("the word that says whether it failed", self.failure))
        nodes, borders = _nodes(stage), Borders(self._memory.arena, writable, readable)
        fresh = [memory for root, memory in written.items() if root not in used and _is_apart(memory, read.values())]
        old = [memory for memory in written.values() if not any(memory is other for other in fresh)]
        record = StageRecord(ordered, [draft.parts for draft in drafts])
        checked: list[Draft] = []
        for number, draft in enumerate(drafts):
            spec = CheckedSpec.of(draft.spec, len(draft.arguments))
            table = BoundsTable(writable, readable)
            # The kernels of a stage may run at the same time: none of them may undo what another has written.
            poisoned, kept = ([], [*old, *fresh]) if checked else (fresh, old)
            self._bounds[table.address] = _Bounds(spec, table, poisoned, kept, borders, record, number, nodes)
            checked.append(Draft(spec, (*draft.arguments, table.address), draft.parts))
        return checked

    @override
    def program(self, calls: Sequence[PlannedCall]) -> CallsProgram:
        bounds = [self._bounds[item.call.arguments[-1]] for item in calls]
        plain = functions(item.spec.spec for item in bounds)
        return CheckedProgram(
            CheckedCall(
                checked=NativeProgram([item.call]),
                plain=NativeProgram([replace(item.call, function=function, arguments=item.call.arguments[:-1])]),
                **of_call._asdict(),
            )
            for item, function, of_call in zip(calls, plain, bounds, strict=True)
        )

    def _roots(self, stage: Stage, references: Iterable[str]) -> dict[str, Array]:
        """The memory of the roots of some values; what a fused kernel keeps to itself has none."""
        roots = dict.fromkeys(self._plan.layouts[reference].root for reference in references)
        return {root: self._memory.line(root) for root in roots if root not in stage.local}


def _range(name: str, memory: Array) -> Range:
    begin = memory.ctypes.data
    return Range(name, begin, begin + memory.nbytes)


def _is_apart(memory: Array, others: Iterable[Array]) -> bool:
    """Whether memory has no byte in common with any other."""
    begin, end = memory.ctypes.data, memory.ctypes.data + memory.nbytes
    return not any(begin < other.ctypes.data + other.nbytes and other.ctypes.data < end for other in others)


def _nodes(stage: Stage) -> str:
    """How errors call the nodes of a stage."""
    names = list(dict.fromkeys(node_name(item.origin) for item in stage.instructions))
    more = [f"{len(names) - _MOST_NODES} more"] if len(names) > _MOST_NODES else []
    return ", ".join([*names[:_MOST_NODES], *more])
