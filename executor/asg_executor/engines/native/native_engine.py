"""The `native` engine: kernels that LLVM compiles for this processor, called without Python in between."""

from collections.abc import Callable, Mapping, Sequence

from typing_extensions import override

from asg_executor.engines.executable import Sections
from asg_executor.engines.memory import Memory
from asg_executor.engines.native.copying import copies
from asg_executor.engines.native.plan import NativePlan, make_native_plan
from asg_executor.engines.native.sections import SectionMaker
from asg_executor.engines.native.team import default_threads
from asg_executor.engines.planned_engine import PlannedEngine
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.plan import Plan
from asg_executor.plan.program import Program

__all__ = ["NativeEngine"]


class NativeEngine(PlannedEngine):
    """Runs documents as machine code. A node without a native kernel runs its NumPy kernel."""

    name = "native"

    @override
    def make_plan(self, program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> Plan:
        return make_native_plan(program, bound, destinations, default_threads())

    @override
    def make_sections(self, plan: Plan, memory: Memory, workspace: Workspace) -> Sections:
        assert isinstance(plan, NativePlan), "the plan is this engine's own"
        return SectionMaker(plan, memory, workspace).sections()

    @override
    def copier(self, pairs: Sequence[tuple[Array, Array]]) -> Callable[[], object]:
        return copies(pairs).run
