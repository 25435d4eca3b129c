"""Conversion of an element from one dtype to another, as `astype` defines it."""

from llvmlite import ir

from asg_executor.engines.native.fused.elements import register_type
from asg_schema.dtype import DType

__all__ = ["convert"]


def convert(builder: ir.IRBuilder, value: ir.Value, source: DType, target: DType) -> ir.Value:
    """An element converted: numbers become the bool "is not 0"; floats lose their fraction and saturate as integers.

    NaN becomes the integer 0.
    """
    if target is DType.BOOL:
        return _is_not_zero(builder, value, source)
    wanted = register_type(target)
    if source.is_floating and target.is_floating:
        return _between_floats(builder, value, wanted)
    if source.is_floating:
        return _to_integer(builder, value, target)
    if target.is_floating:
        unsigned = source.is_unsigned or source is DType.BOOL
        return (builder.uitofp if unsigned else builder.sitofp)(value, wanted)
    return _between_integers(builder, value, source, wanted)


def _is_not_zero(builder: ir.IRBuilder, value: ir.Value, source: DType) -> ir.Value:
    if source is DType.BOOL:
        return value
    if source.is_floating:
        return builder.fcmp_unordered("!=", value, value.type(0.0))
    return builder.icmp_unsigned("!=", value, value.type(0))


def _between_floats(builder: ir.IRBuilder, value: ir.Value, wanted: ir.Type) -> ir.Value:
    if isinstance(wanted, type(value.type)):
        return value
    return (builder.fpext if isinstance(wanted, ir.DoubleType) else builder.fptrunc)(value, wanted)


def _to_integer(builder: ir.IRBuilder, value: ir.Value, target: DType) -> ir.Value:
    wanted = register_type(target)
    name = "llvm.fptoui.sat" if target.is_unsigned else "llvm.fptosi.sat"
    function = builder.module.declare_intrinsic(name, [wanted, value.type], ir.FunctionType(wanted, [value.type]))
    return builder.call(function, [value])


def _between_integers(builder: ir.IRBuilder, value: ir.Value, source: DType, wanted: ir.Type) -> ir.Value:
    width: int = wanted.width
    if width == value.type.width:
        return value
    if width < value.type.width:
        return builder.trunc(value, wanted)
    return (builder.zext if source.is_unsigned or source is DType.BOOL else builder.sext)(value, wanted)
