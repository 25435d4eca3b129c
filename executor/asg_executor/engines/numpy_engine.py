"""The `numpy` engine: the readable reference, complete, and planned.

Compiling lays every value out in one arena and turns each instruction into a step, a NumPy function bound to its
arrays. A call copies the inputs in, runs the steps, and copies the outputs out; nothing is decided on the way.
"""

from collections.abc import Iterator, Mapping
from itertools import product

from typing_extensions import override

from asg_executor.allowance import current_allowance
from asg_executor.engines.evaluation import node_name, numpy_step
from asg_executor.engines.executable import PlannedStep, Sections
from asg_executor.engines.memory import Memory
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array, concrete_shape
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.planning import make_plan
from asg_executor.plan.program import Program

__all__ = ["NumpyEngine", "numpy_steps"]

_STEP_OPERATIONS = 1000  # about as many operations take as long as one call of a step
_SECTION_OPERATIONS = 1_000_000  # about a millisecond


class NumpyEngine(PlannedEngine):
    """Runs documents with NumPy and SciPy."""

    name = "numpy"

    @override
    def make_plan(self, program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> Plan:
        return make_plan(program, bound, destinations)

    @override
    def make_sections(self, plan: Plan, memory: Memory, workspace: Workspace) -> Sections:
        return _sections(plan, memory, workspace)


def _sections(plan: Plan, memory: Memory, workspace: Workspace) -> list[list[PlannedStep]]:
    """The steps in order, parted where those before have taken a while."""
    allowance = current_allowance()
    sections: list[list[PlannedStep]] = []
    left = 0
    for stage in plan.stages:
        allowance.check_time()
        steps = list(numpy_steps(plan, stage, memory, workspace))
        each = _STEP_OPERATIONS + stage.operations // max(len(steps), 1)
        for step in steps:
            if left <= 0:
                sections.append([])
                left = _SECTION_OPERATIONS
            sections[-1].append(step)
            left -= each
    return sections


def numpy_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[PlannedStep]:
    """The steps of a stage, each instruction with its NumPy kernel."""
    if stage.shape is not None:
        yield from _tile_steps(plan, stage, memory, workspace)
        return
    for instruction in stage.instructions:
        workspace.reset(node_name(instruction.origin))
        operands = [memory.array(reference) for reference in instruction.operands]
        results = [memory.array(reference) for reference in instruction.results]
        yield PlannedStep(numpy_step(instruction, operands, results, workspace), (instruction,))


def _tile_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[PlannedStep]:
    """For every tile all instructions: what one leaves in the cache the next one reads."""
    assert stage.shape is not None, "only a stage that runs tile by tile has tiles"
    instructions = [(item, concrete_shape(plan.program.types[item.results[0]])) for item in stage.instructions]
    for begin in product(*(range(0, size, block) for size, block in zip(stage.shape, stage.block, strict=True))):
        for item, shape in instructions:
            workspace.reset(node_name(item.origin))
            operands = [memory.tile(reference, shape, stage, begin) for reference in item.operands]
            results = [memory.tile(item.results[0], shape, stage, begin)]
            yield PlannedStep(numpy_step(item, operands, results, workspace), (item,))
