"""`cumulative_sum` as a native kernel: a unit adds up neighbouring lines side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.division import block_length
from asg_executor.engines.native.fused.elements import literal, load_element, memory_type, register_type, store_element
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.strided_code import Number, StridedCode
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.dtype import DType
from asg_schema.ops.reduction import CumulativeSum

__all__: list[str] = []

_WIDEST = 1024  # lines side by side: their totals stay in the nearest cache
_TOTAL_WORK = 4  # cheap operations that adding one element takes about as long as


@dataclass(frozen=True)
class _RunningTotals:
    """A kernel spec. The arguments are the operand and the result, each where its first total begins.

    Totals are kept in a scratch row, 16-bit floats' in single precision.

    Attributes:
        unit_shape: the axes besides `inner` and the one that is summed along.
        unit_strides: the strides along them, of operand and result.
        size: of the axis that is summed along.
        strides: along that axis, in the direction of the sum.
        inner: how many lines lie side by side.
        inner_strides: from line to line.
        block: how many of them a unit has.
        exclusive: whether an element's own is left out of its total.
        dtype: of the elements.
    """

    unit_shape: tuple[int, ...]
    unit_strides: tuple[tuple[int, ...], tuple[int, ...]]
    size: int
    strides: tuple[int, int]
    inner: int
    inner_strides: tuple[int, int]
    block: int
    exclusive: bool
    dtype: DType

    @property
    def units(self) -> int:
        """One for each block of lines."""
        return prod(self.unit_shape) * -(-self.inner // self.block)

    @property
    def scratch_bytes(self) -> int:
        """A total for each line of a block."""
        return self.block * max(4, self.dtype.itemsize)

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 2)
        type = register_type(self.dtype)
        nothing = literal(self.dtype, 0)
        # -0 leaves every number as it is, also -0.
        first = literal(self.dtype, -0.0) if self.dtype.is_floating else nothing
        with code.loop(code.begin, code.end) as unit:
            *outer, number = code.indices(unit, (*self.unit_shape, -(-self.inner // self.block)))
            begin, end = code.block(number, self.block, self.inner)
            corners = [code.offset(outer, strides) for strides in self.unit_strides]
            with code.loop(begin, end) as lane:
                code.store(first, code.scratch, code.builder.sub(lane, begin))
                if self.exclusive:
                    self._store(code, nothing, corners[1], lane)
            with code.loop(0, self.size - int(self.exclusive)) as index:
                source = code.add(corners[0], code.multiply(index, self.strides[0]))
                place = code.add(index, int(self.exclusive))
                target = code.add(corners[1], code.multiply(code.value(place), self.strides[1]))
                with code.loop(begin, end) as lane:
                    kept = code.builder.sub(lane, begin)
                    total = self._sum(code, code.load(code.scratch, kept, type), self._load(code, source, lane))
                    code.store(total, code.scratch, kept)
                    self._store(code, total, target, lane)
        code.finish()

    def _sum(self, code: StridedCode, a: ir.Value, b: ir.Value) -> ir.Value:
        return code.builder.fadd(a, b) if self.dtype.is_floating else code.builder.add(a, b)

    def _load(self, code: StridedCode, line: Number, lane: ir.Value) -> ir.Value:
        offset = code.add(line, code.multiply(lane, self.inner_strides[0]))
        return load_element(code.builder, code.at(code.arrays[0], offset, memory_type(self.dtype)), self.dtype)

    def _store(self, code: StridedCode, value: ir.Value, line: Number, lane: ir.Value) -> None:
        offset = code.add(line, code.multiply(lane, self.inner_strides[1]))
        pointer = code.at(code.arrays[1], offset, memory_type(self.dtype))
        store_element(code.builder, value, pointer, self.dtype)


@native_kernels.define(CumulativeSum)
def cumulative_sum(
    op: CumulativeSum, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """In NumPy's order, one element after another."""
    layouts = [operands[0].layout, results[0].layout]
    shape = layouts[0].shape
    axis = op.axis % len(shape)
    size = shape[axis]
    before, behind = (
        merge_axes([Layout("", layout.shape[part], layout.strides[part]) for layout in layouts])
        for part in (slice(0, axis), slice(axis + 1, None))
    )
    inner, inner_strides = behind.pop() if behind else (1, (0, 0))
    units = [*before, *behind]
    strides = [layout.strides[axis] for layout in layouts]
    ends = [(size - 1) * stride if op.reverse else 0 for stride in strides]
    others = prod(size for size, _ in units)
    spec = _RunningTotals(
        tuple(size for size, _ in units),
        (tuple(strides[0] for _, strides in units), tuple(strides[1] for _, strides in units)),
        size,
        (-strides[0], -strides[1]) if op.reverse else (strides[0], strides[1]),
        inner,
        (inner_strides[0], inner_strides[1]),
        min(_WIDEST, block_length(inner, inner_strides[1], others, threads)),
        op.exclusive,
        operands[0].dtype,
    )
    parts = parts_for(_TOTAL_WORK * prod(shape), spec.units, threads)
    return (NativeKernel(spec, (Argument(0, ends[0]), Argument(1, ends[1])), parts),)
