"""What units of windows are written in: matrix products' `Code`, and how numbers are taken apart."""

from llvmlite import ir

from asg_executor.engines.native.matmul.code import INDEX, Code, Index

__all__ = ["WindowCode"]


class WindowCode(Code):
    """`Code` with a little more arithmetic of indices."""

    def subtract(self, a: Index, b: Index) -> Index:
        """The difference."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if isinstance(b, int) and b == 0:
            return a
        return self.builder.sub(self.value(a), self.value(b), flags=("nsw",))

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

    def load_run(self, pointer: ir.Value) -> ir.Value:
        """A vector of packed numbers that lies anywhere."""
        return self.builder.load(pointer, typ=self.vector, align=self.elements.wide.bytes)

    def store_run(self, value: ir.Value, pointer: ir.Value) -> None:
        """Write a vector of numbers anywhere among packed ones."""
        self.builder.store(value, pointer, align=self.elements.wide.bytes)

    def store(self, value: ir.Value, pointer: ir.Value) -> None:
        """Write one number as an element of an array."""
        self.builder.store(self.elements.narrow(self.builder, value), pointer, align=self.elements.bytes)

    def variable(self, type: ir.Type) -> ir.Value:
        """Where a value is kept that changes: LLVM makes a register of it."""
        with self.builder.goto_entry_block():
            return self.builder.alloca(type)

    def is_zero(self, number: Index) -> ir.Value:
        """Whether a number is 0."""
        return self.builder.icmp_signed("==", self.value(number), INDEX(0))
