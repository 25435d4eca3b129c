"""The `native` engine: kernels that LLVM compiles for this processor, called without Python in between."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

from typing_extensions import override

from asg_executor.allowance import current_allowance
from asg_executor.engines.executable import PlannedStep, Sections
from asg_executor.engines.memory import Memory
from asg_executor.engines.native.fused.assembly import assemble, assemble_combination
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.kernel_table import NativeKernel
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.plan import Combination, Fused, NativePlan, Single, Work, make_native_plan
from asg_executor.engines.native.program import Call, NativeProgram
from asg_executor.engines.native.team import default_threads, process_team
from asg_executor.engines.numpy_engine import numpy_steps
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.program import Instruction, Program

__all__ = ["NativeEngine"]

_SECTION_OPERATIONS = 100_000_000  # some ten milliseconds


class NativeEngine(PlannedEngine):
    """Runs documents as machine code. A node without a native kernel runs its NumPy kernel."""

    name = "native"

    @override
    def make_plan(self, program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> Plan:
        return make_native_plan(program, bound, destinations, default_threads())

    @override
    def make_sections(self, plan: Plan, memory: Memory, workspace: Workspace) -> Sections:
        assert isinstance(plan, NativePlan), "the plan is this engine's own"
        return _Assembler(plan, memory, workspace).sections()


class _Draft(NamedTuple):
    """A call whose function is not compiled yet."""

    spec: KernelSpec
    arguments: tuple[int, ...]
    parts: int


class _Assembler:
    """Turns the stages of a plan into steps: native programs, and between them those of nodes that run with NumPy."""

    def __init__(self, plan: NativePlan, memory: Memory, workspace: Workspace) -> None:
        self._plan = plan
        self._memory = memory
        self._workspace = workspace

    def sections(self) -> list[list[PlannedStep]]:
        """The steps, parted where those before have taken a while."""
        allowance = current_allowance()
        drafts = [self._draft(stage, work) for stage, work in zip(self._plan.stages, self._plan.works, strict=True)]
        allowance.check_time()
        compiled = iter(functions(draft.spec for draft in drafts if draft is not None))
        sections: list[list[PlannedStep]] = [[]]
        calls: list[_PlannedCall] = []
        left = _SECTION_OPERATIONS
        for stage, draft in zip(self._plan.stages, drafts, strict=True):
            allowance.check_time()
            if left <= 0 or draft is None:
                _close(calls, sections[-1])
            if left <= 0:
                sections.append([])
                left = _SECTION_OPERATIONS
            left -= stage.operations
            if draft is None:
                sections[-1].extend(numpy_steps(self._plan, stage, self._memory, self._workspace))
            else:
                spec = draft.spec
                call = Call(next(compiled), draft.arguments, spec.units, draft.parts, spec.scratch_bytes)
                calls.append(_PlannedCall(call, stage.instructions))
        _close(calls, sections[-1])
        return sections

    def _draft(self, stage: Stage, work: Work) -> _Draft | None:
        """The native call of a stage; None where NumPy runs it."""
        address = self._memory.address
        match work:
            case Fused():
                made = assemble(work.group, self._plan, stage.local, work.totals, address)
                return _Draft(*made, work.parts)
            case Combination():
                made = assemble_combination(work.op, work.partial, work.total, work.parts, self._plan, address)
                return _Draft(*made, 1)
            case Single(kernel=None):
                return None
            case Single(instruction, NativeKernel() as kernel):
                layouts = [self._plan.layouts[name] for name in (*instruction.operands, *instruction.results)]
                addresses = [self._memory.address(layout.root, layout.offset) for layout in layouts]
                return _Draft(kernel.spec, (*kernel.functions, *addresses), kernel.parts)
            case _:
                raise AssertionError("a stage is one of these")


class _PlannedCall(NamedTuple):
    """A call, and what it computes."""

    call: Call
    instructions: Sequence[Instruction]


def _close(calls: list[_PlannedCall], steps: list[PlannedStep]) -> None:
    """Make a program of the calls that have come together."""
    if calls:
        steps.append(_program(calls))
        calls.clear()


def _program(calls: Sequence[_PlannedCall]) -> PlannedStep:
    program = NativeProgram([item.call for item in calls], process_team())
    instructions = [instruction for item in calls for instruction in item.instructions]
    if len(calls) == 1:
        return PlannedStep(program.run, instructions)
    return PlannedStep(program.run, instructions, partial(_each_alone, tuple(calls)))


def _each_alone(calls: Sequence[_PlannedCall]) -> list[PlannedStep]:
    return [_program([call]) for call in calls]
