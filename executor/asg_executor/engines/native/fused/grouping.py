"""Grouping: which instructions one fused kernel computes.

A group has a domain, the shape over which its kernel runs. Its last `row` axes are the row, once a reduction decides
where that begins; its other axes are the units. A member's result has one of three roles: an *element* of the domain, a
value for each *unit*, or a *total* over the units, which is known only when the whole kernel has run.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from math import prod
from typing import NamedTuple

from asg_executor.engines.native.fused.pointwise import is_emitted
from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.grouping import Begun, numbers_apart
from asg_executor.plan.layout import Layout, element_count, natural_strides
from asg_executor.plan.program import Instruction
from asg_executor.plan.traits import is_pointwise
from asg_schema.dtype import DType
from asg_schema.ops.layout import Reshape
from asg_schema.ops.reduction import Max, Min, Prod, Reduction, Sum
from asg_schema.tensor_type import TensorType

__all__ = ["Group", "Member", "Role", "fuse"]

_FARTHEST = 64  # groups: how far back a group to join is looked for, so that planning takes linear time
_MOST_MEMBERS = 96  # so that a kernel takes no longer to compile than several small ones
_SMALL = 4096  # elements: below this a kernel's call takes longer than its work, so that unrelated ones share one
_REDUCTIONS = frozenset({Sum, Prod, Max, Min})


class Role(Enum):
    """What the result of a member is to its group; see the module."""

    ELEMENT = "element"
    UNIT = "unit"
    TOTAL = "total"


class Member(NamedTuple):
    """An instruction of a group.

    Attributes:
        instruction: the instruction.
        role: what its result is.
        operands: how each operand lies in memory, in the shape of the domain, or for a unit's value of the units; of
            the operand of a reduction in the shape of the domain.
        reduces: whether it is a reduction.
    """

    instruction: Instruction
    role: Role
    operands: tuple[Layout, ...]
    reduces: bool


@dataclass(slots=True)
class Group:
    """Instructions that run together: one of any kind, or those that make up a fused kernel.

    Attributes:
        members: what a fused kernel computes, in order; the only one, with no operands, if it is not fused.
        domain: the shape over which the kernel runs; None if it is not fused.
        axes: which axis of the instructions' shapes each axis of the domain is.
        row: how many of the last axes of the domain are the row; None while nothing decides it.
        roles: what the group computes, by reference.
        reads: the roots that it reads.
    """

    members: list[Member]
    domain: tuple[int, ...] | None = None
    axes: tuple[int, ...] = ()
    row: int | None = None
    roles: dict[str, Role] = field(default_factory=dict[str, Role])
    reads: set[str] = field(default_factory=set[str])

    @property
    def instructions(self) -> list[Instruction]:
        """The members' instructions, in order."""
        return [member.instruction for member in self.members]

    @property
    def size(self) -> int:
        """How many elements the domain has."""
        return prod(self.domain or ())

    @property
    def unit_shape(self) -> tuple[int, ...]:
        """The shape of the units, once the row is decided."""
        assert self.domain is not None, "only a fused kernel has a domain"
        return self.domain[: len(self.domain) - (self.row or 0)]

    def reads_alike(self, seen: Layout, role: Role) -> bool:
        """Whether a layout, in the shape of the domain or the units, is that in which results of this role lie."""
        wanted = self.natural() if role is Role.ELEMENT else natural_strides(self.unit_shape)
        return is_seen_as(seen, wanted)

    def natural(self) -> tuple[int, ...]:
        """The strides of an element value along the domain's axes."""
        assert self.domain is not None, "only a fused kernel has a domain"
        shape = [0] * len(self.axes)
        for size, axis in zip(self.domain, self.axes, strict=True):
            shape[axis] = size
        strides = natural_strides(tuple(shape))
        return tuple(strides[axis] for axis in self.axes)


