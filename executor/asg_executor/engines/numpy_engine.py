"""The `numpy` engine: the readable reference, complete, and planned.

Compiling lays every value out in one arena and turns each instruction into a step, a NumPy function bound to its
arrays. A call copies the inputs in, runs the steps, and copies the outputs out; nothing is decided on the way.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import product
from math import prod
from time import perf_counter_ns

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.engines.engine import TimeRecorder
from asg_executor.engines.memory import Memory
from asg_executor.errors import InterfaceError, MemoryLimitError, RunError
from asg_executor.kernels.kernel import Step
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.memory_budget import MemoryClaim
from asg_executor.plan.arrays import Array, array_type, concrete_shape, dtype_of, numpy_dtype
from asg_executor.plan.binding import bind_shape
from asg_executor.plan.lowering import lower
from asg_executor.plan.overlaps import Overlaps
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.planning import make_plan
from asg_executor.plan.program import Instruction
from asg_executor.plan.simplification import simplify
from asg_executor.plan.traits import can_fail
from asg_schema.document import Document
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.op import Op
from asg_schema.tensor_type import TensorType
from asg_schema.traversal import prune
from asg_schema.wire import nearest

__all__ = ["NumpyEngine", "NumpyExecutable"]

_STEP_BYTES = 4096  # about what the objects of one instruction and its step take
_STEP_OPERATIONS = 1000  # about as many operations take as long as one call of a step
_SECTION_OPERATIONS = 1_000_000  # about a millisecond
_MOST_FOLDING_BYTES = 256 * 1024 * 1024  # of scratch memory, for what is computed while planning


class NumpyEngine:
    """Runs documents with NumPy and SciPy."""

    name = "numpy"

    def plan(
        self,
        document: Document,
        symbols: Mapping[str, int],
        *,
        bound: Mapping[str, Array] | None = None,
        destinations: Mapping[str, Array] | None = None,
        outputs: Sequence[str] | None = None,
    ) -> Plan:
        """How a document would run, and what memory that takes, before any is taken. See `Engine.compile`."""
        bound, destinations = bound or {}, destinations or {}
        if outputs is not None:
            _refuse_unknown("output", outputs, [output.name for output in document.outputs])
            document = prune(document, outputs)
        _check_arrays(document, symbols, bound, destinations)
        return make_plan(simplify(lower(document, symbols, KERNELS), _evaluate), bound, destinations)

    def compile(
        self,
        document: Document,
        symbols: Mapping[str, int],
        *,
        bound: Mapping[str, Array] | None = None,
        destinations: Mapping[str, Array] | None = None,
        outputs: Sequence[str] | None = None,
        memory_limit: int | None = None,
    ) -> "NumpyExecutable":
        """See `asg_executor.engines.engine.Engine.compile`."""
        with garbage_collection_paused():
            return self._compile(document, symbols, bound or {}, destinations or {}, outputs, memory_limit)

    def _compile(
        self,
        document: Document,
        symbols: Mapping[str, int],
        bound: Mapping[str, Array],
        destinations: Mapping[str, Array],
        outputs: Sequence[str] | None,
        memory_limit: int | None,
    ) -> "NumpyExecutable":
        plan = self.plan(document, symbols, bound=bound, destinations=destinations, outputs=outputs)
        needed = plan.peak_bytes + plan.answer_bytes
        if memory_limit is not None and needed > memory_limit:
            raise MemoryLimitError(
                f'document "{document.name}" takes {needed:,} bytes for these shapes; the limit is {memory_limit:,}'
            )
        allowance = current_allowance()
        allowance.check_operations(f'document "{document.name}"', plan.operations)
        claim = allowance.claim_memory(f'the compiled document "{document.name}"', plan.peak_bytes)
        workspace = Workspace(None if memory_limit is None else memory_limit - needed, claim.grow)
        return NumpyExecutable(plan, bound, destinations, workspace, claim)


class NumpyExecutable:
    """See `asg_executor.engines.engine.Executable`. Its calls share buffers: one thread at a time may call it.

    Attributes:
        sections: the steps of a call, in order; between two sections it looks at the time.
    """

    def __init__(
        self,
        plan: Plan,
        bound: Mapping[str, Array],
        destinations: Mapping[str, Array],
        workspace: Workspace,
        claim: MemoryClaim,
    ) -> None:
        self.plan = plan
        self._claim = claim
        types = plan.program.types
        self.inputs: Mapping[str, TensorType] = {name: types[name] for name in plan.inputs if name not in bound}
        memory = Memory(plan, bound, destinations)
        self._buffers = [
            (name, memory.array(name), concrete_shape(types[name]), numpy_dtype(types[name].dtype))
            for name in self.inputs
        ]
        # A bound array that is not contiguous is copied in at each call.
        self._loads = [partial(np.copyto, memory.array(name), bound[name]) for name in plan.inputs if name in bound]
        self.sections = _sections(plan, memory, workspace)
        self._returned = [(name, memory.array(value)) for name, value in plan.returned.items()]
        self._stores = _stores(plan, memory, destinations, workspace)
        steps = _STEP_BYTES * sum(map(len, self.sections))
        claim.grow(steps)
        self.held_bytes = plan.peak_bytes + workspace.size + steps

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See `asg_executor.engines.engine.Executable`."""
        for name, buffer, shape, dtype in self._buffers:
            array = inputs.get(name)
            if array is None or array.shape != shape or array.dtype != dtype:
                raise _unfit(name, self.inputs[name], array)
            np.copyto(buffer, array)
        allowance = current_allowance()
        try:
            with np.errstate(all="ignore"):
                for load in self._loads:
                    load()
                for section in self.sections:
                    allowance.check_time()
                    for step in section:
                        step()
                results = {name: array.copy() for name, array in self._returned}
                for store in self._stores:
                    store()
        except MemoryError as error:
            raise MemoryLimitError(f"a step needs more memory than this machine can provide: {error}") from None
        return results

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
        steps = list(_stage_steps(plan, stage, memory, workspace))
        each = _STEP_OPERATIONS + stage.operations // max(len(steps), 1)
        for step in steps:
            if left <= 0:
                sections.append([])
                left = _SECTION_OPERATIONS
            sections[-1].append(step)
            left -= each
    return sections


