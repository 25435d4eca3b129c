"""`dynamic_slice` and `dynamic_update_slice` as native kernels: blocks that begin where an array says."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from llvmlite import ir

from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.strided_code import INDEX, Number, StridedCode, bits_type
from asg_executor.plan.layout import Layout, merge_axes, natural_strides
from asg_schema.dtype import DType
from asg_schema.ops.layout import DynamicSlice, DynamicUpdateSlice

__all__: list[str] = []

_NARROW = 16  # elements: a shorter row makes a unit that is hardly worth the finding


class _Start(NamedTuple):
    """Where a block begins along an axis.

    Attributes:
        offset: where the start stands in the array of starts.
        room: the last place at which the block may begin.
    """

    offset: int
    room: int


@dataclass(frozen=True)
class _Starts:
    """Where a block begins along each axis, as long as it lies within the whole.

    Attributes:
        dtype: of the starts.
        axes: the axes.
    """

    dtype: DType
    axes: tuple[_Start, ...]

    @classmethod
    def of(cls, starts: Operand, whole: Sequence[int], block: Sequence[int]) -> "_Starts":
        """From the array of starts and the shapes of the whole and of the block."""
        (step,) = starts.layout.strides
        rooms = [size - part for size, part in zip(whole, block, strict=True)]
        return cls(starts.dtype, tuple(_Start(axis * step, room) for axis, room in enumerate(rooms)))

    def emit(self, code: StridedCode, starts: ir.Value) -> list[Number]:
        """The starts, clamped."""
        type = ir.IntType(8 * self.dtype.itemsize)
        found: list[Number] = []
        for offset, room in self.axes:
            if room == 0:
                found.append(0)
                continue
            start = code.load(starts, offset, type)
            start = start if type.width == INDEX.width else code.builder.sext(start, INDEX)
            found.append(code.largest(0, code.least(start, room)))
        return found


@dataclass(frozen=True)
class _Slice:
    """A kernel spec. The arguments are the operand, the starts and the result.

    Attributes:
        starts: where the block begins.
        start_strides: the operand's strides along its axes.
        shape: the block's, with as few axes as may be.
        strides: the operand's along those.
        result_strides: the result's along those.
        unit_axes: how many of them make up the units.
        itemsize: of an element, in bytes.
    """

    starts: _Starts
    start_strides: tuple[int, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    result_strides: tuple[int, ...]
    unit_axes: int
    itemsize: int
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """One for each place along the first axes."""
        return prod(self.shape[: self.unit_axes])

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 3)
        operand, starts, result = code.arrays
        begin = code.offset(self.starts.emit(code, starts), self.start_strides)
        cut = self.unit_axes
        with code.loop(code.begin, code.end) as unit:
            outer = code.indices(unit, self.shape[:cut])
            source = code.add(begin, code.offset(outer, self.strides[:cut]))
            target = code.offset(outer, self.result_strides[:cut])
            with code.loops(self.shape[cut:]) as inner:
                value = code.load(
                    operand, code.add(source, code.offset(inner, self.strides[cut:])), bits_type(self.itemsize)
                )
                code.store(value, result, code.add(target, code.offset(inner, self.result_strides[cut:])))
        code.finish()


@native_kernels.define(DynamicSlice)
def dynamic_slice(
    op: DynamicSlice, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """A copy of the block."""
    (x, starts), (result,) = operands, results
    axes = merge_axes([x.layout._replace(shape=result.layout.shape), result.layout])
    shape = tuple(size for size, _ in axes)
    row = 0
    while row < len(shape) - 1 and (row == 0 or prod(shape[len(shape) - row :]) < _NARROW):
        row += 1
    spec = _Slice(
        _Starts.of(starts, x.layout.shape, result.layout.shape),
        x.layout.strides,
        shape,
        tuple(strides[0] for _, strides in axes),
        tuple(strides[1] for _, strides in axes),
        len(shape) - row,
        result.dtype.itemsize,
    )
    arguments = Argument(0), Argument(1), Argument(2)
    return (NativeKernel(spec, arguments, parts_for(prod(shape), spec.units, threads)),)


class _Axis(NamedTuple):
    """An axis along which an array is copied: its size and the strides of source and result."""

    size: int
    source: int
    result: int


@dataclass(frozen=True)
class _Update:
    """A kernel spec. The arguments are the operand, the update, the starts and the result.

    Where the result is the memory of the operand, nothing but the block is copied.

    Attributes:
        starts: where the block begins.
        start_strides: the result's strides along its axes.
        axis: the first axis of which there is more than one place; its places are the units.
        unit: it, in the operand.
        update_unit: it, in the update.
        whole: the axes behind it, in the operand.
        block: the axes behind it, in the update.
        itemsize: of an element, in bytes.
    """

    starts: _Starts
    start_strides: tuple[int, ...]
    axis: int
    unit: _Axis
    update_unit: _Axis
    whole: tuple[_Axis, ...]
    block: tuple[_Axis, ...]
    itemsize: int
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """See `axis`."""
        return self.unit.size

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 4)
        operand, update, starts, result = code.arrays
        copies = code.not_same(operand, result)
        found = self.starts.emit(code, starts)
        first = code.value(found[self.axis])
        found[self.axis] = 0
        begin = code.offset(found, self.start_strides)
        with code.loop(code.begin, code.end) as unit:
            target = code.multiply(unit, self.unit.result)
            with code.when(copies):
                self._copy(code, self.whole, (operand, code.multiply(unit, self.unit.source)), (result, target))
            number = code.builder.sub(unit, first)
            with code.when(code.builder.icmp_unsigned("<", number, INDEX(self.update_unit.size))):
                source = code.multiply(number, self.update_unit.source)
                self._copy(code, self.block, (update, source), (result, code.add(begin, target)))
        code.finish()

    def _copy(
        self, code: StridedCode, axes: Sequence[_Axis], source: tuple[ir.Value, Number], target: tuple[ir.Value, Number]
    ) -> None:
        """Copy elements from an array and an offset there to another."""
        with code.loops([axis.size for axis in axes]) as inner:
            read = code.add(source[1], code.offset(inner, [axis.source for axis in axes]))
            written = code.add(target[1], code.offset(inner, [axis.result for axis in axes]))
            code.store(code.load(source[0], read, bits_type(self.itemsize)), target[0], written)


@native_kernels.define(DynamicUpdateSlice)
def dynamic_update_slice(
    op: DynamicUpdateSlice, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """The operand, unless the result stands in its memory, and the block over it."""
    (x, update, starts), (result,) = operands, results
    shape = result.layout.shape
    if not shape:
        return ()
    axis = next((axis for axis, size in enumerate(shape) if size > 1), 0)
    strides = natural_strides(shape)
    spec = _Update(
        _Starts.of(starts, shape, update.layout.shape),
        strides,
        axis,
        _Axis(shape[axis], x.layout.strides[axis], strides[axis]),
        _Axis(update.layout.shape[axis], update.layout.strides[axis], strides[axis]),
        _behind(axis, x.layout, strides),
        _behind(axis, update.layout, strides),
        result.dtype.itemsize,
    )
    arguments = tuple(map(Argument, range(4)))
    return (NativeKernel(spec, arguments, parts_for(prod(shape), spec.units, threads)),)


def _behind(axis: int, source: Layout, strides: tuple[int, ...]) -> tuple[_Axis, ...]:
    """The axes behind one, with as few of them as may be."""
    shape = source.shape[axis + 1 :]
    layouts = [Layout("", shape, source.strides[axis + 1 :]), Layout("", shape, strides[axis + 1 :])]
    return tuple(_Axis(size, *strides) for size, strides in merge_axes(layouts))
