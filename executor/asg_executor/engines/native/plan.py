"""`NativePlan`: a plan whose stages are fused kernels, other native kernels, or NumPy's."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import TypeAlias

from asg_executor.engines.native.epilogues import as_epilogue, pair_epilogues, result_memory
from asg_executor.engines.native.fused.grouping import Group, Role, fuse
from asg_executor.engines.native.fused.passes import operation_weight
from asg_executor.engines.native.kernel_table import NativeKernel, Operand, parts_for
from asg_executor.engines.native.kernels import NATIVE_KERNELS
from asg_executor.engines.native.matmul.spec import MatmulSpec
from asg_executor.plan.arrays import Array, concrete_shape
from asg_executor.plan.cost import operations
from asg_executor.plan.layout import Layout, contiguous, element_count
from asg_executor.plan.plan import Plan, Stage
from asg_executor.plan.planning import find_layouts, finish_plan
from asg_executor.plan.program import Instruction, Program
from asg_executor.plan.traits import updates_first_operand
from asg_schema.dtype import DType
from asg_schema.tensor_type import TensorType

__all__ = ["Combination", "Fused", "NativePlan", "Product", "Single", "Work", "make_native_plan"]


@dataclass(frozen=True, slots=True, eq=False)
class Fused:
    """A fused kernel.

    Attributes:
        group: what it computes.
        parts: into how many parts its units are divided.
        totals: for each total, the root into which each part writes a row of its own; or the total itself.
    """

    group: Group
    parts: int
    totals: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """What the parts of a fused kernel have found, combined.

    Attributes:
        op: sum, prod, max or min.
        partial: the root in which each part has a row.
        total: the root for the combined row.
        parts: how many rows there are.
    """

    op: str
    partial: str
    total: str
    parts: int


@dataclass(frozen=True, slots=True, eq=False)
class Single:
    """One instruction; with its NumPy kernel where it has no native ones."""

    instruction: Instruction
    kernels: Sequence[NativeKernel]


@dataclass(frozen=True, slots=True, eq=False)
class Product:
    """Matrix products with an epilogue.

    Attributes:
        instruction: the products.
        kernel: their kernel, as it is without the epilogue.
        spec: the kernel's spec.
        group: what the epilogue computes.
        target: the root in whose memory the products are computed: their result's, or one that the epilogue writes.
    """

    instruction: Instruction
    kernel: NativeKernel
    spec: MatmulSpec
    group: Group
    target: str


Work: TypeAlias = Fused | Combination | Single | Product


@dataclass(frozen=True, slots=True, eq=False)
class NativePlan(Plan):
    """See `Plan`.

    Attributes:
        works: what each stage is.
        threads: into how many parts the work of a kernel is divided at most.
    """

    works: Sequence[Work] = ()
    threads: int = 1


def make_native_plan(
    program: Program, bound: Mapping[str, Array], destinations: Mapping[str, Array], threads: int
) -> NativePlan:
    """Decide order, views, fusion and memory.

    Args:
        program: a simplified program. Types of values that pass between kernels are added to it.
        bound: see `asg_executor.plan.planning.make_plan`.
        destinations: see there.
        threads: into how many parts the work of a kernel is divided at most.
    """
    found = find_layouts(program)
    pinned = {found.of[program.outputs[name]].root for name in destinations}
    groups = fuse(found.computed, program.types, found.of, pinned, found.walls)
    staging = _Staging(program, found.of, groups, threads, pinned)
    staging.run()
    plan = finish_plan(program, staging.stages, found.of, bound, destinations)
    inherited = {item.name: getattr(plan, item.name) for item in fields(plan)}
    return NativePlan(**inherited, works=staging.works, threads=threads)


class _Staging:
    """Turns groups into stages."""

    def __init__(
        self,
        program: Program,
        layouts: dict[str, Layout],
        groups: Sequence[Group],
        threads: int,
        pinned: Collection[str],
    ) -> None:
        self.program = program
        self.layouts = layouts
        self.groups = groups
        self.threads = threads
        self.pinned = pinned
        self.stages: list[Stage] = []
        self.works: list[Work] = []
        self.outputs = {layouts[reference].root for reference in program.outputs.values()}
        self.readers = Counter(root for group in groups for root in group.reads - group.roles.keys())
        self.outside = self.outputs | self.readers.keys()

    def run(self) -> None:
        """Fill in the stages and works."""
        products = self._products()
        joined = {id(product.instruction) for product in products.values()}
        for number, group in enumerate(self.groups):
            if number in products:
                self._add_product(products[number])
            elif group.domain is not None:
                self._add_fused(group)
            elif id(group.instructions[0]) not in joined:
                self._add_single(group.instructions[0])

    def _products(self) -> dict[int, Product]:
        """The products that have an epilogue, by the number of the group that is the epilogue."""
        found: dict[int, Product] = {}
        for first, second in pair_epilogues(self.groups, self.program.types):
            product = self._product(self.groups[first].instructions[0], self.groups[second])
            if product is not None:
                found[second] = product
        return found

    def _product(self, instruction: Instruction, epilogue: Group) -> Product | None:
        """A product with an epilogue; None where each is better off alone."""
        kernels = self._native_kernels(instruction)
        group = as_epilogue(epilogue, instruction.results[0], self.program.types)
        if group is None or len(kernels) != 1:
            return None
        (kernel,) = kernels
        if not isinstance(kernel.spec, MatmulSpec) or kernel.parts < self._parts(epilogue):
            return None
        return Product(instruction, kernel, kernel.spec, group, instruction.results[0])

    def _operations(self, instructions: Sequence[Instruction]) -> int:
        return sum(operations(item, self.program.types) for item in instructions)

    def _add_single(self, instruction: Instruction) -> None:
        kernels = self._native_kernels(instruction)
        in_place = self._updated(instruction) if kernels else None
        operations = self._operations([instruction])
        kernel = "native" if kernels else "numpy"
        stage = Stage((instruction,), operations=operations, in_place=in_place, kernel=kernel)
        self.stages.append(stage)
        self.works.append(Single(instruction, kernels))

    def _add_product(self, product: Product) -> None:
        (result,) = product.instruction.results
        group = product.group
        local = {root for root in group.roles if root not in self.outside}
        operands = {self.layouts[operand].root for operand in product.instruction.operands}
        in_place = {
            root: [other for other in over if other not in operands] for root, over in _in_place(group, local).items()
        }
        target = result
        if self.readers[result] == 1 and result not in self.outputs:
            target = result_memory(result, self.program.types, in_place, self.pinned)
        if target != result:
            local.add(result)
            in_place[target] = []
        instructions = (product.instruction, *group.instructions)
        stage = Stage(
            instructions,
            operations=self._operations(instructions),
            local=frozenset(local),
            in_place={root: [other for other in over if other != result] for root, over in in_place.items()},
            kernel="fused",
        )
        self.stages.append(stage)
        self.works.append(replace(product, target=target))

    def _updated(self, instruction: Instruction) -> dict[str, list[str]]:
        """For the result of an op that changes some elements of its first operand that operand's root, if it may."""
        if not updates_first_operand(instruction.op):
            return {}
        (result,) = instruction.results
        first, *others = (self.layouts[operand] for operand in instruction.operands)
        whole = first._replace(root=result) == self.layouts[result]
        apart = all(other.root != first.root for other in others)
        return {result: [first.root]} if whole and apart else {}

    def _native_kernels(self, instruction: Instruction) -> Sequence[NativeKernel]:
        rule = NATIVE_KERNELS.get(type(instruction.op))
        if rule is None:
            return ()
        types = self.program.types
        operands = [Operand(self.layouts[name], types[name].dtype) for name in instruction.operands]
        results = [Operand(self.layouts[name], types[name].dtype) for name in instruction.results]
        if any(0 in item.layout.shape for item in (*operands, *results)):
            return ()
        return rule(instruction.op, operands, results, self.threads)

    def _add_fused(self, group: Group) -> None:
        parts = self._parts(group)
        totals: dict[str, str] = {}
        combinations: list[tuple[Combination, Instruction]] = []
        instructions: list[Instruction] = []
        for member in group.members:
            instruction = member.instruction
            if member.role is Role.TOTAL:
                (total,) = instruction.results
                partial = self._partial(group, total, parts)
                totals[total] = partial
                if partial != total:
                    combination = Combination(instruction.op.name, partial, total, parts)
                    combinations.append((combination, replace(instruction, operands=(partial,))))
                    instruction = replace(instruction, results=(partial,))
            instructions.append(instruction)
        local = {root for root, role in group.roles.items() if role is not Role.TOTAL and root not in self.outside}
        stage = Stage(
            tuple(instructions),
            operations=self._operations(group.instructions),
            local=frozenset(local),
            in_place=_in_place(group, local),
            kernel="fused",
        )
        self.stages.append(stage)
        self.works.append(Fused(group, parts, totals))
        for combination, instruction in combinations:
            self.stages.append(Stage((instruction,), in_place={}, kernel="combination"))
            self.works.append(combination)

    def _parts(self, group: Group) -> int:
        work = 0
        for member in group.members:
            per_unit = member.role is Role.UNIT and not member.reduces
            size = element_count(group.unit_shape) if per_unit else group.size
            work += operation_weight(member.instruction.op.name) * size
        units = group.size if group.row is None else element_count(group.unit_shape)
        return parts_for(work, units, self.threads)

    def _partial(self, group: Group, total: str, parts: int) -> str:
        """The root into which the parts write what they find for a total."""
        type = self.program.types[total]
        whole = element_count(concrete_shape(type)) == 1
        dtype = _accumulator(type.dtype, whole=whole)
        if parts == 1 and dtype is type.dtype:
            return total
        name = f"{total} of each part"
        shape = (parts, element_count(concrete_shape(type)))
        self.program.types[name] = TensorType(dtype, shape)
        self.layouts[name] = contiguous(name, shape)
        return name


def _accumulator(dtype: DType, *, whole: bool) -> DType:
    """In which dtype parts accumulate.

    A sum over everything is of so many numbers that single precision would lose digits; it costs one addition a row.
    """
    if dtype in (DType.FLOAT16, DType.BFLOAT16):
        return DType.FLOAT32
    return DType.FLOAT64 if whole and dtype is DType.FLOAT32 else dtype


def _in_place(group: Group, local: set[str]) -> dict[str, list[str]]:
    """For each result the roots over which it may be computed: each unit reads of them what it writes, nothing else."""
    readers: dict[str, set[Role | None]] = {}
    for member in group.members:
        reading = Role.ELEMENT if member.reduces else member.role
        for layout in member.operands:
            if layout.root not in group.roles:
                readers.setdefault(layout.root, set()).add(reading if group.reads_alike(layout, reading) else None)
    return {
        result: [root for root, roles in readers.items() if roles == {role}]
        for result, role in group.roles.items()
        if role is not Role.TOTAL and result not in local
    }
