"""`StridedCode`: a kernel under construction that runs over arrays with strides."""

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from llvmlite import ir

from asg_executor.engines.native.kernel_spec import define_inner, define_kernel

__all__ = ["CONDITION", "INDEX", "Number", "StridedCode", "bits_type"]

INDEX = ir.IntType(64)
CONDITION = ir.IntType(1)
_POINTER = ir.PointerType()

Number: TypeAlias = "ir.Value | int"
"""An index or a number of elements; one that is known beforehand is an int."""


def bits_type(itemsize: int) -> ir.Type:
    """An element of so many bytes as the bits that it has in memory, for what only moves it."""
    return ir.IntType(8 * itemsize)


class StridedCode:
    """Appends instructions to a kernel.

    No array that is written overlaps another one that is accessed; two of them may be the same memory only if one of
    the two is left alone then.

    Args:
        module: where the kernel is defined.
        arrays: how many arrays it has; behind them stands the word that a kernel sets which fails.

    Attributes:
        builder: where the next instruction goes.
        arrays: where the arrays lie.
        begin: the first unit.
        end: the unit behind the last one.
        scratch: memory of the part's own.
    """

    def __init__(self, module: ir.Module, arrays: int) -> None:
        kernel = define_kernel(module)
        types = [_POINTER] * (arrays + 2) + [INDEX] * 2
        inner = define_inner(module, "units", types, disjoint=arrays + 2)
        outer = ir.IRBuilder(kernel.append_basic_block())
        arguments, begin, end, _, scratch = kernel.args
        pointers = [
            outer.load(outer.gep(arguments, [INDEX(number)], source_etype=_POINTER), typ=_POINTER)
            for number in range(arrays + 1)
        ]
        outer.call(inner, [*pointers, scratch, begin, end])
        outer.ret_void()
        self.builder = ir.IRBuilder(inner.append_basic_block("entry"))
        self.arrays: Sequence[ir.Value] = inner.args[:arrays]
        self._failure, self.scratch, self.begin, self.end = inner.args[arrays:]

    def value(self, number: Number) -> ir.Value:
        """A number as a value."""
        return INDEX(number) if isinstance(number, int) else number

    def add(self, a: Number, b: Number) -> Number:
        """The sum."""
        if isinstance(a, int) and isinstance(b, int):
            return a + b
        if a == 0 or b == 0:
            return b if a == 0 else a
        return self.builder.add(self.value(a), self.value(b), flags=("nsw",))

    def multiply(self, a: Number, b: int) -> Number:
        """The product."""
        if isinstance(a, int):
            return a * b
        if b in (0, 1):
            return a if b else 0
        return self.builder.mul(a, INDEX(b), flags=("nsw",))

    def offset(self, indices: Sequence[Number], strides: Sequence[int]) -> Number:
        """How many elements from index 0 along every axis these indices lead."""
        total: Number = 0
        for index, stride in zip(indices, strides, strict=True):
            total = self.add(total, self.multiply(index, stride))
        return total

    def indices(self, flat: ir.Value, shape: Sequence[int]) -> list[Number]:
        """The index along each axis of the element number `flat` of a shape."""
        found: list[Number] = []
        for size in reversed(shape[1:]):
            found.append(self.builder.urem(flat, INDEX(size)))
            flat = self.builder.udiv(flat, INDEX(size))
        if shape:
            found.append(flat)
        return found[::-1]

    def least(self, a: Number, b: Number) -> ir.Value:
        """The smaller number."""
        a, b = self.value(a), self.value(b)
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def largest(self, a: Number, b: Number) -> ir.Value:
        """The larger number."""
        a, b = self.value(a), self.value(b)
        return self.builder.select(self.builder.icmp_signed(">", a, b), a, b)

    def block(self, number: Number, length: int, size: int) -> tuple[ir.Value, ir.Value]:
        """From which index to just before which one a block of an axis runs.

        Args:
            number: the block's.
            length: of a block; the last one may be shorter.
            size: the axis's.
        """
        begin = self.value(self.multiply(number, length))
        return begin, self.least(self.add(begin, length), size)

    def at(self, array: ir.Value, offset: Number, type: ir.Type) -> ir.Value:
        """The pointer to an element."""
        return self.builder.gep(array, [self.value(offset)], source_etype=type)

    def load(self, array: ir.Value, offset: Number, type: ir.Type) -> ir.Value:
        """An element, as it stands in memory."""
        return self.builder.load(self.at(array, offset, type), typ=type)

    def store(self, value: ir.Value, array: ir.Value, offset: Number) -> None:
        """Write an element as it is to stand in memory."""
        self.builder.store(value, self.at(array, offset, value.type))

    @contextmanager
    def loop(self, begin: Number, end: Number) -> Generator[ir.Value]:
        """A loop over the indices from `begin` to just before `end`; what it does goes into the context."""
        builder = self.builder
        first, last = self.value(begin), self.value(end)
        head = builder.block
        body, after = builder.append_basic_block("body"), builder.append_basic_block("after")
        builder.cbranch(builder.icmp_signed("<", first, last), body, after)
        builder.position_at_end(body)
        index = builder.phi(INDEX)
        index.add_incoming(first, head)
        yield index
        following = builder.add(index, INDEX(1), flags=("nsw",))
        index.add_incoming(following, builder.block)
        builder.cbranch(builder.icmp_signed("<", following, last), body, after)
        builder.position_at_end(after)

    @contextmanager
    def loops(self, shape: Sequence[int]) -> Generator[list[ir.Value]]:
        """Loops over all indices of a shape, one in another."""
        with ExitStack() as stack:
            yield [stack.enter_context(self.loop(0, size)) for size in shape]

    @contextmanager
    def when(self, condition: ir.Value) -> Generator[None]:
        """What goes into the context is done only under the condition."""
        body, after = self.builder.append_basic_block("when"), self.builder.append_basic_block("after")
        self.builder.cbranch(condition, body, after)
        self.builder.position_at_end(body)
        yield
        self.builder.branch(after)
        self.builder.position_at_end(after)

    def variable(self, type: ir.Type) -> ir.Value:
        """Where a value stands that changes."""
        with self.builder.goto_entry_block():
            return self.builder.alloca(type)

    def not_same(self, a: ir.Value, b: ir.Value) -> ir.Value:
        """Whether two arrays lie elsewhere."""
        return self.builder.icmp_unsigned("!=", self.builder.ptrtoint(a, INDEX), self.builder.ptrtoint(b, INDEX))

    def fail_when(self, condition: ir.Value) -> None:
        """Say that the kernel has failed, if that is so."""
        with self.when(condition):
            self.builder.store(INDEX(1), self._failure)

    def finish(self) -> None:
        """End the kernel."""
        self.builder.ret_void()
