"""`Scatter`: an array with elements of a source added, or set, where indices say."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.fused.elements import memory_type
from asg_executor.engines.native.lookups.places import PlaceCode, Places
from asg_executor.engines.native.strided_code import Number, StridedCode, bits_type
from asg_schema.dtype import DType

__all__ = ["Scatter"]


@dataclass(frozen=True)
class Scatter:
    """A kernel spec. The arguments are the array, the indices, the source and the result.

    The result's axes are those that the domain has too, the *shared* ones, and those that are indexed. Places that
    differ along a shared axis never name the same element. So the units divide the shared axes: one is a place along
    all but the last of them, and a block of that one. Within a unit the source is gone through in row-major order, so
    that the result does not depend on how units are divided.

    Where the result is the memory of the array, nothing is copied.

    Attributes:
        places: which element of the result each of the source belongs to; its strides are the result's.
        array_strides: the array's along the domain's axes, 0 along those of the indices alone.
        source_strides: the source's along the domain's axes.
        indexed_strides: the array's along the indexed axes.
        dtype: of the elements; not a 16-bit float where they are added.
        adds: whether elements are added; else they take the place of what was there, the last one for good.
        block: how many places along the last shared axis a unit has.
    """

    places: Places
    array_strides: tuple[int, ...]
    source_strides: tuple[int, ...]
    indexed_strides: tuple[int, ...]
    dtype: DType
    adds: bool
    block: int
    scratch_bytes: int = 0

    @property
    def units(self) -> int:
        """See `Scatter`."""
        return prod(self._unit_shape)

    @property
    def _shared(self) -> list[int]:
        return [axis for axis, stride in enumerate(self.places.strides) if stride]

    @property
    def _unit_shape(self) -> list[int]:
        sizes = [self.places.shape[axis] for axis in self._shared]
        return [*sizes[:-1], -(-sizes[-1] // self.block)] if sizes else []

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 4)
        array, indices, _, result = code.arrays
        places = PlaceCode(code, self.places, indices)
        copies = code.not_same(array, result)
        with code.loop(code.begin, code.end) as unit:
            bounds = self._bounds(code, unit)
            with code.when(copies):
                self._copy(code, bounds)
            self._scatter(code, places, bounds)
        places.finish()

    def _bounds(self, code: StridedCode, unit: ir.Value) -> list[tuple[Number, Number]]:
        """From which index to just before which one a unit runs along each axis of the domain."""
        bounds: list[tuple[Number, Number]] = [(0, size) for size in self.places.shape]
        shared = self._shared
        found = code.indices(unit, self._unit_shape)
        for axis, index in zip(shared, found, strict=True):
            bounds[axis] = index, code.add(index, 1)
        if shared:
            bounds[shared[-1]] = code.block(found[-1], self.block, self.places.shape[shared[-1]])
        return bounds

    def _copy(self, code: StridedCode, bounds: Sequence[tuple[Number, Number]]) -> None:
        """Copy what belongs to a unit, in the order in which the result lies."""
        axes = [(self.places.strides[axis], self.array_strides[axis], bounds[axis]) for axis in self._shared]
        for component, stride in zip(self.places.components, self.indexed_strides, strict=True):
            axes.append((component.stride, stride, (0, component.size)))
        axes.sort(key=lambda axis: axis[0], reverse=True)
        array, *_, result = code.arrays
        with ExitStack() as stack:
            source: Number = 0
            target: Number = 0
            for to, of, (begin, end) in axes:
                index = stack.enter_context(code.loop(begin, end))
                source = code.add(source, code.multiply(index, of))
                target = code.add(target, code.multiply(index, to))
            code.store(code.load(array, source, bits_type(self.dtype.itemsize)), result, target)

    def _scatter(self, code: StridedCode, places: PlaceCode, bounds: Sequence[tuple[Number, Number]]) -> None:
        looked_up = self.places.looked_up
        with ExitStack() as stack:
            known: list[Number] = [stack.enter_context(code.loop(begin, end)) for begin, end in bounds[:looked_up]]
            indexed = places.indexed(known)
            known += [stack.enter_context(code.loop(begin, end)) for begin, end in bounds[looked_up:]]
            source = code.offset(known, self.source_strides)
            self._write(code, source, code.add(indexed, code.offset(known, self.places.strides)))

    def _write(self, code: StridedCode, source: Number, target: Number) -> None:
        _, _, sources, result = code.arrays
        if not self.adds:
            code.store(code.load(sources, source, bits_type(self.dtype.itemsize)), result, target)
            return
        type = memory_type(self.dtype)
        before, added = code.load(result, target, type), code.load(sources, source, type)
        sum = code.builder.fadd(before, added) if self.dtype.is_floating else code.builder.add(before, added)
        code.store(sum, result, target)
