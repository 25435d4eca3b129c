"""From a group of instructions to a fused kernel's spec and its arguments, once memory is placed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from asg_executor.engines.native.fused.body import Accumulation, Apply, Literal, Load, Reduce, Store, Value
from asg_executor.engines.native.fused.grouping import Group, Member, Role
from asg_executor.engines.native.fused.row_axes import row_axes
from asg_executor.engines.native.fused.spec import FusedSpec
from asg_executor.plan.arrays import concrete_shape
from asg_executor.plan.layout import Layout, element_count, merge_axes, natural_strides
from asg_executor.plan.plan import Plan
from asg_schema.dtype import DType
from asg_schema.op import Op

__all__ = ["AddressOf", "Assembled", "assemble", "assemble_combination"]

AddressOf = Callable[[str], int]
"""From a root to the address at which its memory begins."""

_LONGEST_ROW = 4096  # elements: sums over rows this long lose no more digits than NumPy's
_SHORTEST_ROW = 64


class Assembled(NamedTuple):
    """A fused kernel.

    Attributes:
        spec: what it computes.
        arguments: the addresses of its arrays.
    """

    spec: FusedSpec
    arguments: tuple[int, ...]


def assemble(
    group: Group, plan: Plan, local: frozenset[str], totals: Mapping[str, str], address: AddressOf
) -> Assembled:
    """The kernel of a group.

    Args:
        group: what it computes.
        plan: where every value lies.
        local: the roots that are not stored.
        totals: for each total, the root into which each part writes a row of its own.
        address: where roots begin.
    """
    return _Assembly(group, plan, local, totals, address).run()


@dataclass(frozen=True, slots=True)
class _Access:
    """How the kernel reads or writes a root: a stride for each axis of the domain."""

    root: str
    offset: int
    strides: tuple[int, ...]


class _Assembly:
    """Collects the values and accesses of a group, then splits the domain into units and rows."""

    def __init__(
        self, group: Group, plan: Plan, local: frozenset[str], totals: Mapping[str, str], address: AddressOf
    ) -> None:
        assert group.domain is not None, "only a fused group is assembled"
        self.group = group
        self.domain = group.domain
        self.plan = plan
        self.types = plan.program.types
        self.local = local
        self.totals = totals
        self.address = address
        self.values: list[Value | _Access] = []
        self.numbers: dict[object, int] = {}  # of values, by root, literal or access
        self.stores: list[tuple[int, _Access]] = []
        self.reduces = False  # whether rows are reduced
        self.accumulations: list[Accumulation] = []
        self.arguments = _Arguments(plan, address)

    def run(self) -> Assembled:
        for member in self.group.members:
            self._add(member)
        axes = self._axes()
        values = tuple(self._located(value, axes) if isinstance(value, _Access) else value for value in self.values)
        stores = tuple(self._stored(number, access, axes) for number, access in self.stores)
        spec = FusedSpec(
            axes.unit_shape,
            axes.row_shape,
            values,
            stores,
            tuple(self.accumulations),
            len(self.arguments.addresses),
            self.arguments.are_disjoint(),
        )
        return Assembled(spec, tuple(self.arguments.addresses))

    def _add(self, member: Member) -> None:
        instruction, role = member.instruction, member.role
        (result, *_) = instruction.results
        operands = [
            self._operand(layout, self.types[name].dtype, Role.ELEMENT if member.reduces else role)
            for layout, name in zip(member.operands, instruction.operands, strict=True)
        ]
        dtype = self.types[result].dtype
        op = instruction.op
        if role is Role.TOTAL:
            self._add_total(op.name, operands[0], result)
            return
        if member.reduces:
            number = self._append(Reduce(op.name, operands[0], dtype))
        elif op.family() in ("reduction", "layout"):  # of axes of size 1; a copy
            number = operands[0]
        else:
            number = self._append(Apply(op.name, _attributes(op), tuple(operands), dtype))
        self.numbers[result] = number
        if result not in self.local:
            strides = self.group.natural() if role is Role.ELEMENT else natural_strides(self.group.unit_shape)
            self.stores.append((number, _Access(result, 0, self._padded(strides))))

    def _append(self, value: "Value | _Access") -> int:
        self.values.append(value)
        return len(self.values) - 1

    def _padded(self, strides: tuple[int, ...]) -> tuple[int, ...]:
        """Strides along the units' axes alone, as strides along all axes of the domain."""
        return strides + (0,) * (len(self.domain) - len(strides))

    def _operand(self, layout: Layout, dtype: DType, role: Role) -> int:
        if layout.root in self.group.roles:
            return self.numbers[layout.root]
        key: object
        constant = self.plan.program.constants.get(layout.root)
        value: Value | _Access
        if constant is not None and not any(constant.strides):
            value = Literal(constant[(0,) * constant.ndim].item(), dtype)
            key = repr(value)
        else:
            value = key = _Access(layout.root, layout.offset, self._padded(layout.strides))
        if key not in self.numbers:
            self.numbers[key] = self._append(value)
        return self.numbers[key]

    def _add_total(self, op: str, operand: int, result: str) -> None:
        root = self.totals[result]
        dtype = self.types[root].dtype
        argument = self.arguments.writing(root)
        along_row = element_count(concrete_shape(self.types[result])) > 1
        if not along_row:
            made = self.types[result].dtype
            if made in (DType.FLOAT16, DType.BFLOAT16):
                made = DType.FLOAT32
                operand = self._append(Apply("astype", (("dtype", made),), (operand,), made))
            operand = self._append(Reduce(op, operand, made))
            self.reduces = True
        self.accumulations.append(Accumulation(operand, op, argument, dtype, along_row))

    def _axes(self) -> "_Axes":
        accesses = [value for value in self.values if isinstance(value, _Access)] + [item for _, item in self.stores]
        layouts = [Layout(item.root, self.domain, item.strides) for item in accesses]
        if not layouts:
            layouts = [Layout("", self.domain, natural_strides(self.domain))]
        row = self.group.row
        if row is None:
            merged = merge_axes(layouts)
            if self.reduces and len(merged) == 1:  # there have to be rows to reduce
                merged = _split(merged)
            count = row_axes([size for size, _ in merged])
            return _Axes(accesses, merged[: len(merged) - count], merged[len(merged) - count :])
        cut = len(self.domain) - row
        units = [Layout(item.root, item.shape[:cut], item.strides[:cut]) for item in layouts]
        rows = [Layout(item.root, item.shape[cut:], item.strides[cut:]) for item in layouts]
        return _Axes(accesses, merge_axes(units), merge_axes(rows))

    def _located(self, access: _Access, axes: "_Axes") -> Load:
        argument = self.arguments.reading(access)
        return Load(argument, self.types[access.root].dtype, *axes.strides(access))

    def _stored(self, number: int, access: _Access, axes: "_Axes") -> Store:
        argument = self.arguments.writing(access.root)
        late = self.arguments.is_read(argument)
        return Store(number, argument, self.types[access.root].dtype, *axes.strides(access), late)


