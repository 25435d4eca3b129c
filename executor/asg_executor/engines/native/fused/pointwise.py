"""How each pointwise op is emitted, for one element.

Products and sums may be contracted to fused multiply-adds; nothing else is left to fast-math, so that NaN, infinities
and signed zeros come out as they do in NumPy.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from llvmlite import ir

from asg_executor.engines.native.fused.body import Apply
from asg_executor.engines.native.fused.conversion import convert
from asg_executor.engines.native.fused.integers import INTEGER_OPS
from asg_executor.engines.native.math.functions import FUNCTIONS, math_function, polygamma_function
from asg_schema.dtype import DType

__all__ = ["emit_pointwise", "is_emitted"]

Emitter: TypeAlias = Callable[[ir.IRBuilder, Apply, Sequence[ir.Value], DType], ir.Value]
"""From the op, its operands and the dtype of the first data operand to the result."""

_CONTRACT = ("contract",)


def is_emitted(op: str, operands: Sequence[DType]) -> bool:
    """Whether an op of this name is emitted for operands of these dtypes."""
    if operands and operands[-1].is_floating and op in FUNCTIONS:
        return True
    if operands and operands[-1].is_integer and op in INTEGER_OPS:
        return True
    return op in _ALL or (op in _FLOATS and operands[-1].is_floating)


def emit_pointwise(
    builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtypes: Sequence[DType]
) -> ir.Value:
    """One element of the result of an op.

    Args:
        builder: where the instructions go.
        value: the op.
        operands: an element of each operand.
        dtypes: the dtypes of the operands.
    """
    dtype = dtypes[-1]
    emitter = _ALL.get(value.op) or _FLOATS.get(value.op)
    if emitter is not None:
        return emitter(builder, value, operands, dtype)
    if dtype.is_integer:
        return INTEGER_OPS[value.op](builder, operands, dtype)
    return builder.call(math_function(builder.module, value.op, _computed_in(dtype)), operands)


def _computed_in(dtype: DType) -> DType:
    return DType.FLOAT64 if dtype is DType.FLOAT64 else DType.FLOAT32


def _arithmetic(floats: str, integers: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        if dtype.is_floating:
            return getattr(builder, floats)(*operands, flags=_CONTRACT)
        return getattr(builder, integers)(*operands)

    return emit


def _intrinsic(name: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        return call_intrinsic(builder, name, operands)

    return emit


def call_intrinsic(builder: ir.IRBuilder, name: str, operands: Sequence[ir.Value]) -> ir.Value:
    """Call one of LLVM's functions that has as many versions as there are types."""
    type = operands[0].type
    function = builder.module.declare_intrinsic(name, [type], ir.FunctionType(type, [type] * len(operands)))
    return builder.call(function, operands)


def _negative(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    return builder.fneg(operands[0]) if dtype.is_floating else builder.neg(operands[0])


def _abs(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    (x,) = operands
    if dtype.is_floating:
        return call_intrinsic(builder, "llvm.fabs", operands)
    if dtype.is_unsigned:
        return x
    return builder.select(builder.icmp_signed("<", x, x.type(0)), builder.neg(x), x)


def _sign(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    (x,) = operands
    zero = x.type(0)
    if dtype.is_floating:
        one = call_intrinsic(builder, "llvm.copysign", [x.type(1.0), x])
        # The sign of 0 is 0, that of NaN is NaN; x itself has both.
        return builder.select(builder.fcmp_ordered("one", x, x.type(0.0)), one, builder.fmul(x, x.type(0.0)))
    if dtype.is_unsigned:
        return builder.zext(builder.icmp_unsigned("!=", x, zero), x.type)
    above = builder.zext(builder.icmp_signed(">", x, zero), x.type)
    return builder.sub(above, builder.zext(builder.icmp_signed("<", x, zero), x.type))


def _rounding(intrinsic: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        return call_intrinsic(builder, intrinsic, operands) if dtype.is_floating else operands[0]

    return emit


def _extreme(intrinsic: str, comparison: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        return emit_extreme(builder, intrinsic, comparison, operands, dtype)

    return emit


def emit_extreme(
    builder: ir.IRBuilder, intrinsic: str, comparison: str, operands: Sequence[ir.Value], dtype: DType
) -> ir.Value:
    """The larger or the smaller operand; NaN if there is one."""
    if dtype.is_floating:
        return call_intrinsic(builder, intrinsic, operands)
    return builder.select(_compare_integers(builder, comparison, operands, dtype), *operands)


def _compare_integers(builder: ir.IRBuilder, sign: str, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    compare = builder.icmp_unsigned if dtype.is_unsigned or dtype is DType.BOOL else builder.icmp_signed
    return compare(sign, *operands)


def _comparison(sign: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        if not dtype.is_floating:
            return _compare_integers(builder, sign, operands, dtype)
        compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered  # NaN differs from everything
        return compare(sign, *operands)

    return emit


def _is_nan(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    (x,) = operands
    return builder.fcmp_unordered("uno", x, x) if dtype.is_floating else ir.IntType(1)(0)


def _is_inf(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    if not dtype.is_floating:
        return ir.IntType(1)(0)
    size = call_intrinsic(builder, "llvm.fabs", operands)
    return builder.fcmp_ordered("==", size, size.type(float("inf")))


def _is_finite(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    if not dtype.is_floating:
        return ir.IntType(1)(1)
    size = call_intrinsic(builder, "llvm.fabs", operands)
    return builder.fcmp_ordered("<", size, size.type(float("inf")))


def _logic(method: str) -> Emitter:
    def emit(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
        return getattr(builder, method)(*operands)

    return emit


def _where(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    return builder.select(*operands)


def _divide(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    return builder.fdiv(*operands)


def _polygamma(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    order = dict(value.attributes)["n"]
    assert isinstance(order, int), "the op's order is an integer"
    return builder.call(polygamma_function(builder.module, order, _computed_in(dtype)), operands)


def _astype(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    return convert(builder, operands[0], dtype, value.dtype)


def _stop_gradient(builder: ir.IRBuilder, value: Apply, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    return operands[0]


_ALL: Mapping[str, Emitter] = {
    "add": _arithmetic("fadd", "add"),
    "subtract": _arithmetic("fsub", "sub"),
    "multiply": _arithmetic("fmul", "mul"),
    "negative": _negative,
    "abs": _abs,
    "sign": _sign,
    "floor": _rounding("llvm.floor"),
    "ceil": _rounding("llvm.ceil"),
    "round": _rounding("llvm.rint"),
    "maximum": _extreme("llvm.maximum", ">"),
    "minimum": _extreme("llvm.minimum", "<"),
    "where": _where,
    "astype": _astype,
    "stop_gradient": _stop_gradient,
    **{
        name: _comparison(sign)
        for name, sign in {
            "equal": "==",
            "not_equal": "!=",
            "less": "<",
            "less_equal": "<=",
            "greater": ">",
            "greater_equal": ">=",
        }.items()
    },
    "isnan": _is_nan,
    "isinf": _is_inf,
    "isfinite": _is_finite,
    "logical_and": _logic("and_"),
    "logical_or": _logic("or_"),
    "logical_xor": _logic("xor"),
    "logical_not": _logic("not_"),
}
_FLOATS: Mapping[str, Emitter] = {"divide": _divide, "polygamma": _polygamma, "sqrt": _intrinsic("llvm.sqrt")}
