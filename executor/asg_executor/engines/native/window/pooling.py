"""`PoolingSpec`: sums and maxima over windows, several places in each vector."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.compilation import vector_unit
from asg_executor.engines.native.kernel_spec import define_inner, define_kernel
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.matmul.code import CONDITION, INDEX, POINTER, Index
from asg_executor.engines.native.matmul.elements import Elements
from asg_executor.engines.native.window.code import WindowCode
from asg_executor.engines.native.window.geometry import Axis
from asg_executor.plan.layout import natural_strides
from asg_schema.dtype import DType
from asg_schema.ops.window import MaxPool, Pooling, WindowSum

__all__ = ["PoolingSpec"]

_NUMBER = ir.IntType(32)  # of an element of an image
_MOST_POSITIONS = 16  # of a window, that are written out one after another
_MOST_VECTORS = 4  # of a line of places
_MOST_MET = 4096  # positions of a window; there are more only where most of them are padding
_PAIR = 2
_OPERATIONS = 4  # that an element of a window takes


@dataclass(frozen=True)
class PoolingSpec:
    """Sums or maxima over windows; see `KernelSpec`.

    Its arguments are x and the sums, or x, the maxima, and where they stand. A unit is an image.

    Attributes:
        dtype: of x; a floating-point one. Halves are computed with in single precision.
        lanes: how many numbers a vector has.
        images: how many images there are.
        image_stride: from one image of x to the next.
        axes: the spatial axes.
        strides: of an image of x.
        finds_maximum: whether the largest element is found, and not the sum.
    """

    dtype: DType
    lanes: int
    images: int
    image_stride: int
    axes: tuple[Axis, ...]
    strides: tuple[int, ...]
    finds_maximum: bool

    @property
    def units(self) -> int:
        """One for each image."""
        return self.images

    @property
    def _span(self) -> int:
        """How many elements x has, with what may lie between them; where strides are negative, fewer."""
        sizes = (self.images, *(axis.elements for axis in self.axes))
        steps = zip(sizes, (self.image_stride, *self.strides), strict=True)
        return 1 + sum((size - 1) * max(stride, 0) for size, stride in steps)

    @property
    def scratch_bytes(self) -> int:
        """None."""
        return 0

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        kernel = define_kernel(module)
        code = WindowCode(kernel, Elements(self.dtype), self.lanes)
        arguments, begin, end, _, _ = kernel.args
        pointers = [
            code.builder.load(code.builder.gep(arguments, [INDEX(number)], source_etype=POINTER), typ=POINTER)
            for number in range(3 if self.finds_maximum else 2)
        ]
        image = (_Maximum if self.finds_maximum else _Sum)(module, self)
        with code.loop(begin, end) as unit:
            places = code.multiply(unit, prod(axis.places for axis in self.axes))
            x = code.at(pointers[0], code.multiply(unit, self.image_stride))
            bounds = [pointers[0], code.at(pointers[0], self._span)]
            results = [code.at(pointers[1], places)]
            if self.finds_maximum:
                results.append(code.builder.gep(pointers[2], [code.value(places)], source_etype=INDEX))
            code.builder.call(image.function, [x, *bounds, *results])
        code.builder.ret_void()


class _Image(ABC):
    """Emits a function of an image, of where all of them begin and end, and of where its results go."""

    def __init__(self, module: ir.Module, spec: PoolingSpec, results: int) -> None:
        types = [POINTER] * (3 + results)
        self.function = define_inner(module, "image", types)
        for pointer in self.function.args[3:]:
            pointer.add_attribute("noalias")
        self.code = WindowCode(self.function, Elements(spec.dtype), spec.lanes)
        self.spec = spec
        self.x, self.begin, self.end, *self.results = self.function.args
        self.numbers = ir.Constant(ir.VectorType(_NUMBER, spec.lanes), list(range(spec.lanes)))
        self.unrolled = prod(axis.kernel for axis in spec.axes) <= _MOST_POSITIONS
        self.is_padded = not all(map(_is_within, spec.axes))
        self._lines(0, [])
        self.code.builder.ret_void()

    @abstractmethod
    def start(self) -> None:
        """Begin with a vector of places."""

    @abstractmethod
    def meet(self, values: ir.Value, mask: ir.Value | None, numbers: ir.Value) -> None:
        """Take the elements at one position of the window into account.

        Args:
            values: the elements; 0 where there is none.
            mask: where there is one. None: everywhere.
            numbers: which elements of the image they are.
        """

    @abstractmethod
    def finish(self, target: Index, mask: ir.Value | None) -> None:
        """Write the results of a vector of places."""

    def _lines(self, target: Index, outer: list[Index]) -> None:
        """The places beyond those along the outer axes."""
        code, axes = self.code, self.spec.axes
        axis = axes[len(outer)]
        if len(outer) < len(axes) - 1:
            below = prod(item.places for item in axes[len(outer) + 1 :])
            with code.loop(0, axis.places) as place:
                self._lines(code.add(target, code.multiply(place, below)), [*outer, place])
            return
        vectors = -(-axis.places // code.lanes)
        for number in self._each(vectors, vectors <= _MOST_VECTORS):
            first = code.multiply(number, code.lanes)
            self.start()
            self._positions([*outer, first], [], 0, 0)
            self.finish(code.add(target, first), code.first_lanes(code.subtract(axis.places, first)))

    def _each(self, count: int, unrolled: bool) -> Generator[Index]:
        """The numbers below a count: one after another, or in a loop."""
        if unrolled:
            yield from range(count)
        else:
            with self.code.loop(0, count) as number:
                yield number

    def _positions(self, places: list[Index], met: list[Index], offset: Index, number: Index) -> None:
        """The positions of the window beyond those along the outer axes.

        Args:
            places: the place.
            met: along the outer axes, the elements that are met.
            offset: where those lie in the image.
            number: and which they are.
        """
        code, spec = self.code, self.spec
        level = len(met)
        axis, stride = spec.axes[level], spec.strides[level]
        natural = natural_strides(tuple(axis.elements for axis in spec.axes))[level]
        is_last = level == len(spec.axes) - 1
        for position in self._each(axis.kernel, self.unrolled):
            element = code.add(
                code.add(code.multiply(places[level], axis.stride), code.multiply(position, axis.dilation)), axis.start
            )
            if is_last:
                self._vector(element, offset, number)
                continue
            below = code.add(offset, code.multiply(element, stride)), code.add(number, code.multiply(element, natural))
            inside = self._is_inside(axis, element)
            with nullcontext() if inside is None else code.builder.if_then(inside):
                self._positions(places, [*met, element], *below)

    def _is_inside(self, axis: Axis, element: Index) -> ir.Value | None:
        """Whether the axis has an element; None where no window reaches beyond it."""
        if _is_within(axis):
            return None
        return self.code.builder.icmp_unsigned("<", self.code.value(element), INDEX(axis.elements))

    def _vector(self, element: Index, offset: Index, number: Index) -> None:
        """The elements that one position of the window meets along the last axis."""
        code, axis, stride = self.code, self.spec.axes[-1], self.spec.strides[-1]
        mask = self._lanes_inside(axis, element)
        place = code.add(offset, code.multiply(element, stride))
        if stride == 1 and axis.stride == _PAIR:
            values = self._load_pairs(place, mask)
        else:
            values = self._load(place, axis.stride * stride, mask)
        steps = self._constant([lane * axis.stride for lane in range(code.lanes)])
        first = code.builder.trunc(code.value(code.add(number, element)), _NUMBER)
        # Where a mask is only about lanes beyond the last place, it matters to what is read alone.
        met = mask if self.is_padded else None
        self.meet(values, met, code.builder.add(steps, code.splat(first)))

    def _constant(self, numbers: Sequence[int]) -> ir.Constant:
        return ir.Constant(ir.VectorType(_NUMBER, self.code.lanes), list(numbers))

    def _lanes_inside(self, axis: Axis, element: Index) -> ir.Value | None:
        """Which of the places of a vector meet an element; None for all. Beyond the last place it has no meaning."""
        code = self.code
        if isinstance(element, int):
            met = [int(0 <= element + lane * axis.stride < axis.elements) for lane in range(code.lanes)]
            return None if all(met) else ir.Constant(ir.VectorType(CONDITION, code.lanes), met)
        first = code.splat(code.builder.trunc(element, _NUMBER))
        elements = code.builder.add(self._constant([lane * axis.stride for lane in range(code.lanes)]), first)
        return code.builder.icmp_unsigned("<", elements, self._constant([axis.elements] * code.lanes))

    def _load_pairs(self, offset: Index, mask: ir.Value | None) -> ir.Value:
        """Every second element of two vectors of neighbours, if all these are in memory; else one by one.

        Masks would not do: LLVM makes one instruction of a load and the shuffle behind it, which reads all lanes.
        """
        code, builder = self.code, self.code.builder
        place = builder.gep(self.x, [code.value(offset)], source_etype=code.elements.type)
        behind = builder.gep(place, [INDEX(_PAIR * code.lanes)], source_etype=code.elements.type)
        first, last, begin, end = (builder.ptrtoint(item, INDEX) for item in (place, behind, self.begin, self.end))
        is_there = builder.and_(builder.icmp_unsigned("<=", begin, first), builder.icmp_unsigned("<=", last, end))
        with builder.if_else(is_there) as (pairs, singles):
            with pairs:
                halves = [code.load_vector(code.at(place, begin)) for begin in (0, code.lanes)]
                paired = code.shuffle(halves[0], halves[1], [_PAIR * lane for lane in range(code.lanes)])
                if mask is not None:
                    paired = builder.select(mask, paired, ir.Constant(code.vector, None))
                after_pairs = builder.block
            with singles:
                single = self._load(offset, _PAIR, mask)
                after_singles = builder.block
        values = builder.phi(code.vector)
        values.add_incoming(paired, after_pairs)
        values.add_incoming(single, after_singles)
        return values

    def _load(self, offset: Index, step: int, mask: ir.Value | None) -> ir.Value:
        """Elements that are `step` apart; 0 where the mask has none."""
        code = self.code
        # The address of a lane that is not read may be anywhere.
        place = code.builder.gep(self.x, [code.value(offset)], source_etype=code.elements.type)
        if step == 1:
            return code.load_vector(place, mask)
        lanes, type = code.lanes, ir.VectorType(code.elements.type, code.lanes)
        size = code.elements.bytes * step
        distances = ir.Constant(ir.VectorType(INDEX, lanes), [lane * size for lane in range(lanes)])
        addresses = code.builder.add(code.splat(code.builder.ptrtoint(place, INDEX)), distances)
        places = code.builder.inttoptr(addresses, ir.VectorType(POINTER, lanes))
        every = ir.Constant(ir.VectorType(CONDITION, lanes), [1] * lanes)
        zero = ir.Constant(type, None)
        gather = code.builder.module.declare_intrinsic(
            f"llvm.masked.gather.v{lanes}{code.elements.suffix}.v{lanes}p0",
            (),
            ir.FunctionType(type, [ir.VectorType(POINTER, lanes), _NUMBER, every.type, type]),
        )
        arguments = [places, _NUMBER(code.elements.bytes), every if mask is None else mask, zero]
        return code.elements.widen(code.builder, code.builder.call(gather, arguments), lanes)


def _is_within(axis: Axis) -> bool:
    """Whether no window reaches beyond an axis."""
    last = axis.start + (axis.places - 1) * axis.stride + (axis.kernel - 1) * axis.dilation
    return axis.start >= 0 and last < axis.elements


class _Sum(_Image):
    """The sums of an image's windows."""

    def __init__(self, module: ir.Module, spec: PoolingSpec) -> None:
        super().__init__(module, spec, 1)

    def start(self) -> None:
        """See `_Image`."""
        self.total = self.code.variable(self.code.vector)
        self.code.builder.store(ir.Constant(self.code.vector, None), self.total)

    def meet(self, values: ir.Value, mask: ir.Value | None, numbers: ir.Value) -> None:
        """See `_Image`. What is not there is 0."""
        builder = self.code.builder
        builder.store(builder.fadd(builder.load(self.total, typ=self.code.vector), values), self.total)

    def finish(self, target: Index, mask: ir.Value | None) -> None:
        """See `_Image`."""
        total = self.code.builder.load(self.total, typ=self.code.vector)
        self.code.store_vector(total, self.code.at(self.results[0], target), mask)


