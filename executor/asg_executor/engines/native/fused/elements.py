"""How elements of each dtype stand in memory and in registers.

A bool takes a byte in memory and a bit in a register; float16 and bfloat16 are widened to 32 bits when they are read,
and rounded, to even where two are as near, when they are written.
"""

from llvmlite import ir

from asg_schema.dtype import DType

__all__ = ["literal", "load_element", "memory_type", "register_type", "round_to", "store_element"]

_MEMORY: dict[DType, ir.Type] = {
    DType.FLOAT16: ir.HalfType(),
    DType.BFLOAT16: ir.IntType(16),
    DType.FLOAT32: ir.FloatType(),
    DType.FLOAT64: ir.DoubleType(),
    DType.INT8: ir.IntType(8),
    DType.INT32: ir.IntType(32),
    DType.INT64: ir.IntType(64),
    DType.UINT8: ir.IntType(8),
    DType.UINT32: ir.IntType(32),
    DType.BOOL: ir.IntType(8),
}
_WORD = ir.IntType(32)


def memory_type(dtype: DType) -> ir.Type:
    """The type of an element in an array."""
    return _MEMORY[dtype]


def register_type(dtype: DType) -> ir.Type:
    """The type of an element that is computed with."""
    if dtype in (DType.FLOAT16, DType.BFLOAT16):
        return ir.FloatType()
    return ir.IntType(1) if dtype is DType.BOOL else _MEMORY[dtype]


def literal(dtype: DType, value: float | int | bool) -> ir.Constant:
    """A number as an operand."""
    return ir.Constant(register_type(dtype), float(value) if dtype.is_floating else int(value))


def load_element(builder: ir.IRBuilder, pointer: ir.Value, dtype: DType) -> ir.Value:
    """Read an element."""
    stored = builder.load(pointer, typ=_MEMORY[dtype], align=_alignment(dtype))
    if dtype is DType.BOOL:
        return builder.icmp_unsigned("!=", stored, stored.type(0))
    if dtype is DType.FLOAT16:
        return builder.fpext(stored, ir.FloatType())
    if dtype is DType.BFLOAT16:
        return builder.bitcast(builder.shl(builder.zext(stored, _WORD), _WORD(16)), ir.FloatType())
    return stored


def store_element(builder: ir.IRBuilder, value: ir.Value, pointer: ir.Value, dtype: DType) -> None:
    """Write an element."""
    if dtype is DType.BOOL:
        value = builder.zext(value, _MEMORY[dtype])
    elif dtype is DType.FLOAT16:
        value = builder.fptrunc(value, ir.HalfType())
    elif dtype is DType.BFLOAT16:
        value = builder.trunc(builder.lshr(_rounded_bfloat16(builder, value), _WORD(16)), ir.IntType(16))
    builder.store(value, pointer, align=_alignment(dtype))


def round_to(builder: ir.IRBuilder, value: ir.Value, dtype: DType) -> ir.Value:
    """The result of an op, rounded to its dtype where registers are wider."""
    if dtype is DType.FLOAT16:
        return builder.fpext(builder.fptrunc(value, ir.HalfType()), ir.FloatType())
    if dtype is DType.BFLOAT16:
        return builder.bitcast(_rounded_bfloat16(builder, value), ir.FloatType())
    return value


def _rounded_bfloat16(builder: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """The bits of a 32-bit float whose lower half is rounded away; NaN stays NaN."""
    bits = builder.bitcast(value, _WORD)
    odd = builder.and_(builder.lshr(bits, _WORD(16)), _WORD(1))
    rounded = builder.add(bits, builder.add(odd, _WORD(0x7FFF)))
    quiet = builder.or_(bits, _WORD(0x400000))
    kept = builder.select(builder.fcmp_unordered("uno", value, value), quiet, rounded)
    return builder.and_(kept, _WORD(0xFFFF0000))


def _alignment(dtype: DType) -> int:
    return dtype.itemsize
