"""`PlannedExecutable`: a plan with its memory and its steps."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns
from typing import TypeAlias

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.engines.engine import TimeRecorder
from asg_executor.engines.interface_checks import unfit
from asg_executor.engines.memory import Memory
from asg_executor.errors import MemoryLimitError
from asg_executor.kernels.kernel import Step
from asg_executor.kernels.workspace import Workspace
from asg_executor.memory_budget import MemoryClaim
from asg_executor.plan.arrays import Array, concrete_shape, numpy_dtype
from asg_executor.plan.overlaps import Overlaps
from asg_executor.plan.plan import Plan
from asg_executor.plan.program import Instruction
from asg_schema.tensor_type import TensorType

__all__ = ["PlannedExecutable", "PlannedStep", "Sections"]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """A piece of a call.

    Attributes:
        run: does it.
        instructions: what it computes.
        apart: makes steps that do the same one after another, for measuring; absent: it is one piece.
        warns: whether NumPy computes it, and warns of what is not finite.
        run_noted: does it, and appends to a list, as one; see `Executable.run_noted`. Absent: it cannot be done so.
    """

    run: Step
    instructions: Sequence[Instruction]
    apart: "Callable[[], Sequence[PlannedStep]] | None" = None
    warns: bool = True
    run_noted: Callable[[list[None]], None] | None = None


Sections: TypeAlias = Sequence[Sequence[PlannedStep]]
"""The steps of a call, in order; between two sections it looks at the time."""

_AS_IT_IS = nullcontext()
_STEP_BYTES = 4096  # about what the objects of one instruction and its step take


class PlannedExecutable:
    """See `asg_executor.engines.engine.Executable`. Its calls share buffers: one thread at a time may call it.

    Attributes:
        sections: the steps of a call.
        run_noted: see `Executable`.
    """

    def __init__(
        self,
        plan: Plan,
        bound: Mapping[str, Array],
        destinations: Mapping[str, Array],
        workspace: Workspace,
        claim: MemoryClaim,
        make_sections: Callable[[Memory], Sections],
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
        self._memory = memory  # native code knows its addresses alone
        self._planned = make_sections(memory)
        self.sections = [[step.run for step in section] for section in self._planned]
        self._warns = any(step.warns for section in self._planned for step in section)
        self._returned = [(name, memory.array(value)) for name, value in plan.returned.items()]
        self._stores = _stores(plan, memory, destinations, workspace)
        steps = _STEP_BYTES * sum(map(len, self.sections))
        self.run_noted = self._noted()
        claim.grow(steps)
        self.held_bytes = plan.peak_bytes + workspace.size + steps

    def _noted(self) -> Callable[[list[None]], None] | None:
        """What runs its one step, where a call does nothing else."""
        whole = [step for section in self._planned for step in section]
        others = (self._buffers, self._loads, self._returned, self._stores)
        return whole[0].run_noted if len(whole) == 1 and not any(others) else None

    def __call__(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """See `asg_executor.engines.engine.Executable`."""
        for name, buffer, shape, dtype in self._buffers:
            array = inputs.get(name)
            if array is None or array.shape != shape or array.dtype != dtype:
                raise unfit(name, self.inputs[name], array)
            buffer[...] = array
        allowance = current_allowance()
        try:
            with np.errstate(all="ignore") if self._warns else _AS_IT_IS:
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
        apart = [
            [piece for step in section for piece in ([step] if step.apart is None else step.apart())]
            for section in self._planned
        ]
        self.sections = [[partial(_recorded, step, record) for step in section] for section in apart]
        self.run_noted = None  # what is not called is not told


def _recorded(step: PlannedStep, record: TimeRecorder) -> None:
    start = perf_counter_ns()
    step.run()
    record(step.instructions, perf_counter_ns() - start)


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
