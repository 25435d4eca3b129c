"""What units of windows are written in: matrix products' `Code`, and runs of packed numbers."""

from llvmlite import ir

from asg_executor.engines.native.matmul.code import Code, Index

__all__ = ["WindowCode"]


class WindowCode(Code):
    """`Code` with differences of indices, and vectors that lie anywhere."""

    def subtract(self, a: Index, b: Index) -> Index:
        """The difference."""
        if isinstance(a, int) and isinstance(b, int):
            return a - b
        if isinstance(b, int) and b == 0:
            return a
        return self.builder.sub(self.value(a), self.value(b), flags=("nsw",))

    def load_run(self, pointer: ir.Value) -> ir.Value:
        """A vector of packed numbers that lies anywhere."""
        return self.builder.load(pointer, typ=self.vector, align=self.elements.wide.bytes)

    def store_run(self, value: ir.Value, pointer: ir.Value) -> None:
        """Write a vector of numbers anywhere among packed ones."""
        self.builder.store(value, pointer, align=self.elements.wide.bytes)
