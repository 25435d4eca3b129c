"""`SectionMaker`: from the stages of a native plan to the steps of a call."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, Protocol

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.engines.executable import PlannedStep
from asg_executor.engines.memory import Memory
from asg_executor.engines.native.fused.assembly import assemble, assemble_combination
from asg_executor.engines.native.kernel_spec import KernelSpec
from asg_executor.engines.native.kernel_table import NativeKernel
from asg_executor.engines.native.object_code import functions
from asg_executor.engines.native.plan import Combination, Fused, NativePlan, Product, Single, Work
from asg_executor.engines.native.program import Call, Follows, NativeProgram
from asg_executor.engines.native.team import process_team
from asg_executor.engines.numpy_engine import numpy_steps
from asg_executor.kernels.kernel import Step
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.plan import Stage
from asg_executor.plan.program import Instruction
from asg_executor.plan.traits import can_fail

__all__ = ["CallsProgram", "Draft", "PlannedCall", "SectionMaker"]

_SECTION_OPERATIONS = 100_000_000  # some ten milliseconds


class CallsProgram(Protocol):
    """Calls that run in order.

    Attributes:
        held_bytes: how much memory the program itself takes, without the arrays and the code.
    """

    held_bytes: int

    def run(self) -> None:
        """Make all calls."""
        ...


class Draft(NamedTuple):
    """A call whose function is not compiled yet."""

    spec: KernelSpec
    arguments: tuple[int, ...]
    parts: int


class PlannedCall(NamedTuple):
    """A call, and what it computes."""

    call: Call
    instructions: Sequence[Instruction]


class SectionMaker:
    """Turns the stages of a plan into steps: native programs, and between them those of nodes that run with NumPy.

    Args:
        plan: the stages.
        memory: where their values stand.
        workspace: scratch memory for NumPy's kernels; what programs take is counted in it.

    Attributes:
        failure: the word that a native kernel sets which fails.
    """

    def __init__(self, plan: NativePlan, memory: Memory, workspace: Workspace) -> None:
        self._plan = plan
        self._memory = memory
        self._workspace = workspace
        self.failure = np.zeros(1, np.int64)

    def sections(self) -> list[list[PlannedStep]]:
        """The steps, parted where those before have taken a while."""
        allowance = current_allowance()
        drafts = [self.drafts(stage, work) for stage, work in zip(self._plan.stages, self._plan.works, strict=True)]
        allowance.check_time()
        compiled = iter(functions(draft.spec for together in drafts for draft in together))
        sections: list[list[PlannedStep]] = [[]]
        calls: list[PlannedCall] = []
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
                calls.append(PlannedCall(call, stage.instructions if draft is together[0] else ()))
            if not together or any(can_fail(item.op) for item in stage.instructions):
                self._close(calls, sections[-1])
                sections[-1].extend(self._numpy_steps(stage, native=bool(together)))
        self._close(calls, sections[-1])
        return sections

    def drafts(self, stage: Stage, work: Work) -> list[Draft]:
        """The native calls of a stage; none where NumPy runs it.

        Args:
            stage: the stage.
            work: what it is.
        """
        address = self._memory.address
        match work:
            case Fused():
                made = assemble(work.group, self._plan, stage.local, work.totals, address)
                return [Draft(*made, work.parts)]
            case Combination():
                made = assemble_combination(work.op, work.partial, work.total, work.parts, self._plan, address)
                return [Draft(*made, 1)]
            case Single():
                return [self._single(work.instruction, kernel) for kernel in work.kernels]
            case Product():
                return [self._product(work, stage.local)]

    def program(self, calls: Sequence[PlannedCall]) -> CallsProgram:
        """What makes some calls, one after another.

        Args:
            calls: the calls.
        """
        return NativeProgram([item.call for item in calls], process_team(), self._plan.threads)

    def _close(self, calls: list[PlannedCall], steps: list[PlannedStep]) -> None:
        """Make a program of the calls that have come together."""
        if calls:
            program = self.program(calls)
            self._workspace.count(program.held_bytes)
            steps.append(self._step(program, tuple(calls)))
            calls.clear()

    def _step(self, program: CallsProgram, calls: Sequence[PlannedCall]) -> PlannedStep:
        instructions = [instruction for item in calls for instruction in item.instructions]
        apart = partial(self._each_alone, calls) if len(calls) > 1 else None
        noted = program.run_noted if isinstance(program, NativeProgram) else None
        return PlannedStep(program.run, instructions, apart, warns=False, run_noted=noted)

    def _each_alone(self, calls: Sequence[PlannedCall]) -> list[PlannedStep]:
        return [self._step(self.program([call]), [call]) for call in calls]

    def _single(self, instruction: Instruction, kernel: NativeKernel) -> Draft:
        addresses = self._addresses(instruction, kernel, self._memory.address)
        return Draft(kernel.spec, (*addresses, self.failure.ctypes.data), kernel.parts)

    def _product(self, work: Product, local: frozenset[str]) -> Draft:
        (result,) = work.instruction.results

        def address(root: str, offset: int = 0) -> int:
            return self._memory.address(work.target if root == result else root, offset)

        epilogue = assemble(work.group, self._plan, local, {}, address)
        arguments = (*self._addresses(work.instruction, work.kernel, address), *epilogue.arguments)
        return Draft(replace(work.spec, epilogue=epilogue.spec), arguments, work.kernel.parts)

    def _addresses(
        self, instruction: Instruction, kernel: NativeKernel, address: Callable[[str, int], int]
    ) -> list[int]:
        """The addresses of a kernel's arguments."""
        layouts = [self._plan.layouts[name] for name in (*instruction.operands, *instruction.results)]
        seen = [(layouts[argument.place], argument.offset) for argument in kernel.arguments]
        return [address(layout.root, layout.offset + offset) for layout, offset in seen]

    def _numpy_steps(self, stage: Stage, *, native: bool) -> Iterator[PlannedStep]:
        """The steps of a stage with NumPy; after a native kernel that may have failed, only if it has."""
        for step in numpy_steps(self._plan, stage, self._memory, self._workspace):
            yield replace(step, run=partial(self._explain, step.run), warns=False) if native else step

    def _explain(self, step: Step) -> None:
        """Run the NumPy kernel, whose error says why the native one has failed."""
        if self.failure[0]:
            self.failure[0] = 0
            with np.errstate(all="ignore"):
                step()
