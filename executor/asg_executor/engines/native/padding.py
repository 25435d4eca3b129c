"""`pad` as a native kernel: the rows of the result, each padded or all padding."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import NamedTuple

import numpy as np
from llvmlite import ir

from asg_executor.engines.native.division import block_length
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.strided_code import CONDITION, Number, StridedCode, bits_type
from asg_executor.plan.arrays import numpy_dtype
from asg_schema.dtype import DType
from asg_schema.ops.layout import Pad

__all__: list[str] = []


class _Axis(NamedTuple):
    """An axis of the result, and what is kept of the operand along it.

    Attributes:
        size: of the axis.
        begin: where the first element stands that is kept.
        step: how far the next one stands from it.
        kept: how many are kept.
        stride: the operand's.
    """

    size: int
    begin: int
    step: int
    kept: int
    stride: int

    @property
    def is_unpadded(self) -> bool:
        """Whether all of the axis is the operand's."""
        return self.begin == 0 and self.step == 1 and self.kept == self.size


@dataclass(frozen=True)
class _Padding:
    """A kernel spec. The arguments are the operand, at the first element that is kept, and the result.

    Attributes:
        axes: at least one; the last one is the row.
        value: the bits of the padding.
        itemsize: of an element, in bytes.
        block: how much of a row a unit has.
    """

    axes: tuple[_Axis, ...]
    value: int
    itemsize: int
    block: int
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """One for each block of each row."""
        return prod(self._unit_shape)

    @property
    def _unit_shape(self) -> tuple[int, ...]:
        return (*(axis.size for axis in self.axes[:-1]), -(-self.axes[-1].size // self.block))

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 2)
        operand, result = code.arrays
        type = bits_type(self.itemsize)
        row = self.axes[-1]
        with code.loop(code.begin, code.end) as unit:
            *outer, number = code.indices(unit, self._unit_shape)
            inside, source = self._source(code, outer)
            target = code.multiply(code.builder.udiv(unit, code.value(self._unit_shape[-1])), row.size)
            begin, end = code.block(number, self.block, row.size)
            # At the end, where all is padding.
            first = code.builder.select(inside, code.least(code.largest(begin, row.begin), end), end)
            last = code.largest(first, code.least(end, row.begin + (row.kept - 1) * row.step + 1))
            gaps = first if row.step == 1 else last  # between elements there is padding too
            for padded in ((begin, gaps), (last, end)):
                with code.loop(*padded) as index:
                    code.store(type(self.value), result, code.add(target, index))
            places = code.builder.sdiv(code.add(code.builder.sub(last, first), row.step - 1), code.value(row.step))
            skipped = code.builder.sub(first, code.value(row.begin))
            with code.loop(0, places) as index:
                place = code.add(first, code.multiply(index, row.step))
                at = code.add(index, skipped) if row.step == 1 else index
                value = code.load(operand, code.add(source, code.multiply(code.value(at), row.stride)), type)
                code.store(value, result, code.add(target, place))
        code.finish()

    def _source(self, code: StridedCode, outer: Sequence[Number]) -> tuple[ir.Value, Number]:
        """Whether a row has elements of the operand, and where those begin."""
        builder = code.builder
        inside: ir.Value = CONDITION(int(self.axes[-1].kept > 0))
        source: Number = 0
        for axis, index in zip(self.axes[:-1], outer, strict=True):
            if axis.is_unpadded:
                source = code.add(source, code.multiply(index, axis.stride))
                continue
            ahead = builder.sub(code.value(index), code.value(axis.begin))
            number = builder.udiv(ahead, code.value(axis.step))  # large where the axis begins behind
            kept = builder.icmp_unsigned("<", number, code.value(axis.kept))
            exact = builder.icmp_unsigned("==", builder.mul(number, code.value(axis.step)), ahead)
            inside = builder.and_(inside, builder.and_(kept, exact))
            source = code.add(source, code.multiply(number, axis.stride))
        return inside, source


@native_kernels.define(Pad)
def pad(op: Pad, operands: Sequence[Operand], results: Sequence[Operand], threads: int) -> Sequence[NativeKernel]:
    """Padding, and elements between it; axes without padding belong to the axis before."""
    (x,), (result,) = operands, results
    rank = len(x.layout.shape)
    axes: list[_Axis] = []
    offset = 0
    for axis, (low, between) in enumerate(zip(op.low, op.interior or (0,) * rank, strict=True)):
        assert isinstance(low, int), "the attributes of an instruction have no symbols"
        kept, dropped = _kept(x.layout.shape[axis], result.layout.shape[axis], low, between + 1)
        offset += dropped * x.layout.strides[axis]
        axes.append(kept._replace(stride=x.layout.strides[axis]))
    axes = _merged(axes)
    row = axes[-1]
    others = prod(axis.size for axis in axes[:-1])
    block = block_length(row.size, 1, others, threads) if row.step == 1 else row.size
    spec = _Padding(tuple(axes), _bits(op.value, result.dtype), result.dtype.itemsize, block)
    parts = parts_for(prod(result.layout.shape), spec.units, threads)
    return (NativeKernel(spec, (Argument(0, offset), Argument(1)), parts),)


def _kept(size: int, padded: int, low: int, step: int) -> tuple[_Axis, int]:
    """What stays of an axis of the operand, and how many elements of it are dropped first.

    Args:
        size: the axis's.
        padded: the result's.
        low: where element 0 is to stand.
        step: how far the next one is to stand from it.
    """
    first = max(0, -(low // step))
    count = max(0, min(size, -((low - padded) // step)) - first)
    begin = low + first * step
    return (_Axis(padded, begin, step, count, 0), first) if count else (_Axis(padded, 0, 1, 0, 0), 0)


def _merged(axes: Sequence[_Axis]) -> list[_Axis]:
    """The same padding with as few axes as may be."""
    merged: list[_Axis] = []
    for axis in axes:
        before = merged[-1] if merged else _Axis(1, 0, 1, 1, axis.size * axis.stride)
        if axis.is_unpadded and before.step == 1 and (before.stride == axis.size * axis.stride or before.size == 1):
            joined = _Axis(before.size * axis.size, before.begin * axis.size, 1, before.kept * axis.size, axis.stride)
            merged = [*merged[:-1], joined]
        elif before == (1, 0, 1, 1, before.stride):
            merged = [*merged[:-1], axis]
        else:
            merged.append(axis)
    return merged or [_Axis(1, 0, 1, 1, 0)]


def _bits(value: object, dtype: DType) -> int:
    """A number as the bits that it has in memory."""
    number = np.asarray(value).astype(numpy_dtype(dtype))
    return int.from_bytes(number.tobytes(), "little")