def _stage_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[Step]:
    if stage.shape is not None:
        yield from _tile_steps(plan, stage, memory, workspace)
        return
    for instruction in stage.instructions:
        workspace.reset(_name(instruction.origin))
        operands = [memory.array(reference) for reference in instruction.operands]
        results = [memory.array(reference) for reference in instruction.results]
        yield _step(instruction, operands, results, workspace)


def _step(instruction: Instruction, operands: Sequence[Array], results: Sequence[Array], workspace: Workspace) -> Step:
    """The kernel's step; where it may fail, one whose error names the document's node."""
    step = KERNELS[type(instruction.op)](instruction.op, operands, results, workspace)
    if instruction.op is instruction.origin or not can_fail(instruction.op):
        return step
    return partial(_run_for, instruction.origin, step)


def _run_for(origin: Op, step: Step) -> None:
    try:
        step()
    except RunError as error:
        raise error.within(origin.id, origin.name) from None


def _name(node: Op) -> str:
    return f'node "{node.id}" ({node.name})'


def _tile_steps(plan: Plan, stage: Stage, memory: Memory, workspace: Workspace) -> Iterator[Step]:
    """For every tile all instructions: what one leaves in the cache the next one reads."""
    assert stage.shape is not None, "only a stage that runs tile by tile has tiles"
    instructions = [(item, concrete_shape(plan.program.types[item.results[0]])) for item in stage.instructions]
    for begin in product(*_tile_begins(stage.shape, stage.block)):
        for item, shape in instructions:
            workspace.reset(_name(item.origin))
            operands = [memory.tile(reference, shape, stage, begin) for reference in item.operands]
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
