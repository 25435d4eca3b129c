"""`Code`: a function under construction, with the few things that matrix products are written in."""

from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeAlias

from llvmlite import ir

__all__ = ["BYTE", "CONDITION", "INDEX", "POINTER", "Code", "Index"]

INDEX = ir.IntType(64)
POINTER = ir.PointerType()
CONDITION = ir.IntType(1)
BYTE = ir.IntType(8)
_LANE = ir.IntType(32)

Index: TypeAlias = "ir.Value | int"
"""An index or a number of elements; one that is known beforehand is an int."""


class Code:
    """Appends instructions to a function.

    Args:
        function: the function; it has no code yet.
        element: the type of the elements that pointers count in.
        lanes: how many of them a vector has.
    """

    def __init__(self, function: ir.Function, element: ir.Type, lanes: int) -> None:
        self.function = function
        self.builder = ir.IRBuilder(function.append_basic_block("begin"))
        self.element = element
        self.lanes = lanes
        self.vector = ir.VectorType(element, lanes)

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

    def multiply(self, a: Index, b: int) -> Index:
        """The product."""
        if isinstance(a, int):
            return a * b
        if b in (0, 1):
            return a if b else 0
        return self.builder.mul(a, INDEX(b), flags=("nsw",))

    def at(self, pointer: ir.Value, offset: Index) -> ir.Value:
        """The pointer to the element `offset` elements further."""
        if isinstance(offset, int) and offset == 0:
            return pointer
        return self.builder.gep(pointer, [self.value(offset)], source_etype=self.element, inbounds=True)

    def load(self, pointer: ir.Value) -> ir.Value:
        """One element."""
        return self.builder.load(pointer, typ=self.element)

    def load_vector(self, pointer: ir.Value, mask: ir.Value | None = None, *, aligned: bool = False) -> ir.Value:
        """A vector of elements.

        Args:
            pointer: where the first one lies.
            mask: which elements are read; the others are 0. Absent: all.
            aligned: whether it lies at a multiple of a vector's size.
        """
        align = self._bytes * (self.lanes if aligned else 1)
        if mask is None:
            return self.builder.load(pointer, typ=self.vector, align=align)
        type = ir.FunctionType(self.vector, [POINTER, _LANE, mask.type, self.vector])
        function = self._intrinsic(f"llvm.masked.load.{self._suffix}.p0", type)
        return self.builder.call(function, [pointer, _LANE(align), mask, ir.Constant(self.vector, None)])

    def store_vector(
        self, value: ir.Value, pointer: ir.Value, mask: ir.Value | None = None, *, aligned: bool = False
    ) -> None:
        """Write a vector of elements; see `load_vector`."""
        align = self._bytes * (self.lanes if aligned else 1)
        if mask is None:
            self.builder.store(value, pointer, align=align)
            return
        type = ir.FunctionType(ir.VoidType(), [self.vector, POINTER, _LANE, mask.type])
        function = self._intrinsic(f"llvm.masked.store.{self._suffix}.p0", type)
        self.builder.call(function, [value, pointer, _LANE(align), mask])

    def first_lanes(self, count: Index) -> ir.Value | None:
        """The mask of the first `count` elements of a vector; None for all of them."""
        if isinstance(count, int):
            if count >= self.lanes:
                return None
            return ir.Constant(ir.VectorType(CONDITION, self.lanes), [int(lane < count) for lane in range(self.lanes)])
        numbers = ir.Constant(ir.VectorType(INDEX, self.lanes), list(range(self.lanes)))
        return self.builder.icmp_signed("<", numbers, self.splat(count, INDEX))

    def splat(self, value: ir.Value, type: ir.Type | None = None) -> ir.Value:
        """A vector of one value."""
        vector = ir.VectorType(type, self.lanes) if type else self.vector
        first = self.builder.insert_element(ir.Constant(vector, ir.Undefined), value, _LANE(0))
        mask = ir.Constant(ir.VectorType(_LANE, self.lanes), None)
        return self.builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), mask)

    def shuffle(self, a: ir.Value, b: ir.Value, lanes: list[int]) -> ir.Value:
        """The elements with these numbers among those of a, and then b."""
        return self.builder.shuffle_vector(a, b, ir.Constant(ir.VectorType(_LANE, self.lanes), lanes))

    def fma(self, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
        """Of vectors a · b + c, with one rounding where the processor has an instruction for that."""
        type = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(self._intrinsic(f"llvm.fmuladd.{self._suffix}", type), [a, b, c])

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

    @property
    def _bytes(self) -> int:
        return 8 if isinstance(self.element, ir.DoubleType) else 4

    @property
    def _suffix(self) -> str:
        return f"v{self.lanes}f{8 * self._bytes}"

    def _intrinsic(self, name: str, type: ir.FunctionType) -> ir.Function:
        return self.builder.module.declare_intrinsic(name, (), type)
