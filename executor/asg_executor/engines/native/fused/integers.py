"""How those pointwise ops are emitted for integers that the processor has no instruction for."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from llvmlite import ir

from asg_schema.dtype import DType

__all__ = ["INTEGER_OPS"]


def _remainder(builder: ir.IRBuilder, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    """The remainder with the sign of the divisor; 0 where that is 0.

    The processor can divide neither by 0 nor the least integer by -1, whose remainder is 0 too.
    """
    x, divisor = operands
    zero, one = x.type(0), x.type(1)
    if dtype.is_unsigned:
        none = builder.icmp_unsigned("==", divisor, zero)
        return builder.select(none, zero, builder.urem(x, builder.select(none, one, divisor)))
    harmless = builder.icmp_unsigned("<=", builder.add(divisor, one), one)  # -1 or 0
    rest = builder.srem(x, builder.select(harmless, one, divisor))
    crosses = builder.icmp_signed("<", builder.xor(rest, divisor), zero)
    turned = builder.and_(crosses, builder.icmp_unsigned("!=", rest, zero))
    return builder.add(rest, builder.select(turned, divisor, zero))


def _power(builder: ir.IRBuilder, operands: Sequence[ir.Value], dtype: DType) -> ir.Value:
    """By a function that multiplies as many times as the exponent has bits."""
    base, exponent = operands
    if not dtype.is_unsigned:
        negative = builder.icmp_signed("<", exponent, exponent.type(0))
        exponent = builder.select(negative, exponent.type(0), exponent)
        found = builder.call(_power_function(builder.module, base.type), [base, exponent])
        return builder.select(negative, base.type(0), found)
    return builder.call(_power_function(builder.module, base.type), [base, exponent])


def _power_function(module: ir.Module, type: ir.Type) -> ir.Function:
    """The power with an exponent of at least 0, wrapping around."""
    name = f"power.{type}"
    known = module.globals.get(name)
    if known is not None:
        return known
    function = ir.Function(module, ir.FunctionType(type, [type, type]), name)
    function.linkage = "internal"
    function.attributes.add("nounwind")
    begin, bits, end = (function.append_basic_block(name) for name in ("begin", "bits", "end"))
    builder = ir.IRBuilder(begin)
    builder.branch(bits)
    builder.position_at_end(bits)
    square, left, product = (builder.phi(type) for _ in range(3))
    odd = builder.trunc(left, ir.IntType(1))
    multiplied = builder.select(odd, builder.mul(product, square), product)
    halved = builder.lshr(left, type(1))
    for value, first, following in (
        (square, function.args[0], builder.mul(square, square)),
        (left, function.args[1], halved),
        (product, type(1), multiplied),
    ):
        value.add_incoming(first, begin)
        value.add_incoming(following, bits)
    builder.cbranch(builder.icmp_unsigned("!=", halved, type(0)), bits, end)
    builder.position_at_end(end)
    builder.ret(multiplied)
    return function


INTEGER_OPS: Mapping[str, Callable[[ir.IRBuilder, Sequence[ir.Value], DType], ir.Value]] = MappingProxyType(
    {"remainder": _remainder, "pow": _power}
)
"""By the name of the op: from its operands and their dtype to the result."""