class _Maximum(_Image):
    """The largest elements of an image's windows, and where they stand."""

    def __init__(self, module: ir.Module, spec: PoolingSpec) -> None:
        super().__init__(module, spec, 2)

    def start(self) -> None:
        """See `_Image`. No element has been met where the number is negative."""
        code = self.code
        self.is_first = self.unrolled and not self.is_padded
        self.largest, self.number = code.variable(code.vector), code.variable(self.numbers.type)
        code.builder.store(ir.Constant(code.vector, None), self.largest)
        code.builder.store(self._constant([-1] * code.lanes), self.number)

    def meet(self, values: ir.Value, mask: ir.Value | None, numbers: ir.Value) -> None:
        """See `_Image`. A larger element takes the place, or NaN that of a number."""
        builder = self.code.builder
        if self.is_first:
            builder.store(values, self.largest)
            builder.store(numbers, self.number)
            self.is_first = False
            return
        largest, number = builder.load(self.largest, typ=self.code.vector), builder.load(self.number, typ=numbers.type)
        wins = builder.and_(builder.fcmp_unordered(">", values, largest), builder.fcmp_ordered("ord", largest, largest))
        if self.is_padded or not self.unrolled:
            wins = builder.or_(wins, builder.icmp_signed("<", number, self._constant([0] * self.code.lanes)))
        if mask is not None:
            wins = builder.and_(wins, mask)
        builder.store(builder.select(wins, values, largest), self.largest)
        builder.store(builder.select(wins, numbers, number), self.number)

    def finish(self, target: Index, mask: ir.Value | None) -> None:
        """See `_Image`."""
        code, builder = self.code, self.code.builder
        values, indices = self.results
        code.store_vector(builder.load(self.largest, typ=code.vector), code.at(values, target), mask)
        type = ir.VectorType(INDEX, code.lanes)
        numbers = builder.sext(builder.load(self.number, typ=self.numbers.type), type)
        place = builder.gep(indices, [code.value(target)], source_etype=INDEX)
        if mask is None:
            builder.store(numbers, place, align=8)
            return
        name = f"llvm.masked.store.v{code.lanes}i64.p0"
        signature = ir.FunctionType(ir.VoidType(), [type, POINTER, _NUMBER, mask.type])
        builder.call(builder.module.declare_intrinsic(name, (), signature), [numbers, place, _NUMBER(8), mask])


