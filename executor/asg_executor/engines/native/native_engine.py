"""The `native` engine: kernels that LLVM compiles for this processor, called without Python in between."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
from typing_extensions import override

from asg_executor.allowance import current_allowance
from asg_executor.engines.executable import PlannedStep, Sections
from asg_executor.engines.memory import Memory
from asg_executor.engines.native.fused.assembly import assemble, assemble_combination
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.kernel_table import NativeKernel
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.plan import Combination, Fused, NativePlan, Single, Work, make_native_plan
from asg_executor.engines.native.program import Call, Follows, NativeProgram
from asg_executor.engines.native.team import default_threads, process_team
from asg_executor.engines.numpy_engine import numpy_steps
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.kernels.kernel import Step
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.program import Instruction, Program
from asg_executor.plan.traits import can_fail

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


class _PlannedCall(NamedTuple):
    """A call, and what it computes."""

    call: Call
    instructions: Sequence[Instruction]


class _Assembler:
    """Turns the stages of a plan into steps: native programs, and between them those of nodes that run with NumPy."""

    def __init__(self, plan: NativePlan, memory: Memory, workspace: Workspace) -> None:
        self._plan = plan
        self._memory = memory
        self._workspace = workspace
        self._failure = np.zeros(1, np.int64)  # what a kernel sets that fails

    def sections(self) -> list[list[PlannedStep]]:
        """The steps, parted where those before have taken a while."""
        allowance = current_allowance()
        drafts = [self._drafts(stage, work) for stage, work in zip(self._plan.stages, self._plan.works, strict=True)]
        allowance.check_time()
        compiled = iter(functions(draft.spec for together in drafts for draft in together))
        sections: list[list[PlannedStep]] = [[]]
        calls: list[_PlannedCall] = []
        left = _SECTION_OPERATIONS
        for stage, together in zip(self._plan.stages, drafts, strict=True):
            allowance.check_time()
            if left <= 0:
                self._close(calls, sections[-1])
                sections.append([])
                left = _SECTION_OPERATIONS
            left -= stage.operations
            shared = any(draft.parts > 1 for draft in together)  # else one thread is done before another is awake
            for draft in together:
                spec, follows = draft.spec, Follows.NOTHING if shared and draft is not together[0] else Follows.ALL
                call = Call(next(compiled), draft.arguments, spec.units, draft.parts, spec.scratch_bytes, follows)
                calls.append(_PlannedCall(call, stage.instructions if draft is together[0] else ()))
            if not together or any(can_fail(item.op) for item in stage.instructions):
                self._close(calls, sections[-1])
                sections[-1].extend(self._numpy_steps(stage, native=bool(together)))
        self._close(calls, sections[-1])
        return sections

    def _close(self, calls: list[_PlannedCall], steps: list[PlannedStep]) -> None:
        """Make a program of the calls that have come together."""
        if calls:
            program = _program(calls, self._plan.threads)
            self._workspace.count(program.held_bytes)
            steps.append(_step(program, tuple(calls), self._plan.threads))
            calls.clear()

    def _drafts(self, stage: Stage, work: Work) -> list[_Draft]:
        """The native calls of a stage; none where NumPy runs it."""
        address = self._memory.address
        match work:
            case Fused():
                made = assemble(work.group, self._plan, stage.local, work.totals, address)
                return [_Draft(*made, work.parts)]
            case Combination():
                made = assemble_combination(work.op, work.partial, work.total, work.parts, self._plan, address)
                return [_Draft(*made, 1)]
            case Single():
                return [self._single(work.instruction, kernel) for kernel in work.kernels]

    def _single(self, instruction: Instruction, kernel: NativeKernel) -> _Draft:
        layouts = [self._plan.layouts[name] for name in (*instruction.operands, *instruction.results)]
        seen = [(layouts[argument.place], argument.offset) for argument in kernel.arguments]
        addresses = [self._memory.address(layout.root, layout.offset + offset) for layout, offset in seen]
        return _Draft(kernel.spec, (*addresses, self._failure.ctypes.data), kernel.parts)

    def _numpy_steps(self, stage: Stage, *, native: bool) -> Iterator[PlannedStep]:
        """The steps of a stage with NumPy; after a native kernel that may have failed, only if it has."""
        for step in numpy_steps(self._plan, stage, self._memory, self._workspace):
            yield replace(step, run=partial(self._explain, step.run), warns=False) if native else step

    def _explain(self, step: Step) -> None:
        """Run the NumPy kernel, whose error says why the native one has failed."""
        if self._failure[0]:
            self._failure[0] = 0
            with np.errstate(all="ignore"):
                step()


def _program(calls: Sequence[_PlannedCall], threads: int) -> NativeProgram:
    return NativeProgram([item.call for item in calls], process_team(), threads)


def _step(program: NativeProgram, calls: Sequence[_PlannedCall], threads: int) -> PlannedStep:
    instructions = [instruction for item in calls for instruction in item.instructions]
    apart = partial(_each_alone, calls, threads) if len(calls) > 1 else None
    return PlannedStep(program.run, instructions, apart, warns=False)


def _each_alone(calls: Sequence[_PlannedCall], threads: int) -> list[PlannedStep]:
    return [_step(_program([call], threads), [call], threads) for call in calls]
