"""`Scatter`: an array with elements of a source added, or set, where indices say."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from math import prod

from llvmlite import ir

from asg_executor.engines.native.fused.elements import load_element, memory_type, register_type, store_element
from asg_executor.engines.native.lookups.places import PlaceCode, Places
from asg_executor.engines.native.strided_code import Number, StridedCode, bits_type
from asg_executor.plan.layout import natural_strides
from asg_schema.dtype import DType

__all__ = ["Scatter"]


@dataclass(frozen=True)
class Scatter:
    """A kernel spec. The arguments are the array, the indices, the source and the result.

    The result's axes are those that the domain has too, the *shared* ones, and those that are indexed. Places that
    differ along a shared axis never name the same element. So the units divide the shared axes: one is a place along
    all but the last of them, and a block of that one. Within a unit the source is gone through in row-major order, so
    that the result does not depend on how units are divided.

    Where the result is the memory of the array, nothing is copied. 16-bit floats are added up in single precision, in
    scratch memory, and rounded once.

    Attributes:
        places: which element of the result each of the source belongs to; its strides are the result's.
        array_strides: the array's along the domain's axes, 0 along those of the indices alone.
        source_strides: the source's along the domain's axes.
        indexed_strides: the array's along the indexed axes.
        dtype: of the elements.
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

    @property
    def scratch_bytes(self) -> int:
        """What belongs to a unit, in single precision, where 16-bit floats are added."""
        return 4 * self.block * prod(component.size for component in self.places.components) if self._widens else 0

    @property
    def _widens(self) -> bool:
        return self.adds and self.dtype in (DType.FLOAT16, DType.BFLOAT16)

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 4)
        array, indices, _, result = code.arrays
        places = PlaceCode(code, self._sums() if self._widens else self.places, indices)
        copies = code.not_same(array, result)
        with code.loop(code.begin, code.end) as unit:
            bounds = self._bounds(code, unit)
            if self._widens:
                self._add_widened(code, places, bounds, copies)
            else:
                with code.when(copies), self._elements(code, bounds) as (source, target, _):
                    code.store(code.load(array, source, bits_type(self.dtype.itemsize)), result, target)
                with self._source_elements(code, places, bounds, self.places.strides) as (source, target):
                    self._write(code, source, target)
        places.finish()

    def _sums(self) -> Places:
        """Where what belongs to a unit lies in scratch memory: as the result, without other units' elements."""
        sizes = tuple(component.size for component in self.places.components)
        strides = natural_strides((*sizes, self.block))
        last = self._shared[-1:]
        return replace(
            self.places,
            strides=tuple(int(axis in last) for axis in range(len(self.places.shape))),
            components=tuple(
                component._replace(stride=stride)
                for component, stride in zip(self.places.components, strides, strict=False)
            ),
        )

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

    @contextmanager
    def _elements(
        self, code: StridedCode, bounds: Sequence[tuple[Number, Number]]
    ) -> Generator[tuple[Number, Number, Number]]:
        """Loops over what belongs to a unit, in the order in which the result lies.

        Yields:
            Where an element lies in the array, in the result, and in scratch memory.
        """
        shared, sums = self._shared, self._sums()
        axes = [
            (self.places.strides[axis], self.array_strides[axis], sums.strides[axis], bounds[axis]) for axis in shared
        ]
        for component, stride, summed in zip(
            self.places.components, self.indexed_strides, sums.components, strict=True
        ):
            axes.append((component.stride, stride, summed.stride, (0, component.size)))
        axes.sort(key=lambda axis: axis[0], reverse=True)
        with ExitStack() as stack:
            offsets: list[Number] = [0, 0, self._before(code, bounds)]
            for target, source, summed, (begin, end) in axes:
                index = stack.enter_context(code.loop(begin, end))
                for place, stride in enumerate((source, target, summed)):
                    offsets[place] = code.add(offsets[place], code.multiply(index, stride))
            source, target, summed = offsets
            yield source, target, summed

    def _before(self, code: StridedCode, bounds: Sequence[tuple[Number, Number]]) -> Number:
        """What is to be added to a place along the last shared axis, so that a unit's begins at 0."""
        shared = self._shared
        return code.builder.neg(code.value(bounds[shared[-1]][0])) if shared else 0

    @contextmanager
    def _source_elements(
        self, code: StridedCode, places: PlaceCode, bounds: Sequence[tuple[Number, Number]], strides: Sequence[int]
    ) -> Generator[tuple[Number, Number]]:
        """Loops over the source's elements that belong to a unit, in row-major order.

        Yields:
            Where an element lies in the source, and where `places` and these strides say.
        """
        looked_up = self.places.looked_up
        with ExitStack() as stack:
            known: list[Number] = [stack.enter_context(code.loop(begin, end)) for begin, end in bounds[:looked_up]]
            indexed = places.indexed(known)
            known += [stack.enter_context(code.loop(begin, end)) for begin, end in bounds[looked_up:]]
            yield code.offset(known, self.source_strides), code.add(indexed, code.offset(known, strides))

    def _write(self, code: StridedCode, source: Number, target: Number) -> None:
        _, _, sources, result = code.arrays
        if not self.adds:
            code.store(code.load(sources, source, bits_type(self.dtype.itemsize)), result, target)
            return
        type = memory_type(self.dtype)
        before, added = code.load(result, target, type), code.load(sources, source, type)
        total = code.builder.fadd(before, added) if self.dtype.is_floating else code.builder.add(before, added)
        code.store(total, result, target)

    def _add_widened(
        self, code: StridedCode, places: PlaceCode, bounds: Sequence[tuple[Number, Number]], copies: ir.Value
    ) -> None:
        array, _, sources, result = code.arrays
        stored, wide = memory_type(self.dtype), register_type(self.dtype)
        # One memory is reached through one pointer: that is what `StridedCode` says of them.
        with code.when(copies), self._elements(code, bounds) as (source, _, summed):
            element = load_element(code.builder, code.at(array, source, stored), self.dtype)
            code.store(element, code.scratch, summed)
        with code.when(code.builder.not_(copies)), self._elements(code, bounds) as (_, target, summed):
            element = load_element(code.builder, code.at(result, target, stored), self.dtype)
            code.store(element, code.scratch, summed)
        with self._source_elements(code, places, bounds, self._sums().strides) as (source, place):
            summed = code.add(place, self._before(code, bounds))
            added = load_element(code.builder, code.at(sources, source, stored), self.dtype)
            code.store(code.builder.fadd(code.load(code.scratch, summed, wide), added), code.scratch, summed)
        with self._elements(code, bounds) as (_, target, summed):
            total = code.load(code.scratch, summed, wide)
            store_element(code.builder, total, code.at(result, target, stored), self.dtype)