def _spec(op: Pooling, x: Operand, places: tuple[int, ...], *, finds_maximum: bool) -> PoolingSpec | None:
    """The spec of a node; None where NumPy is to compute it."""
    spatial = len(op.kernel_size)
    sizes = x.layout.shape[-spatial:]
    images = prod(x.layout.shape[:-spatial])
    lines = x.layout.reshape((images, *sizes))
    if not x.dtype.is_floating or lines is None or prod(sizes) >= 2**31 or prod(op.kernel_size) > _MOST_MET:
        return None
    window = op.window
    # A step that leads past all elements may as well be shorter, and one that is never made may be 1.
    axes = tuple(
        Axis(-padding[0], stride if place > 1 else 1, place, min(dilation, max(1, size + padding[0])), kernel, size)
        for padding, stride, place, dilation, kernel, size in zip(
            window.padding, window.strides, places[-spatial:], window.dilation, op.kernel_size, sizes, strict=True
        )
    )
    lanes = vector_unit().bytes // Elements(x.dtype).wide.bytes
    return PoolingSpec(x.dtype, lanes, images, lines.strides[0], axes, lines.strides[1:], finds_maximum)


@native_kernels.define(MaxPool)
def max_pool(
    op: MaxPool, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """Maxima of floating-point numbers."""
    spec = _spec(op, operands[0], results[0].layout.shape, finds_maximum=True)
    return () if spec is None else (_kernel(spec, threads),)


@native_kernels.define(WindowSum)
def window_sum(
    op: WindowSum, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """Sums of floating-point numbers."""
    spec = _spec(op, operands[0], results[0].layout.shape, finds_maximum=False)
    return () if spec is None else (_kernel(spec, threads),)


def _kernel(spec: PoolingSpec, threads: int) -> NativeKernel:
    arguments = tuple(Argument(place) for place in range(3 if spec.finds_maximum else 2))
    work = spec.images * prod(axis.places * axis.kernel for axis in spec.axes) * _OPERATIONS
    return NativeKernel(spec, arguments, parts_for(work, spec.units, threads))
