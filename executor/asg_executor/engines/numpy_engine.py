"""The `numpy` engine: the readable reference, complete, and planned.

Compiling lays every value out in one arena and turns each instruction into a step, a NumPy function bound to its
arrays. A call copies the inputs in, runs the steps, and copies the outputs out; nothing is decided on the way.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod
from time import perf_counter_ns

from typing_extensions import override

from asg_executor.allowance import current_allowance
<<<<<<< HEAD
from asg_executor.engines.engine import TimeRecorder
=======
from asg_executor.engines.evaluation import node_name, numpy_step
from asg_executor.engines.executable import Sections
>>>>>>> fb6c656 (wip native engine)
from asg_executor.engines.memory import Memory
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.kernels.kernel import Step
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

    def record_times(self, record: TimeRecorder) -> None:
        """See `asg_executor.engines.engine.Executable`."""
        instructions = _stepwise(self.plan)
        self.sections = [
            [partial(_recorded, step, (next(instructions),), record) for step in section] for section in self.sections
        ]


def _stepwise(plan: Plan) -> Iterator[Instruction]:
    """The instruction of each step, in the order in which `_sections` makes them."""
    for stage in plan.stages:
        for _ in range(1 if stage.shape is None else prod(map(len, _tile_begins(stage.shape, stage.block)))):
            yield from stage.instructions


def _recorded(step: Step, instructions: Sequence[Instruction], record: TimeRecorder) -> None:
    start = perf_counter_ns()
    step()
    record(instructions, perf_counter_ns() - start)


def _sections(plan: Plan, memory: Memory, workspace: Workspace) -> list[list[Step]]:
    """The steps in order, parted where those before have taken a while."""
    allowance = current_allowance()
    sections: list[list[Step]] = []
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


def numpy_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[Step]:
    """The steps of a stage, each instruction with its NumPy kernel."""
    if stage.shape is not None:
        yield from _tile_steps(plan, stage, memory, workspace)
        return
    for instruction in stage.instructions:
        workspace.reset(node_name(instruction.origin))
        operands = [memory.array(reference) for reference in instruction.operands]
        results = [memory.array(reference) for reference in instruction.results]
        yield numpy_step(instruction, operands, results, workspace)


def _tile_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[Step]:
    """For every tile all instructions: what one leaves in the cache the next one reads."""
    assert stage.shape is not None, "only a stage that runs tile by tile has tiles"
    instructions = [(item, concrete_shape(plan.program.types[item.results[0]])) for item in stage.instructions]
    for begin in product(*_tile_begins(stage.shape, stage.block)):
        for item, shape in instructions:
            workspace.reset(node_name(item.origin))
            operands = [memory.tile(reference, shape, stage, begin) for reference in item.operands]
<<<<<<< HEAD
            yield _step(item, operands, [memory.tile(item.results[0], shape, stage, begin)], workspace)


def _tile_begins(shape: tuple[int, ...], block: tuple[int, ...]) -> list[range]:
    """Where tiles begin along each axis."""
    return [range(0, size, side) for size, side in zip(shape, block, strict=True)]


def _stores(plan: Plan, memory: Memory, destinations: Mapping[str, Array], workspace: Workspace) -> list[Step]:
    """The copies into destinations. What stands in a bound array is set aside first: another may overwrite it."""
    aside: list[Step] = []
    stores: list[Step] = []
    overlaps = Overlaps(destinations)
    workspace.reset("setting outputs aside")
    for name, value in plan.written.items():
        source = memory.array(value)
        if overlaps.of(source):
            kept = workspace.empty(source.shape, source.dtype)
            aside.append(partial(np.copyto, kept, source))
            source = kept
        stores.append(partial(np.copyto, destinations[name], source))
    return aside + stores


def _evaluate(instruction: Instruction, arrays: Sequence[Array], types: Sequence[TensorType]) -> tuple[Array, ...]:
    """Compute an instruction once, for planning."""
    results = tuple(np.empty(concrete_shape(type), numpy_dtype(type.dtype)) for type in types)
    step = _step(instruction, arrays, results, Workspace(_MOST_FOLDING_BYTES))
    with np.errstate(all="ignore"):
        step()
    return results


def _check_arrays(
    document: Document, symbols: Mapping[str, int], bound: Mapping[str, Array], destinations: Mapping[str, Array]
) -> None:
    sources = {item.id: item.type for item in (*document.inputs, *document.parameters)}
    outputs = {output.name: document.types[output.value] for output in document.outputs}
    for kind, arrays, declared in (
        ("input or parameter", bound, sources),
        ("output", destinations, outputs),
    ):
        _refuse_unknown(kind, arrays, declared)
        for name, array in arrays.items():
            wanted = bind_shape(f'{kind} "{name}"', declared[name], symbols)
            if dtype_of(array) is not wanted.dtype or array.shape != wanted.shape:
                raise InterfaceError(f'{kind} "{name}" is {wanted}; the array given for it is {array_type(array)}')
    for name, array in destinations.items():
        if not array.flags.writeable:
            raise InterfaceError(f'the destination of output "{name}" is a read-only array')


def _refuse_unknown(kind: str, names: Iterable[str], declared: Collection[str]) -> None:
    for name in names:
        if name not in declared:
            raise InterfaceError(f'the document has no {kind} "{name}"{nearest(name, declared)}')


def _unfit(name: str, wanted: TensorType, array: Array | None) -> InterfaceError:
    if array is None:
        return InterfaceError(f'input "{name}" is missing; {wanted} is needed')
    return InterfaceError(f'input "{name}" is {array_type(array)}; {wanted} is needed')
=======
            yield numpy_step(item, operands, [memory.tile(item.results[0], shape, stage, begin)], workspace)
>>>>>>> fb6c656 (wip native engine)
