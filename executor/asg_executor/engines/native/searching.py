"""`argmax` and `argmin` as native kernels: each unit is a line that is searched."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.fused.combining import combine, identity
from asg_executor.engines.native.fused.elements import load_element, memory_type, register_type
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.strided_code import INDEX, Number, StridedCode
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.dtype import DType
from asg_schema.ops.reduction import Argmax, Argmin

__all__: list[str] = []

_SEARCH_WORK = 4  # cheap operations that looking at an element takes about as long as

_LONG = 64  # elements: a line for which two passes on vectors take less time than one without


@dataclass(frozen=True)
class _Search:
    """A kernel spec. The arguments are the operand and the result.

    Attributes:
        unit_shape: the lines.
        unit_strides: the operand's strides from line to line.
        shape: a line's, whose elements are counted in row-major order.
        strides: the operand's along the line.
        dtype: the operand's.
        sign: `>` for the first largest element, `<` for the first smallest one.
    """

    unit_shape: tuple[int, ...]
    unit_strides: tuple[int, ...]
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    dtype: DType
    sign: str
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """One for each line."""
        return prod(self.unit_shape)

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 2)
        operand, result = code.arrays
        with code.loop(code.begin, code.end) as unit:
            line = code.offset(code.indices(unit, self.unit_shape), self.unit_strides)
            search = self._find_in_line if len(self.shape) == 1 and self.shape[0] >= _LONG else self._find
            code.store(search(code, operand, line), result, unit)
        code.finish()

    def _find_in_line(self, code: StridedCode, operand: ir.Value, line: Number) -> ir.Value:
        """The best element, and then the first one like it: two loops that run on vectors."""
        builder = code.builder
        type = register_type(self.dtype)
        (size,), (stride,) = self.shape, self.strides
        best, found = code.variable(type), code.variable(INDEX)
        op = "max" if self.sign == ">" else "min"
        builder.store(identity(op, self.dtype), best)
        with code.loop(0, size) as index:
            element = self._element(code, operand, code.add(line, code.multiply(index, stride)))
            builder.store(combine(builder, op, builder.load(best, typ=type), element, self.dtype), best)
        wanted = builder.load(best, typ=type)
        builder.store(INDEX(size - 1), found)
        with code.loop(0, size) as index:
            element = self._element(code, operand, code.add(line, code.multiply(index, stride)))
            place = builder.select(self._is_like(builder, element, wanted), index, INDEX(size - 1))
            builder.store(code.least(place, builder.load(found, typ=INDEX)), found)
        return builder.load(found, typ=INDEX)

    def _is_like(self, builder: ir.IRBuilder, element: ir.Value, wanted: ir.Value) -> ir.Value:
        """Whether an element is as good as the best: equal to it; or NaN, as that then is too."""
        if not self.dtype.is_floating:
            return builder.icmp_unsigned("==", element, wanted)
        return builder.or_(builder.fcmp_ordered("==", element, wanted), builder.fcmp_unordered("uno", element, element))

    def _find(self, code: StridedCode, operand: ir.Value, line: Number) -> ir.Value:
        """The best element so far, and where it stands."""
        builder = code.builder
        type = register_type(self.dtype)
        best, found, number = code.variable(type), code.variable(INDEX), code.variable(INDEX)
        builder.store(self._element(code, operand, line), best)
        builder.store(INDEX(0), found)
        builder.store(INDEX(0), number)
        with code.loops(self.shape) as indices:
            element = self._element(code, operand, code.add(line, code.offset(indices, self.strides)))
            before = builder.load(best, typ=type)
            place = builder.load(number, typ=INDEX)
            better = self._is_better(builder, element, before)
            builder.store(builder.select(better, element, before), best)
            builder.store(builder.select(better, place, builder.load(found, typ=INDEX)), found)
            builder.store(builder.add(place, INDEX(1)), number)
        return builder.load(found, typ=INDEX)

    def _element(self, code: StridedCode, operand: ir.Value, offset: Number) -> ir.Value:
        return load_element(code.builder, code.at(operand, offset, memory_type(self.dtype)), self.dtype)

    def _is_better(self, builder: ir.IRBuilder, element: ir.Value, best: ir.Value) -> ir.Value:
        """Whether an element takes the place of the best one before it: the first NaN counts as the best."""
        if not self.dtype.is_floating:
            compare = builder.icmp_unsigned if self.dtype.is_unsigned else builder.icmp_signed
            return compare(self.sign, element, best)
        return builder.and_(builder.fcmp_unordered(self.sign, element, best), builder.fcmp_ordered("ord", best, best))


def _search(
    op: Argmax | Argmin, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    layout, dtype = operands[0].layout, operands[0].dtype
    rank = len(layout.shape)
    line = range(rank) if op.axis is None else (op.axis % rank,)
    units = _merged(layout, [axis for axis in range(rank) if axis not in line])
    searched = _merged(layout, line)
    sign = ">" if isinstance(op, Argmax) else "<"
    spec = _Search(*units, *searched, dtype, sign)
    parts = parts_for(_SEARCH_WORK * prod(layout.shape), spec.units, threads)
    return (NativeKernel(spec, (Argument(0), Argument(1)), parts),)


for _op in (Argmax, Argmin):
    native_kernels.define(_op)(_search)


def _merged(layout: Layout, axes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The sizes of some axes, as few as may be, and the strides along them."""
    shape, strides = (tuple(values[axis] for axis in axes) for values in (layout.shape, layout.strides))
    merged = merge_axes([Layout("", shape, strides)])
    return tuple(size for size, _ in merged), tuple(strides[0] for _, strides in merged)
