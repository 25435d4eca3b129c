"""`PlannedEngine`: what engines share that run a plan."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from asg_executor.allowance import current_allowance
from asg_executor.engines.evaluation import evaluate
from asg_executor.engines.executable import PlannedExecutable, Sections
from asg_executor.engines.interface_checks import check_arrays, refuse_unknown
from asg_executor.engines.memory import Memory
from asg_executor.errors import MemoryLimitError
from asg_executor.kernels.table import KERNELS
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_executor.plan.contractions import narrow_contractions
from asg_executor.plan.lowering import lower
from asg_executor.plan.plan import Plan
from asg_executor.plan.program import Program
from asg_executor.plan.simplification import simplify
from asg_schema.document import Document
from asg_schema.dtype import DType
from asg_schema.garbage_collection import garbage_collection_paused
from asg_schema.traversal import prune

__all__ = ["PlannedEngine"]


class PlannedEngine(ABC):
    """An engine that lays every value out in one arena and turns instructions into steps. See `Engine`."""

    name: ClassVar[str]

    @abstractmethod
    def make_plan(self, program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array]) -> Plan:
        """Decide order, views and memory of a simplified program. See `asg_executor.plan.planning.make_plan`."""

    @abstractmethod
    def make_sections(self, plan: Plan, memory: Memory, workspace: Workspace) -> Sections:
        """The steps of a plan of this engine.

        Args:
            plan: what `make_plan` made.
            memory: where its values stand.
            workspace: scratch memory for kernels.
        """

    def plan(
        self,
        document: Document,
        symbols: Mapping[str, int],
        *,
        bound: Mapping[str, Array] | None = None,
        destinations: Mapping[str, Array] | None = None,
        outputs: Sequence[str] | None = None,
        contraction_dtype: DType | None = None,
    ) -> Plan:
        """How a document would run, and what memory that takes, before any is taken. See `Engine.compile`."""
        bound, destinations = bound or {}, destinations or {}
        if outputs is not None:
            refuse_unknown("output", outputs, [output.name for output in document.outputs])
            document = prune(document, outputs)
        check_arrays(document, symbols, bound, destinations)
        program = lower(document, symbols, KERNELS)
        if contraction_dtype is not None:
            program = narrow_contractions(program, contraction_dtype)
        return self.make_plan(simplify(program, evaluate), bound, destinations)

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
    ) -> "PlannedExecutable":
        """See `asg_executor.engines.engine.Engine.compile`."""
        with garbage_collection_paused():
            bound, destinations = bound or {}, destinations or {}
            plan = self.plan(
                document,
                symbols,
                bound=bound,
                destinations=destinations,
                outputs=outputs,
                contraction_dtype=contraction_dtype,
            )
            return self._executable(document, plan, bound, destinations, memory_limit)

    def _executable(
        self,
        document: Document,
        plan: Plan,
        bound: Mapping[str, Array],
        destinations: Mapping[str, Array],
        memory_limit: int | None,
    ) -> "PlannedExecutable":
        needed = plan.peak_bytes + plan.answer_bytes
        if memory_limit is not None and needed > memory_limit:
            raise MemoryLimitError(
                f'document "{document.name}" takes {needed:,} bytes for these shapes; the limit is {memory_limit:,}'
            )
        allowance = current_allowance()
        allowance.check_operations(f'document "{document.name}"', plan.operations)
        claim = allowance.claim_memory(f'the compiled document "{document.name}"', plan.peak_bytes)
        workspace = Workspace(None if memory_limit is None else memory_limit - needed, claim.grow)
        return PlannedExecutable(
            plan, bound, destinations, workspace, claim, lambda memory: self.make_sections(plan, memory, workspace)
        )

    def copier(self, pairs: Sequence[tuple[Array, Array]]) -> Callable[[], object]:
        """See `asg_executor.engines.engine.Engine.copier`."""

        def copy() -> None:
            for target, source in pairs:
                target[...] = source

        return copy
