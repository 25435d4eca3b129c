"""`Code`: a function under construction, with the few things that matrix products are written in."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import TypeAlias

from llvmlite import ir

from asg_executor.engines.native.matmul.elements import Elements

__all__ = ["CONDITION", "INDEX", "POINTER", "Code", "Index"]

INDEX = ir.IntType(64)
POINTER = ir.PointerType()
CONDITION = ir.IntType(1)
_LANE = ir.IntType(32)
_NEAREST, _DATA = 3, 1  # of `llvm.prefetch`: into which level of the cache, and that it is not code


class _BFloat(ir.Type):
    """LLVM's `bfloat`, which llvmlite does not have."""

    def _to_string(self) -> str:
        return "bfloat"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _BFloat)

    def __hash__(self) -> int:
        return hash(_BFloat)


def _repeated(builder: ir.IRBuilder, value: ir.Value, lanes: int) -> ir.Value:
    vector = ir.VectorType(value.type, lanes)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, _LANE(0))
    mask = ir.Constant(ir.VectorType(_LANE, lanes), None)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)


Index: TypeAlias = "ir.Value | int"
"""An index or a number of elements; one that is known beforehand is an int."""


class Code:
    """Appends instructions to a function.

    Args:
        function: the function; it has no code yet.
        elements: the elements of the matrices.
        lanes: how many numbers a vector has.

    Attributes:
        vector: the type of a vector of numbers that are computed with.
    """

    def __init__(self, function: ir.Function, elements: Elements, lanes: int) -> None:
        self.function = function
        self.builder = ir.IRBuilder(function.append_basic_block("begin"))
        self.elements = elements
        self.lanes = lanes
        self.vector = ir.VectorType(elements.wide.type, lanes)

    def value(self, index: Index) -> ir.Value:
        """An index as a value."""
        return INDEX(index) if isinstance(index, int) else index

    def add(self, a: Index, b: Index) -> Index:
        """The sum."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0 or b == 0:
            return b if a == 0 else a
        return self.builder.add(self.value(a), self.value(b), flags=("nsw",))

    def subtract(self, a: Index, b: Index) -> Index:
        """The difference."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        return self.builder.sub(self.value(a), self.value(b), flags=("nsw",))

    def multiply(self, a: Index, b: int) -> Index:
        """The product."""
        if isinstance(a, int):
            return a * b
        if b in (0, 1):
            return a if b else 0
        return self.builder.mul(a, INDEX(b), flags=("nsw",))

    def least(self, a: Index, b: Index) -> Index:
        """The smaller of the two."""
        if isinstance(a, int) and isinstance(b, int):
            return min(a, b)
        x, y = self.value(a), self.value(b)
        return self.builder.select(self.builder.icmp_signed("<", x, y), x, y)

    def most(self, a: Index, b: Index) -> Index:
        """The larger of the two."""
        if isinstance(a, int) and isinstance(b, int):
            return max(a, b)
        x, y = self.value(a), self.value(b)
        return self.builder.select(self.builder.icmp_signed(">", x, y), x, y)

    def split(self, number: Index, size: int) -> tuple[Index, Index]:
        """Quotient and remainder of a number that is not negative."""
        if size == 1:
            return number, 0
        value = self.value(number)
        return self.builder.udiv(value, INDEX(size)), self.builder.urem(value, INDEX(size))

    def share(self, block: Index, items: int, blocks: int) -> tuple[Index, Index]:
        """The first of the items of a block, and that of the next one."""
        if blocks == 1:
            return 0, items
        begin = self.multiply(block, items)
        end = self.add(begin, items)
        return self.split(begin, blocks)[0], self.split(end, blocks)[0]

    def at(self, pointer: ir.Value, offset: Index) -> ir.Value:
        """The pointer to the element of a matrix `offset` elements further."""
        return self._at(pointer, offset, self.elements)

    def at_number(self, pointer: ir.Value, offset: Index) -> ir.Value:
        """The pointer to the number `offset` numbers further: where packed numbers lie."""
        return self._at(pointer, offset, self.elements.wide)

    def load(self, pointer: ir.Value) -> ir.Value:
        """One element of a matrix, as a number."""
        stored = self.builder.load(pointer, typ=self.elements.type, align=self.elements.bytes)
        return self.elements.widen(self.builder, stored)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        """Write one number as an element of a matrix."""
        self.builder.store(self.elements.narrow(self.builder, value), pointer, align=self.elements.bytes)

    def variable(self, type: ir.Type) -> ir.Value:
        """Where a value is kept that changes: LLVM makes a register of it."""
        with self.builder.goto_entry_block():
            return self.builder.alloca(type)

    def is_less(self, a: Index, b: Index) -> ir.Value:
        """Whether a number is less than another."""
        return self.builder.icmp_signed("<", self.value(a), self.value(b))

    def is_zero(self, number: Index) -> ir.Value:
        """Whether a number is 0."""
        return self.builder.icmp_signed("==", self.value(number), INDEX(0))

    def load_vector(self, pointer: ir.Value, mask: ir.Value | None = None) -> ir.Value:
        """Elements of a matrix that are neighbours, as a vector of numbers.

        Args:
            pointer: where the first one lies.
            mask: which elements are read; the others are 0. Absent: all.
        """
        elements = self.elements
        type = ir.VectorType(elements.type, self.lanes)
        if mask is None:
            stored = self.builder.load(pointer, typ=type, align=elements.bytes)
        else:
            function = self._intrinsic(
                f"llvm.masked.load.v{self.lanes}{elements.suffix}.p0",
                ir.FunctionType(type, [POINTER, _LANE, mask.type, type]),
            )
            stored = self.builder.call(function, [pointer, _LANE(elements.bytes), mask, ir.Constant(type, None)])
        return elements.widen(self.builder, stored, self.lanes)

    def store_vector(self, value: ir.Value, pointer: ir.Value, mask: ir.Value | None = None) -> None:
        """Write a vector of numbers as elements of a matrix that are neighbours; see `load_vector`."""
        elements = self.elements
        value = elements.narrow(self.builder, value, self.lanes)
        if mask is None:
            self.builder.store(value, pointer, align=elements.bytes)
            return
        name = f"llvm.masked.store.v{self.lanes}{elements.suffix}.p0"
        self.call(name, [value, pointer, _LANE(elements.bytes), mask])

    def fetch(self, pointer: ir.Value, *, writes: bool) -> None:
        """Ask for a line of memory to be in the first level of the cache soon.

        Args:
            pointer: to any byte of it; it need not be memory of anybody's.
            writes: whether it will be written.
        """
        self.call("llvm.prefetch.p0", [pointer, _LANE(int(writes)), _LANE(_NEAREST), _LANE(_DATA)])

    def load_pairs(self, pointer: ir.Value, count: ir.Value) -> ir.Value:
        """Pairs of bfloat16 that are neighbours, as a vector of packed numbers.

        Args:
            pointer: where the first pair lies.
            count: how many elements are read; the others are 0.
        """
        lanes = 2 * self.lanes
        type = ir.VectorType(self.elements.type, lanes)
        numbers = ir.Constant(ir.VectorType(INDEX, lanes), list(range(lanes)))
        mask = self.builder.icmp_signed("<", numbers, _repeated(self.builder, count, lanes))
        function = self._intrinsic(
            f"llvm.masked.load.v{lanes}{self.elements.suffix}.p0",
            ir.FunctionType(type, [POINTER, _LANE, mask.type, type]),
        )
        stored = self.builder.call(function, [pointer, _LANE(self.elements.bytes), mask, ir.Constant(type, None)])
        return self.builder.bitcast(stored, self.vector)

    def pair(self, first: ir.Value, second: ir.Value, lanes: int = 0) -> ir.Value:
        """Two bfloat16 that were read as numbers, or vectors of them, as packed numbers."""
        type = ir.VectorType(_LANE, lanes) if lanes else _LANE
        half = ir.Constant(type, [16] * lanes if lanes else 16)
        low = self.builder.lshr(self.builder.bitcast(first, type), half)
        return self.builder.bitcast(self.builder.or_(low, self.builder.bitcast(second, type)), first.type)

    def load_number(self, pointer: ir.Value) -> ir.Value:
        """One number of those that are packed."""
        return self.builder.load(pointer, typ=self.elements.wide.type)

    def load_numbers(self, pointer: ir.Value) -> ir.Value:
        """A vector of those that are packed, which lies at a multiple of its size."""
        return self.builder.load(pointer, typ=self.vector, align=self._vector_bytes)

    def store_numbers(self, value: ir.Value, pointer: ir.Value) -> None:
        """Write a vector to where it is packed; see `load_numbers`."""
        self.builder.store(value, pointer, align=self._vector_bytes)

    def store_first_numbers(self, value: ir.Value, pointer: ir.Value, count: int) -> None:
        """Write the first numbers of a vector, or all of them, to where they are packed without gaps."""
        mask, wide = self.first_lanes(count), self.elements.wide
        if mask is None:
            self.builder.store(value, pointer, align=wide.bytes)
            return
        name = f"llvm.masked.store.v{self.lanes}{wide.suffix}.p0"
        self.call(name, [value, pointer, _LANE(wide.bytes), mask])

    def first_lanes(self, count: Index) -> ir.Value | None:
        """The mask of the first `count` elements of a vector; None for all of them."""
        if isinstance(count, int):
            if count >= self.lanes:
                return None
            return ir.Constant(ir.VectorType(CONDITION, self.lanes), [int(lane < count) for lane in range(self.lanes)])
        numbers = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.splat(count))

    def splat(self, value: ir.Value) -> ir.Value:
        """A vector of one value."""
        return _repeated(self.builder, value, self.lanes)

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
        """The elements with these numbers among those of a, and then b."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, self.lanes), lanes))

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Of vectors a · b + c, with one rounding where the processor has an instruction for that."""
        type = ir.FunctionType(self.vector, [self.vector] * 3)
        name = f"llvm.fmuladd.v{self.lanes}{self.elements.wide.suffix}"
        return self.builder.call(self._intrinsic(name, type), [a, b, c])

    def dot(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Of vectors of packed pairs c plus the products of both halves; subnormal numbers count as 0 in it."""
        pairs = ir.VectorType(_BFloat(), 2 * self.lanes)
        type = ir.FunctionType(self.vector, [self.vector, pairs, pairs])
        function = self._intrinsic(f"llvm.x86.avx512bf16.dpbf16ps.{32 * self.lanes}", type)
        return self.builder.call(function, [c, self.builder.bitcast(a, pairs), self.builder.bitcast(b, pairs)])

    def call(self, name: str, arguments: Sequence[ir.Value]) -> None:
        """Call a function of LLVM's own that has no result."""
        type = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        self.builder.call(self._intrinsic(name, type), arguments)

    @contextmanager
    def loop(self, begin: Index, end: Index, step: int = 1) -> Generator[ir.Value]:
        """A loop over begin, begin + step, … before `end`; what is appended in the context is its body."""
        builder = self.builder
        body, after = self.function.append_basic_block("body"), self.function.append_basic_block("after")
        before = builder.block
        builder.cbranch(builder.icmp_signed("<", self.value(begin), self.value(end)), body, after)
        builder.position_at_end(body)
        index = builder.phi(INDEX)
        index.add_incoming(self.value(begin), before)
        yield index
        following = builder.add(index, INDEX(step), flags=("nsw",))
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, self.value(end)), body, after)
        builder.position_at_end(after)

    @contextmanager
    def loop_with(
        self, values: list[ir.Value], begin: Index, end: Index, step: int
    ) -> Generator[tuple[ir.Value, list[ir.Value]]]:
        """A loop as `loop` is, with values that each turn replaces; afterwards they are what the last turn made.

        The context has the index and a list of the values, into which the body puts the new ones.
        """
        running: list[ir.Value] = []
        before = self.builder.block
        with self.loop(begin, end, step) as index:
            body = self.builder.block
            phis = [self.builder.phi(value.type) for value in values]
            running.extend(phis)
            yield index, running
            last = self.builder.block
        results: list[ir.Value] = []
        for start, phi, made in zip(values, phis, running, strict=True):
            phi.add_incoming(start, before)
            phi.add_incoming(made, last)
            result = self.builder.phi(start.type)
            result.add_incoming(start, before)
            result.add_incoming(made, last)
            results.append(result)
        running[:] = results
        assert body is last, "the body has no loop of its own"

    def sum(self, vector: ir.Value) -> ir.Value:
        """The sum of a vector's numbers, by halves."""
        half = self.lanes // 2
        while half:
            moved = self.shuffle(vector, vector, [(lane + half) % self.lanes for lane in range(self.lanes)])
            vector = self.builder.fadd(vector, moved)
            half //= 2
        return self.builder.extract_element(vector, _LANE(0))

    @property
    def _vector_bytes(self) -> int:
        return self.lanes * self.elements.wide.bytes

    def _at(self, pointer: ir.Value, offset: Index, elements: Elements) -> ir.Value:
        if isinstance(offset, int) and offset == 0:
            return pointer
        return self.builder.gep(pointer, [self.value(offset)], source_etype=elements.type, inbounds=True)

    def _intrinsic(self, name: str, type: ir.FunctionType) -> ir.Function:
        return self.builder.module.declare_intrinsic(name, (), type)