def fuse(
    computed: Sequence[Instruction],
    types: Mapping[str, TensorType],
    layouts: Mapping[str, Layout],
    pinned: Collection[str],
    walls: Mapping[str, int],
) -> list[Group]:
    """The groups of a program, in an order in which they can run. See `asg_executor.plan.grouping.group`.

    Args:
        computed: the instructions that are not views, in order.
        types: the type of every value.
        layouts: how each value lies in its root's memory.
        pinned: roots that must not be computed earlier than where they stand.
        walls: for each value that is seen through a barrier, how many of `computed` stand before the barrier.
    """
    fusion = _Fusion(types, layouts, pinned)
    numbers, others = numbers_apart(computed, types, layouts, pinned)
    begun = Begun(computed, numbers, walls)
    for instruction in (*numbers, *others):
        begun.note(instruction, len(fusion.groups))
        fusion.add(instruction, begun.least(instruction), max(begun.stages.values(), default=0))
    return [group for group in fusion.groups if group.members]


class _Fusion:
    """The groups so far, and where each root is computed."""

    def __init__(self, types: Mapping[str, TensorType], layouts: Mapping[str, Layout], pinned: Collection[str]) -> None:
        self.types = types
        self.layouts = layouts
        self.pinned = pinned
        self.groups: list[Group] = []
        self.ready: dict[str, int] = {}  # the first group that may read a root
        self.made: dict[str, int] = {}  # the group that computes a root

    def add(self, instruction: Instruction, least: int, fixed: int) -> None:
        """Let an instruction join a group from number `least` on, or begin one.

        Args:
            instruction: the instruction.
            least: the number of the first group that it may join.
            fixed: the groups before this number stay where they are, since they stand before a barrier.
        """
        number, member = self._place(instruction, least)
        self._enter(self.groups[number], member)
        self.made.update((result, number) for result in instruction.results)
        ready = number + 1 if member.role is Role.TOTAL else number
        self.ready.update((result, ready) for result in instruction.results)
        sources = {self.made.get(self.layouts[operand].root, number) for operand in instruction.operands}
        for earlier in sorted(sources - {number}):
            if earlier >= fixed:
                self._merge(earlier, number)

    def _place(self, instruction: Instruction, least: int) -> tuple[int, Member]:
        """The number of the group in which an instruction is computed, and what it is there."""
        if not self._is_fusable(instruction):
            self.groups.append(Group([]))
            return len(self.groups) - 1, Member(instruction, Role.TOTAL, (), reduces=False)
        found = self._joinable(instruction, least)
        if found is None:
            group = self._begun(instruction)
            found = len(self.groups), self._member(group, len(self.groups), instruction)
            self.groups.append(group)
        number, member = found
        assert member is not None, "an instruction fits the domain that is made for it"
        return number, member

    def _enter(self, group: Group, member: Member) -> None:
        """Add a member to a group."""
        group.members.append(member)
        group.reads.update(self.layouts[operand].root for operand in member.instruction.operands)
        group.roles.update((result, member.role) for result in member.instruction.results)

    def _merge(self, earlier: int, number: int) -> None:
        """Compute a group along with a later one that reads from it, if nothing between them does."""
        first, second = self.groups[earlier], self.groups[number]
        if not self._may_merge(first, second) or number - earlier > _FARTHEST:
            return
        if any(not group.reads.isdisjoint(first.roles) for group in self.groups[earlier + 1 : number]):
            return
        self.made.update(dict.fromkeys(first.roles, number))
        merged = self._merged([*first.instructions, *second.instructions], number)
        if merged is None:
            self.made.update(dict.fromkeys(first.roles, earlier))
            return
        self.groups[earlier], self.groups[number] = Group([]), merged
        self.ready.update((root, number + (role is Role.TOTAL)) for root, role in merged.roles.items())

    def _may_merge(self, first: Group, second: Group) -> bool:
        if first.domain is None or second.domain is None or first.size != second.size:
            return False
        return (
            first.row in (None, second.row or first.row) and len(first.members) + len(second.members) <= _MOST_MEMBERS
        )

    def _merged(self, instructions: Sequence[Instruction], number: int) -> Group | None:
        """The group of this number, if it is of these instructions; None if they do not fit together."""
        group = self._begun(instructions[0])
        for instruction in instructions:
            member = self._member(group, number, instruction)
            if member is None:
                return None
            self._enter(group, member)
        return group

    def _is_fusable(self, instruction: Instruction) -> bool:
        op = instruction.op
        dtypes = [self.types[operand].dtype for operand in instruction.operands]
        shapes = [concrete_shape(self.types[name]) for name in (*instruction.operands, instruction.results[0])]
        if any(0 in shape for shape in shapes):
            return False
        if type(op) in _REDUCTIONS:
            return dtypes[0] is not DType.BOOL
        return isinstance(op, Reshape) or (is_pointwise(op) and is_emitted(op.name, dtypes))

    def _begun(self, instruction: Instruction) -> Group:
        """A group without members, into which a fusable instruction fits."""
        domain = self._iterated(instruction)
        return Group([], domain, tuple(range(len(domain))))

    def _iterated(self, instruction: Instruction) -> tuple[int, ...]:
        """The shape over which an instruction runs; a reshape copies its operand in order."""
        by_operand = isinstance(instruction.op, Reduction | Reshape)
        return concrete_shape(self.types[instruction.operands[0] if by_operand else instruction.results[0]])

    def _joinable(self, instruction: Instruction, least: int) -> tuple[int, Member] | None:
        """The number of a group that the instruction can join, and what it is there."""
        reads = {self.layouts[operand].root for operand in instruction.operands}
        earliest = max((self.ready.get(root, -1) for root in reads), default=-1)
        earliest = max(earliest, least)
        if instruction.results[0] in self.pinned:
            earliest = max(earliest, len(self.groups) - 1)
        numbers = range(len(self.groups) - 1, max(earliest, 0, len(self.groups) - _FARTHEST) - 1, -1)
        preferred = [earliest] if 0 <= earliest < len(self.groups) else []
        for number in (*preferred, *numbers):
            group = self.groups[number]
            if group.domain is None or len(group.members) >= _MOST_MEMBERS:
                continue
            related = not group.reads.isdisjoint(reads) or any(self.made.get(root) == number for root in reads)
            if not related and group.size > _SMALL:
                continue
            member = self._member(group, number, instruction)
            if member is not None:
                return number, member
        return None

    def _member(self, group: Group, number: int, instruction: Instruction) -> Member | None:
        """The instruction as a member of a group, whose row it may decide; None if it cannot be one."""
        if isinstance(instruction.op, Reduction):
            return self._reduction(group, number, instruction, instruction.op)
        size = element_count(self._iterated(instruction))
        if size == group.size:
            return self._pointwise(group, number, instruction, Role.ELEMENT)
        if group.row is not None and size == element_count(group.unit_shape):
            return self._pointwise(group, number, instruction, Role.UNIT)
        return None

    def _pointwise(self, group: Group, number: int, instruction: Instruction, role: Role) -> Member | None:
        shape = self._iterated(instruction)
        operands: list[Layout] = []
        for operand in instruction.operands:
            seen = self._seen(group, number, self.layouts[operand].broadcast(shape), role)
            if seen is None:
                return None
            operands.append(seen)
        return Member(instruction, role, tuple(operands), reduces=False)

    def _seen(self, group: Group, number: int, layout: Layout, role: Role) -> Layout | None:
        """A layout in the shape of the domain or of its units; None where the group cannot read it so."""
        assert group.domain is not None, "only a fused kernel reads element by element"
        if role is Role.UNIT:
            seen = layout.reshape(group.unit_shape)
        else:
            places = sorted(range(len(group.axes)), key=group.axes.__getitem__)
            seen = layout.reshape(tuple(group.domain[place] for place in places))
            seen = None if seen is None else seen.permute(group.axes)
        if seen is None or self.made.get(layout.root, -2) != number:
            return seen
        return seen if self._is_own(group, seen, role) else None

    def _is_own(self, group: Group, seen: Layout, role: Role) -> bool:
        """Whether what the group itself computes is read where it is computed: the same element, or the same unit."""
        own = group.roles[seen.root]
        units = natural_strides(group.unit_shape)
        if own is Role.ELEMENT and role is Role.ELEMENT:
            wanted = group.natural()
        elif own is Role.UNIT:
            wanted = units if role is Role.UNIT else units + (0,) * (group.row or 0)
        else:
            return False
        return is_seen_as(seen, wanted)

    def _reduction(self, group: Group, number: int, instruction: Instruction, op: Reduction) -> Member | None:
        (operand,) = instruction.operands
        layout = self.layouts[operand]
        if element_count(layout.shape) != group.size:
            return None
        reduced = {axis for axis in op.axes_of(op.axis, len(layout.shape)) if layout.shape[axis] != 1}
        plan = _reduction_plan(group, layout.shape, reduced)
        if plan is None:
            return None
        role, row, axes = plan
        seen = self._seen(group, number, layout, Role.ELEMENT)
        if seen is None:
            return None
        if axes != group.axes:
            _order_axes(group, axes)
            seen = seen.permute(axes)
        group.row = row
        return Member(instruction, role, (seen,), reduces=bool(reduced))