class _Axes:
    """The domain as units and rows, and every access's strides along them.

    Args:
        accesses: what is read and written.
        units: for each axis of the units its size and its stride in each access.
        rows: the same for the row.
    """

    def __init__(
        self,
        accesses: Sequence[_Access],
        units: Sequence[tuple[int, tuple[int, ...]]],
        rows: Sequence[tuple[int, tuple[int, ...]]],
    ) -> None:
        self._places = {access: place for place, access in enumerate(accesses)}
        self._units = units
        self._rows = rows
        self.unit_shape = tuple(size for size, _ in units)
        self.row_shape = tuple(size for size, _ in rows)

    def strides(self, access: _Access) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The strides of an access along the axes of the units, and of the row."""
        place = self._places[access]
        return tuple(strides[place] for _, strides in self._units), tuple(strides[place] for _, strides in self._rows)


def _split(merged: Sequence[tuple[int, tuple[int, ...]]]) -> list[tuple[int, tuple[int, ...]]]:
    """One line as two axes, the last one as long as it may be; all of it where it does not divide."""
    ((size, strides),) = merged
    length = next((n for n in range(min(size, _LONGEST_ROW), _SHORTEST_ROW, -1) if size % n == 0), size)
    return [(size // length, tuple(stride * length for stride in strides)), (length, strides)]


class _Arguments:
    """The arrays of a kernel: one argument for each address."""

    def __init__(self, plan: Plan, address: AddressOf) -> None:
        self._types = plan.program.types
        self._address = address
        self.addresses: list[int] = []
        self._read: dict[int, list[tuple[int, int]]] = {}  # the memory of what is read, by argument
        self._written: dict[int, list[tuple[int, int]]] = {}

    def reading(self, access: _Access) -> int:
        """The argument for what is read."""
        begin, end = self._memory(access.root)
        number = self._number(begin + access.offset * self._types[access.root].dtype.itemsize)
        self._read.setdefault(number, []).append((begin, end))
        return number

    def writing(self, root: str) -> int:
        """The argument for what is written, from the root's first element on."""
        begin, end = self._memory(root)
        number = self._number(begin)
        self._written.setdefault(number, []).append((begin, end))
        return number

    def is_read(self, number: int) -> bool:
        """Whether an argument is read. All that is read has to be known."""
        return number in self._read

    def are_disjoint(self) -> bool:
        """Whether no memory that is written belongs to another argument as well."""
        every = [
            (number, *memory) for kind in (self._read, self._written) for number, all in kind.items() for memory in all
        ]
        return not any(
            begin < other_end and other_begin < end
            for number, memories in self._written.items()
            for begin, end in memories
            for other, other_begin, other_end in every
            if other != number
        )

    def _memory(self, root: str) -> tuple[int, int]:
        begin = self._address(root)
        type = self._types[root]
        return begin, begin + element_count(concrete_shape(type)) * type.dtype.itemsize

    def _number(self, address: int) -> int:
        if address not in self.addresses:
            self.addresses.append(address)
        return self.addresses.index(address)


def _attributes(op: Op) -> tuple[tuple[str, object], ...]:
    return tuple((name, getattr(op, name)) for name in op.attributes)


def assemble_combination(op: str, partial: str, total: str, parts: int, plan: Plan, address: AddressOf) -> Assembled:
    """The kernel that combines the rows that the parts of a fused kernel have written.

    Args:
        op: sum, prod, max or min.
        partial: the root with a row for each part.
        total: the root for the result.
        parts: how many rows there are.
        plan: where every value lies.
        address: where roots begin.
    """
    dtype, made = plan.program.types[partial].dtype, plan.program.types[total].dtype
    count = element_count(concrete_shape(plan.program.types[total]))
    begin = address(partial)
    arguments = [begin + part * count * dtype.itemsize for part in range(parts)]
    values: list[Value] = [Load(part, dtype, (1,), ()) for part in range(parts)]
    name = {"sum": "add", "prod": "multiply", "max": "maximum", "min": "minimum"}[op]
    for part in range(1, parts):
        values.append(Apply(name, (), (0 if part == 1 else len(values) - 1, part), dtype))
    result = len(values) - 1 if parts > 1 else 0
    target = address(total)
    store = Store(result, parts, made, (1,), ())
    spec = FusedSpec((count,), (), tuple(values), (store,), (), parts + 1)
    return Assembled(spec, (*arguments, target))
