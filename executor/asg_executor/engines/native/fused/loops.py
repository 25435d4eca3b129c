"""The loops of a fused kernel: over its units, for each over the passes, for each over the elements of a row."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir

from asg_executor.engines.native.fused.body import Accumulation, Apply, Body, Literal, Load, Reduce, Store
from asg_executor.engines.native.fused.combining import combine, identity
from asg_executor.engines.native.fused.conversion import convert
from asg_executor.engines.native.fused.elements import (
    literal,
    load_element,
    memory_type,
    register_type,
    round_to,
    store_element,
)
from asg_executor.engines.native.fused.passes import Passes
from asg_executor.engines.native.fused.pointwise import emit_pointwise
from asg_executor.engines.native.kernel_spec import define_inner, define_kernel

__all__ = ["define_loops", "define_panel"]

_INDEX = ir.IntType(64)
_POINTER = ir.PointerType()


def define_loops(body: Body, module: ir.Module) -> None:
    """Define the function `kernel` of a fused kernel in a module; see `KernelSpec`."""
    kernel = define_kernel(module)
    pointers = body.arguments + 1
    types = [_POINTER] * pointers + [_INDEX] * 3
    inner = define_inner(module, "loops", types, disjoint=pointers if body.disjoint else 0)
    builder = ir.IRBuilder(kernel.append_basic_block())
    arguments, begin, end, part, scratch = kernel.args
    arrays = [
        builder.load(builder.gep(arguments, [_INDEX(number)], source_etype=_POINTER), typ=_POINTER)
        for number in range(body.arguments)
    ]
    builder.call(inner, [*arrays, scratch, begin, end, part])
    builder.ret_void()
    *pointers, scratch, begin, end, part = inner.args
    row = [(_INDEX(0), size) for size in body.row_shape]
    _Loops(body, inner, _Extent(pointers, (begin, end), row, scratch, part)).emit()


def define_panel(body: Body, module: ir.Module, width: int) -> ir.Function:
    """Define a function that does a fused kernel's work for a part of each of some units.

    It is `void (ptr array, …, i64 unit begin, i64 unit end, i64 first element)`.

    Args:
        body: what is computed: along one axis, in one pass, without accumulations.
        module: where to define it.
        width: for how many elements of each unit.
    """
    assert len(body.row_shape) == 1, "a panel is a piece of rows along one axis"
    assert not body.accumulations, "a panel is no part: it has no row of its own"
    types = [_POINTER] * body.arguments + [_INDEX] * 3
    function = define_inner(module, "panel", types, disjoint=body.arguments if body.disjoint else 0)
    *pointers, begin, end, first = function.args
    _Loops(body, function, _Extent(pointers, (begin, end), [(first, width)])).emit()
    return function


@dataclass(frozen=True)
class _Extent:
    """Over what the loops run.

    Attributes:
        pointers: the arrays.
        units: the first unit, and the one after the last.
        row: along each axis of a row the first element, and how many there are.
        scratch: the memory for rows that are kept, where there are any.
        part: the number of the part, where something is accumulated.
    """

    pointers: Sequence[ir.Value]
    units: tuple[ir.Value, ir.Value]
    row: Sequence[tuple[ir.Value, int]]
    scratch: ir.Value | None = None
    part: ir.Value | None = None


class _Loops:
    """Emits the loops into a function that has no code yet."""

    def __init__(self, body: Body, function: ir.Function, extent: _Extent) -> None:
        self.body = body
        self.extent = extent
        self.passes = Passes(body)
        self.entry = ir.IRBuilder(function.append_basic_block("entry"))
        self.builder = ir.IRBuilder(function.append_basic_block("start"))
        self.totals: dict[int, ir.Value] = {}  # where the running result of each reduction over the row stands
        self.row_values: dict[int, ir.Value] = {}
        self.units: Sequence[ir.Value] = ()

    def emit(self) -> None:
        """Emit the whole function."""
        for place, value in enumerate(self.body.values):
            if isinstance(value, Reduce):
                self.totals[place] = self.entry.alloca(register_type(value.dtype))
        for item in self.body.accumulations:
            self._begin_accumulation(item)
        with self._loop(*self.extent.units) as unit:
            self.units = self._indices(unit, self.body.unit_shape)
            self._emit_unit()
        self.builder.ret_void()
        self.entry.branch(self.builder.function.blocks[1])

    @contextmanager
    def _loop(self, begin: ir.Value, end: ir.Value) -> Generator[ir.Value]:
        """A loop over the indices from `begin` to just before `end`; the body goes into the context."""
        builder = self.builder
        head = builder.block
        body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed("<", begin, end), body, after)
        builder.position_at_end(body)
        index = builder.phi(_INDEX)
        index.add_incoming(begin, head)
        yield index
        following = builder.add(index, _INDEX(1), flags=("nsw", "nuw"))
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, end), body, after)
        builder.position_at_end(after)

    def _indices(self, flat: ir.Value, shape: Sequence[int]) -> Sequence[ir.Value]:
        """The index along each axis of the element number `flat` of a shape."""
        indices: list[ir.Value] = []
        for size in reversed(shape[1:]):
            indices.append(self.builder.urem(flat, _INDEX(size)))
            flat = self.builder.udiv(flat, _INDEX(size))
        if shape:
            indices.append(flat)
        return indices[::-1]

    def _over_row(self, emit: Callable[[Sequence[ir.Value]], None]) -> None:
        """A loop over the elements of the row for each axis, one in another."""
        self._over_axes(self.extent.row, (), emit)

    def _over_axes(
        self,
        axes: Sequence[tuple[ir.Value, int]],
        outer: tuple[ir.Value, ...],
        emit: Callable[[Sequence[ir.Value]], None],
    ) -> None:
        if not axes:
            emit(outer)
            return
        first, count = axes[0]
        with self._loop(first, self.builder.add(first, _INDEX(count), flags=("nsw", "nuw"))) as index:
            self._over_axes(axes[1:], (*outer, index), emit)

    def _emit_unit(self) -> None:
        self.row_values = {}
        self._emit_row_values(0)
        for number in range(self.passes.count):
            for place in self.passes.reductions_in(number):
                value = self.body.values[place]
                assert isinstance(value, Reduce)
                self.builder.store(identity(value.op, value.dtype), self.totals[place])
            self._over_row(lambda indices, number=number: self._emit_element(number, indices))
            self._emit_row_values(number + 1)
        for store in self.body.stores:
            if not store.along_row:
                self._store(store, self.row_values[store.value], ())
        for item in self.body.accumulations:
            if not item.along_row:
                self._accumulate(item, self.row_values[item.value], ())

    def _emit_row_values(self, number: int) -> None:
        """Those of which there is one for each unit, and that can be computed before the pass `number`."""
        for place, value in enumerate(self.body.values):
            if not self.passes.of_rows[place] or self.passes.first[place] != number:
                continue
            match value:
                case Literal():
                    made: ir.Value = literal(value.dtype, value.value)
                case Load():
                    made = self._load(value, ())
                case Reduce():
                    total = self.builder.load(self.totals[place], typ=register_type(value.dtype))
                    made = round_to(self.builder, total, value.dtype)
                case Apply():
                    made = self._apply(value, [self.row_values[operand] for operand in value.operands])
            self.row_values[place] = made

    def _emit_element(self, number: int, indices: Sequence[ir.Value]) -> None:
        """What the pass `number` does for one element."""
        known: dict[int, ir.Value] = {}
        passes, values = self.passes, self.body.values
        for place in passes.reductions_in(number):
            value = values[place]
            assert isinstance(value, Reduce)
            element = self._element(value.operand, number, indices, known)
            total = self.builder.load(self.totals[place], typ=register_type(value.dtype))
            self.builder.store(combine(self.builder, value.op, total, element, value.dtype), self.totals[place])
        accumulated = [
            (item, self._element(item.value, number, indices, known)) for item in passes.accumulations_in(number)
        ]
        kept = [(place, self._element(place, number, indices, known)) for place, _ in passes.kept_in(number)]
        stored = [(store, self._element(store.value, number, indices, known)) for store in passes.stores_in(number)]
        # All is read before anything is written: an array may be written element for element where it was read.
        for item, element in accumulated:
            self._accumulate(item, element, indices)
        for place, element in kept:
            self.builder.store(element, self._scratch_pointer(place, indices))
        for store, element in stored:
            self._store(store, element, indices)

    def _element(self, place: int, number: int, indices: Sequence[ir.Value], known: dict[int, ir.Value]) -> ir.Value:
        """An element of a value in the pass `number`. `known` holds those that were computed for this element."""
        waiting = [place]
        while waiting:
            current = waiting[-1]
            if current in known:
                waiting.pop()
                continue
            if self.passes.of_rows[current]:
                known[current] = self.row_values[current]
                continue
            again = self._read_again(current, number, indices)
            if again is not None:
                known[current] = again
                continue
            value = self.body.values[current]
            if isinstance(value, Load):
                known[current] = self._load(value, indices)
                continue
            assert isinstance(value, Apply), "literals and reductions are row values"
            missing = [operand for operand in value.operands if operand not in known]
            if missing:
                waiting.extend(missing)
                continue
            known[current] = self._apply(value, [known[operand] for operand in value.operands])
        return known[place]

    def _read_again(self, place: int, number: int, indices: Sequence[ir.Value]) -> ir.Value | None:
        """The element of a value that an earlier pass left in memory; None if none did."""
        passes = self.passes
        if passes.first[place] >= number:
            return None
        store = passes.stored.get(place)
        if store is not None:
            return load_element(self.builder, self._pointer(store, indices), store.dtype)
        if place in passes.kept:
            type = register_type(self.body.values[place].dtype)
            return self.builder.load(self._scratch_pointer(place, indices), typ=type)
        return None

    def _apply(self, value: Apply, operands: Sequence[ir.Value]) -> ir.Value:
        dtypes = [self.body.values[operand].dtype for operand in value.operands]
        return round_to(self.builder, emit_pointwise(self.builder, value, operands, dtypes), value.dtype)

    def _load(self, value: Load, indices: Sequence[ir.Value]) -> ir.Value:
        return load_element(self.builder, self._pointer(value, indices), value.dtype)

    def _store(self, store: Store, value: ir.Value, indices: Sequence[ir.Value]) -> None:
        made = self.body.values[store.value].dtype
        if made is not store.dtype:
            value = convert(self.builder, value, made, store.dtype)
        store_element(self.builder, value, self._pointer(store, indices), store.dtype)

    def _pointer(self, access: Load | Store, indices: Sequence[ir.Value]) -> ir.Value:
        """Where an array's element for the current unit and these indices along the row lies."""
        offset = self._offset(self.units, access.unit_strides)
        if indices:
            offset = self.builder.add(offset, self._offset(indices, access.row_strides))
        return self.builder.gep(self.extent.pointers[access.argument], [offset], source_etype=memory_type(access.dtype))

    def _offset(self, indices: Sequence[ir.Value], strides: Sequence[int]) -> ir.Value:
        offset: ir.Value = _INDEX(0)
        for index, stride in zip(indices, strides, strict=True):
            if stride:
                scaled = index if stride == 1 else self.builder.mul(index, _INDEX(stride), flags=("nsw",))
                offset = scaled if isinstance(offset, ir.Constant) else self.builder.add(offset, scaled, flags=("nsw",))
        return offset

    def _scratch_pointer(self, place: int, indices: Sequence[ir.Value]) -> ir.Value:
        begin = self.builder.gep(self.extent.scratch, [_INDEX(self.passes.kept[place])], source_etype=ir.IntType(8))
        type = register_type(self.body.values[place].dtype)
        return self.builder.gep(begin, [self._position(indices)], source_etype=type)

    def _position(self, indices: Sequence[ir.Value]) -> ir.Value:
        """The number of the element along the row."""
        position: ir.Value = _INDEX(0)
        for index, size in zip(indices, self.body.row_shape, strict=True):
            if isinstance(position, ir.Constant):
                position = index
            else:
                position = self.builder.add(self.builder.mul(position, _INDEX(size)), index)
        return position

    def _accumulator(self, item: Accumulation, indices: Sequence[ir.Value]) -> ir.Value:
        offset = self.extent.part
        if item.along_row:
            offset = self.builder.mul(offset, _INDEX(self.body.row_size))
            offset = self.builder.add(offset, self._position(indices))
        return self.builder.gep(self.extent.pointers[item.argument], [offset], source_etype=memory_type(item.dtype))

    def _begin_accumulation(self, item: Accumulation) -> None:
        def begin(indices: Sequence[ir.Value]) -> None:
            store_element(self.builder, identity(item.op, item.dtype), self._accumulator(item, indices), item.dtype)

        if item.along_row:
            self._over_row(begin)
        else:
            begin(())

    def _accumulate(self, item: Accumulation, value: ir.Value, indices: Sequence[ir.Value]) -> None:
        value = convert(self.builder, value, self.body.values[item.value].dtype, item.dtype)
        pointer = self._accumulator(item, indices)
        total = load_element(self.builder, pointer, item.dtype)
        store_element(self.builder, combine(self.builder, item.op, total, value, item.dtype), pointer, item.dtype)
