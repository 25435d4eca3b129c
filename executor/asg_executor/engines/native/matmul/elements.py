"""`Elements`: how the elements of a matrix stand in memory. They are computed with in float32, or float64."""

from dataclasses import dataclass
from functools import cached_property

from llvmlite import ir

from asg_schema.dtype import DType

__all__ = ["Elements"]

_MEMORY: dict[DType, ir.Type] = {
    DType.FLOAT16: ir.HalfType(),
    DType.BFLOAT16: ir.IntType(16),
    DType.FLOAT32: ir.FloatType(),
    DType.FLOAT64: ir.DoubleType(),
}
_SUFFIXES = {DType.FLOAT16: "f16", DType.BFLOAT16: "i16", DType.FLOAT32: "f32", DType.FLOAT64: "f64"}


@dataclass(frozen=True)
class Elements:
    """The elements of a matrix.

    Attributes:
        dtype: float16, bfloat16, float32 or float64.
    """

    dtype: DType

    @cached_property
    def wide(self) -> "Elements":
        """Those in which they are computed with."""
        return Elements(DType.FLOAT32) if self.is_half else self

    @property
    def is_half(self) -> bool:
        """Whether they have 16 bits."""
        return self.dtype.itemsize == 2

    @property
    def type(self) -> ir.Type:
        """What stands in memory."""
        return _MEMORY[self.dtype]

    @property
    def bytes(self) -> int:
        """How much memory one takes."""
        return self.dtype.itemsize

    @property
    def suffix(self) -> str:
        """What LLVM calls the type."""
        return _SUFFIXES[self.dtype]

    def widen(self, builder: ir.IRBuilder, value: ir.Value, lanes: int = 0) -> ir.Value:
        """What was read, as a number, or a vector of so many, to compute with."""
        if self.dtype is DType.FLOAT16:
            return builder.fpext(value, _shaped(ir.FloatType(), lanes))
        if self.dtype is DType.BFLOAT16:
            words = builder.zext(value, _shaped(ir.IntType(32), lanes))
            return builder.bitcast(builder.shl(words, _constant(16, lanes)), _shaped(ir.FloatType(), lanes))
        return value

    def narrow(self, builder: ir.IRBuilder, value: ir.Value, lanes: int = 0) -> ir.Value:
        """A number, or a vector of so many, as it is written: rounded to the nearest, to even where two are as near."""
        if self.dtype is DType.FLOAT16:
            return builder.fptrunc(value, _shaped(ir.HalfType(), lanes))
        if self.dtype is not DType.BFLOAT16:
            return value
        bits = builder.bitcast(value, _shaped(ir.IntType(32), lanes))
        odd = builder.and_(builder.lshr(bits, _constant(16, lanes)), _constant(1, lanes))
        rounded = builder.add(bits, builder.add(odd, _constant(0x7FFF, lanes)))
        quiet = builder.or_(bits, _constant(0x400000, lanes))  # NaN stays NaN
        kept = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
        if not lanes:
            return builder.trunc(builder.lshr(kept, _constant(16, lanes)), ir.IntType(16))
        # LLVM 22 writes four bytes where a vector is truncated and the mask of its store has a single lane.
        halves = builder.bitcast(kept, ir.VectorType(ir.IntType(16), 2 * lanes))
        upper = ir.Constant(ir.VectorType(ir.IntType(32), lanes), [2 * lane + 1 for lane in range(lanes)])
        return builder.shuffle_vector(halves, ir.Constant(halves.type, ir.Undefined), upper)


def _shaped(type: ir.Type, lanes: int) -> ir.Type:
    return ir.VectorType(type, lanes) if lanes else type


def _constant(value: int, lanes: int) -> ir.Constant:
    return ir.Constant(_shaped(ir.IntType(32), lanes), [value] * lanes if lanes else value)
