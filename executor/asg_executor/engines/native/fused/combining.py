"""How a reduction combines its running result with one more element, and what it begins with."""

import math

from llvmlite import ir

from asg_executor.engines.native.fused.elements import literal, register_type
from asg_executor.engines.native.fused.pointwise import emit_extreme
from asg_schema.dtype import DType

__all__ = ["combine", "identity"]

# Several running results take turns, as in `numpy.add.reduce`: so sums may be reordered, and nothing else.
_REORDERED = ("reassoc", "contract")


def combine(builder: ir.IRBuilder, op: str, total: ir.Value, element: ir.Value, dtype: DType) -> ir.Value:
    """The running result with one more element. `op` is sum, prod, max or min."""
    if op == "sum":
        return builder.fadd(total, element, flags=_REORDERED) if dtype.is_floating else builder.add(total, element)
    if op == "prod":
        return builder.fmul(total, element, flags=_REORDERED) if dtype.is_floating else builder.mul(total, element)
    if op == "max":
        return emit_extreme(builder, "llvm.maximum", ">", (total, element), dtype)
    return emit_extreme(builder, "llvm.minimum", "<", (total, element), dtype)


def identity(op: str, dtype: DType) -> ir.Constant:
    """What does not change the result: 0 for sums, 1 for products, the least value for the maximum."""
    if op in ("sum", "prod"):
        return literal(dtype, int(op == "prod"))
    if dtype.is_floating:
        return literal(dtype, -math.inf if op == "max" else math.inf)
    if dtype is DType.BOOL:
        return literal(dtype, op == "min")
    bits: int = register_type(dtype).width
    least, most = (0, 2**bits - 1) if dtype.is_unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return literal(dtype, least if op == "max" else most)