def _order_axes(group: Group, axes: tuple[int, ...]) -> None:
    """Give the axes of a group's domain, which are those of its instructions' shapes, another order."""
    assert group.domain is not None, "only a fused kernel has axes"
    group.domain = tuple(group.domain[axis] for axis in axes)
    group.axes = axes
    group.members = [
        member._replace(operands=tuple(layout.permute(axes) for layout in member.operands)) for member in group.members
    ]


def is_seen_as(seen: Layout, wanted: Sequence[int]) -> bool:
    """Whether a layout begins where its root does and has these strides, wherever a stride has a meaning."""
    pairs = zip(seen.shape, seen.strides, wanted, strict=True)
    return seen.offset == 0 and all(size == 1 or stride == natural for size, stride, natural in pairs)


def _reduction_plan(
    group: Group, shape: tuple[int, ...], reduced: set[int]
) -> tuple[Role, int | None, tuple[int, ...]] | None:
    """How a group can reduce axes of an operand of this shape, of as many elements as its domain.

    Returns:
        The result's role, how many axes the row then has, and the order of the domain's axes; None if it cannot.
    """
    assert group.domain is not None, "only a fused kernel reduces"
    kept = [axis for axis, size in enumerate(shape) if size != 1 and axis not in reduced]
    count = prod(shape[axis] for axis in reduced)
    if not reduced:
        return Role.ELEMENT, group.row, group.axes
    if not kept:
        if group.size <= _SMALL and group.row in (None, len(group.domain)):
            return Role.UNIT, len(group.domain), group.axes
        return Role.TOTAL, group.row, group.axes
    in_order = group.axes == tuple(range(len(group.axes)))
    if in_order and min(reduced) > max(kept):
        row = _trailing_axes(group.domain, count)
        return None if row is None or group.row not in (None, row) else (Role.UNIT, row, group.axes)
    if in_order and max(reduced) < min(kept):
        row = _trailing_axes(group.domain, prod(shape) // count)
        return None if row is None or group.row not in (None, row) else (Role.TOTAL, row, group.axes)
    if group.row is not None or not in_order or shape != group.domain:
        return None
    others = [axis for axis in range(len(shape)) if axis not in reduced]
    return Role.UNIT, len(reduced), (*others, *sorted(reduced))


def _trailing_axes(domain: tuple[int, ...], count: int) -> int | None:
    """How many last axes of a domain have so many elements together; None if no number of them does."""
    size = 1
    for number in range(len(domain) + 1):
        if size == count:
            return number
        if number < len(domain):
            size *= domain[-1 - number]
    return None
