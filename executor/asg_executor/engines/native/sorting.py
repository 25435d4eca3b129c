"""`sort` and `argsort` as native kernels: each unit is a line, which is merged from ever longer sorted runs.

The first runs are so short that each key's place in its run is how many others come before it, which vectors count.
Two runs of one length are merged from both ends at a time: so neither end is reached, and two comparisons wait for
nothing but the one before.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from llvmlite import ir

from asg_executor.engines.native.fused.elements import load_element, memory_type, register_type, store_element
from asg_executor.engines.native.kernel_table import Argument, NativeKernel, Operand, native_kernels, parts_for
from asg_executor.engines.native.strided_code import INDEX, Number, StridedCode
from asg_executor.plan.layout import Layout, merge_axes
from asg_schema.dtype import DType
from asg_schema.ops.reduction_ordering import Argsort, Sort

__all__: list[str] = []

_SHORT = 16  # keys of a first run: a vector of comparisons
_BYTE = ir.IntType(8)
_LINE_BYTES = 64
_MERGE_WORK = 8  # cheap operations that moving an element into a longer run takes about as long as
_MOST_SCRATCH = 1 << 26  # bytes: the lines of each part are sorted there


@dataclass(frozen=True)
class _Sorting:
    """A kernel spec. The arguments are the operand and the result.

    A run is merged with the next one so that of equal elements the earlier one comes first: the order is stable. NaN is
    the largest, and equal to NaN. In scratch memory there are two rows of keys, and two of places, between which the
    runs go to and fro.

    Attributes:
        unit_shape: the lines.
        unit_strides: from line to line, of operand and result.
        size: of a line.
        strides: along a line, of operand and result.
        dtype: the operand's.
        descending: whether the largest comes first.
        places: whether the result is where each element stood, and not the element.
    """

    unit_shape: tuple[int, ...]
    unit_strides: tuple[tuple[int, ...], tuple[int, ...]]
    size: int
    strides: tuple[int, int]
    dtype: DType
    descending: bool
    places: bool

    @property
    def units(self) -> int:
        """One for each line."""
        return prod(self.unit_shape)

    @property
    def scratch_bytes(self) -> int:
        """Two rows of keys, and two of places where those are wanted."""
        return 2 * self.key_bytes + (2 * self.place_bytes if self.places else 0)

    @property
    def key_bytes(self) -> int:
        """How many a row of keys takes."""
        return _row_bytes(self.size, max(4, self.dtype.itemsize))

    @property
    def place_bytes(self) -> int:
        """How many a row of places takes."""
        return _row_bytes(self.size, 8)

    @property
    def _passes(self) -> int:
        """How often runs are merged."""
        return (-(-self.size // _SHORT) - 1).bit_length()

    def define(self, module: ir.Module) -> None:
        """See `KernelSpec`."""
        code = StridedCode(module, 2)
        runs = _Runs(code, self)
        with code.loop(code.begin, code.end) as unit:
            outer = code.indices(unit, self.unit_shape)
            source, target = (code.offset(outer, strides) for strides in self.unit_strides)
            self._read(code, runs, source)
            with code.loop(0, -(-self.size // _SHORT)) as number:
                runs.begin(code.value(code.multiply(number, _SHORT)))
            with code.loop(0, self._passes) as number:
                width = code.builder.shl(INDEX(_SHORT), number)
                pair = code.value(code.multiply(width, 2))
                whole = code.builder.udiv(INDEX(self.size), pair)
                with code.loop(0, whole) as place:
                    runs.merge_alike(number, code.builder.mul(place, pair), width)
                runs.merge(number, code.builder.mul(whole, pair), width)
            self._write(code, runs, target)
        code.finish()

    def _read(self, code: StridedCode, runs: "_Runs", line: Number) -> None:
        with code.loop(0, self.size) as index:
            offset = code.add(line, code.multiply(index, self.strides[0]))
            pointer = code.at(code.arrays[0], offset, memory_type(self.dtype))
            runs.keep(INDEX(0), index, load_element(code.builder, pointer, self.dtype), index)

    def _write(self, code: StridedCode, runs: "_Runs", line: Number) -> None:
        row = INDEX((self._passes + 1) % 2)
        with code.loop(0, self.size) as index:
            offset = code.add(line, code.multiply(index, self.strides[1]))
            if self.places:
                code.store(runs.place(row, index), code.arrays[1], offset)
            else:
                pointer = code.at(code.arrays[1], offset, memory_type(self.dtype))
                store_element(code.builder, runs.key(row, index), pointer, self.dtype)

    def comes_first(self, builder: ir.IRBuilder, a: ir.Value, b: ir.Value) -> ir.Value:
        """Whether a key has to come before another one, to which it is not equal."""
        small, large = (b, a) if self.descending else (a, b)
        if not self.dtype.is_floating:
            return (builder.icmp_unsigned if self.dtype.is_unsigned else builder.icmp_signed)("<", small, large)
        not_smaller = builder.fcmp_unordered(">", large, small)  # or NaN
        return builder.and_(not_smaller, builder.fcmp_ordered("ord", small, small))


class _Runs:
    """The rows in scratch memory: a line is read to row 0, its first runs are in row 1, and pass p writes to row p % 2.

    Args:
        code: the kernel.
        spec: what it computes.
    """

    def __init__(self, code: StridedCode, spec: _Sorting) -> None:
        self._code = code
        self._spec = spec
        self._type = register_type(spec.dtype)
        self._left, self._right, self._last_left, self._last_right = (code.variable(INDEX) for _ in range(4))

    def key(self, row: ir.Value, index: ir.Value) -> ir.Value:
        """A key of a row."""
        return self._code.load(self._keys(row), index, self._type)

    def place(self, row: ir.Value, index: ir.Value) -> ir.Value:
        """Where the element stood whose key this is."""
        return self._code.load(self._places(row), index, INDEX)

    def keep(self, row: ir.Value, index: ir.Value, key: ir.Value, place: ir.Value) -> None:
        """Write a key, and its place where places are wanted."""
        self._code.store(key, self._keys(row), index)
        if self._spec.places:
            self._code.store(place, self._places(row), index)

    def _keys(self, row: ir.Value) -> ir.Value:
        begin = self._code.multiply(row, self._spec.key_bytes)
        return self._code.at(self._code.scratch, begin, _BYTE)

    def _places(self, row: ir.Value) -> ir.Value:
        begin = self._code.multiply(row, self._spec.place_bytes)
        return self._code.at(self._code.scratch, self._code.add(begin, 2 * self._spec.key_bytes), _BYTE)

    def begin(self, begin: ir.Value) -> None:
        """Sort a first run, from row 0 to row 1.

        Args:
            begin: where it begins; it may be cut short by the end of the line.
        """
        code, builder, size = self._code, self._code.builder, INDEX(self._spec.size)
        row, count = INDEX(0), self._left
        with code.loop(begin, code.least(code.add(begin, _SHORT), size)) as index:
            key = self.key(row, index)
            builder.store(INDEX(0), count)
            with code.loop(0, _SHORT) as step:
                place = code.value(code.add(begin, step))
                other = self.key(row, place)
                alike = builder.not_(self._spec.comes_first(builder, key, other))
                earlier = builder.and_(alike, builder.icmp_signed("<", place, index))
                before = builder.or_(self._spec.comes_first(builder, other, key), earlier)
                counted = builder.and_(before, builder.icmp_signed("<", place, size))
                builder.store(builder.add(builder.load(count, typ=INDEX), builder.zext(counted, INDEX)), count)
            target = code.value(code.add(begin, builder.load(count, typ=INDEX)))
            self.keep(INDEX(1), target, key, index)

    def merge_alike(self, number: ir.Value, begin: ir.Value, width: ir.Value) -> None:
        """Merge two neighbouring runs of one length.

        Args:
            number: of the pass.
            begin: where the first run begins.
            width: how long a run is.
        """
        code, builder = self._code, self._code.builder
        target = builder.and_(number, INDEX(1))
        row = builder.xor(target, INDEX(1))
        middle = builder.add(begin, width)
        last = builder.sub(builder.add(middle, width), INDEX(1))
        for variable, value in (
            *((self._left, begin), (self._right, middle)),
            *((self._last_left, builder.sub(middle, INDEX(1))), (self._last_right, last)),
        ):
            builder.store(value, variable)
        with code.loop(0, width) as step:
            left, right = builder.load(self._left, typ=INDEX), builder.load(self._right, typ=INDEX)
            first, second = self.key(row, left), self.key(row, right)
            turned = self._spec.comes_first(builder, second, first)
            self._move(row, target, builder.add(begin, step), builder.select(turned, right, left))
            builder.store(builder.add(right, builder.zext(turned, INDEX)), self._right)
            builder.store(builder.add(left, builder.zext(builder.not_(turned), INDEX)), self._left)
            left, right = builder.load(self._last_left, typ=INDEX), builder.load(self._last_right, typ=INDEX)
            first, second = self.key(row, left), self.key(row, right)
            turned = self._spec.comes_first(builder, second, first)
            self._move(row, target, builder.sub(last, step), builder.select(turned, left, right))
            builder.store(builder.sub(left, builder.zext(turned, INDEX)), self._last_left)
            builder.store(builder.sub(right, builder.zext(builder.not_(turned), INDEX)), self._last_right)

    def merge(self, number: ir.Value, begin: ir.Value, width: ir.Value) -> None:
        """Merge what is left at the end of a line: two runs, of which the second is shorter; one; or nothing.

        Args:
            number: of the pass.
            begin: where the first run begins.
            width: how long a run is.
        """
        code, builder, size = self._code, self._code.builder, INDEX(self._spec.size)
        target = builder.and_(number, INDEX(1))
        row = builder.xor(target, INDEX(1))
        middle = code.least(code.add(begin, width), size)
        builder.store(begin, self._left)
        builder.store(middle, self._right)
        with code.loop(begin, size) as index:
            left, right = builder.load(self._left, typ=INDEX), builder.load(self._right, typ=INDEX)
            # Behind the end of a run there is a key of the next one, or that behind the row's last.
            exhausted = builder.icmp_signed(">=", left, middle)
            waiting = builder.icmp_signed("<", right, size)
            earlier = self._spec.comes_first(builder, self.key(row, right), self.key(row, left))
            turned = builder.and_(waiting, builder.or_(exhausted, earlier))
            self._move(row, target, index, builder.select(turned, right, left))
            builder.store(builder.add(right, builder.zext(turned, INDEX)), self._right)
            builder.store(builder.add(left, builder.zext(builder.not_(turned), INDEX)), self._left)

    def _move(self, row: ir.Value, target: ir.Value, to: ir.Value, place: ir.Value) -> None:
        """Write the key at a place of one row to another row."""
        self.keep(target, to, self.key(row, place), self.place(row, place) if self._spec.places else place)


def _row_bytes(size: int, itemsize: int) -> int:
    """How many bytes a row takes, with room for a first run behind the last element."""
    return -(-(size + _SHORT) * itemsize // _LINE_BYTES) * _LINE_BYTES


def _sort(
    op: Sort | Argsort, operands: Sequence[Operand], results: Sequence[Operand], threads: int
) -> Sequence[NativeKernel]:
    """None where lines are so long that each part would need a lot of memory, and for bytes, which NumPy counts."""
    layouts = [operands[0].layout, results[0].layout]
    shape = layouts[0].shape
    axis = op.axis % len(shape)
    units = merge_axes([_without(layout, axis) for layout in layouts])
    spec = _Sorting(
        tuple(size for size, _ in units),
        (tuple(strides[0] for _, strides in units), tuple(strides[1] for _, strides in units)),
        shape[axis],
        (layouts[0].strides[axis], layouts[1].strides[axis]),
        operands[0].dtype,
        op.descending,
        isinstance(op, Argsort),
    )
    if spec.scratch_bytes > _MOST_SCRATCH or spec.dtype.itemsize == 1:
        return ()
    work = _MERGE_WORK * prod(shape) * max(1, shape[axis].bit_length())
    return (NativeKernel(spec, (Argument(0), Argument(1)), parts_for(work, spec.units, threads)),)


for _op in (Sort, Argsort):
    native_kernels.define(_op)(_sort)


def _without(layout: Layout, axis: int) -> Layout:
    shape, strides = (values[:axis] + values[axis + 1 :] for values in (layout.shape, layout.strides))
    return Layout("", shape, strides)
