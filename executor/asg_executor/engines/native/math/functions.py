"""The table of mathematical functions, and how a kernel's code gets one."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from llvmlite import ir

from asg_executor.engines.native.math.error_function import erf
from asg_executor.engines.native.math.exponential import exp, expm1, sigmoid
from asg_executor.engines.native.math.hyperbolic import tanh
from asg_executor.engines.native.math.logarithm import log, log1p
from asg_executor.engines.native.math.rounding import rsqrt
from asg_executor.engines.native.math.values import FLOAT32, FLOAT64, FloatFormat, Real, ceil, floor, rint, sqrt
from asg_schema.dtype import DType

__all__ = ["FUNCTIONS", "MathFunction", "math_function"]


@dataclass(frozen=True)
class MathFunction:
    """A function of one or two numbers.

    Attributes:
        emit: appends its instructions, and returns the result.
        operands: how many numbers it takes.
        error_float32: how far the result may be from the exact one in single precision, in units of the last digit of
            the exact one.
        error_float64: the same in double precision.
    """

    emit: Callable[..., Real]
    operands: int
    error_float32: float
    error_float64: float

    def error(self, dtype: DType) -> float:
        """The bound of the error for a dtype, in units of the last digit."""
        return self.error_float32 if dtype == DType.FLOAT32 else self.error_float64


def _unary(emit: Callable[[Real], Real], error_float32: float, error_float64: float) -> MathFunction:
    return MathFunction(emit, 1, error_float32, error_float64)


FUNCTIONS = MappingProxyType(
    {
        "ceil": _unary(ceil, 0, 0),
        "erf": _unary(erf, 1.5, 1.5),
        "exp": _unary(exp, 1, 1),
        "expm1": _unary(expm1, 1.5, 2),
        "floor": _unary(floor, 0, 0),
        "log": _unary(log, 1, 1),
        "log1p": _unary(log1p, 1.5, 1.5),
        "round": _unary(rint, 0, 0),
        "rsqrt": _unary(rsqrt, 1.5, 1.5),
        "sigmoid": _unary(sigmoid, 2.5, 2.5),
        "sqrt": _unary(sqrt, 0.5, 0.5),
        "tanh": _unary(tanh, 1.5, 1.5),
    }
)
"""By the name of the op. Subnormal numbers are neither read nor written as 0."""

_FORMATS: dict[DType, FloatFormat] = {format.dtype: format for format in (FLOAT32, FLOAT64)}


def math_function(module: ir.Module, name: str, dtype: DType) -> ir.Function:
    """The function of an op in a module, which is defined there when it is first asked for.

    It takes and returns numbers, is inlined wherever it is called, has no branches, and calls nothing. Numbers of 16
    bits are to be converted to single precision and back around it.

    Args:
        module: where the call will stand.
        name: of the op, as in `FUNCTIONS`.
        dtype: float32 or float64.

    Raises:
        KeyError: there is no such function, or none of that dtype.
    """
    format, function = _FORMATS[dtype], FUNCTIONS[name]
    return _defined(module, f"{name}.{dtype}", format, function.operands, function.emit)


def _defined(
    module: ir.Module, name: str, format: FloatFormat, operands: int, emit: Callable[..., Real]
) -> ir.Function:
    known = module.globals.get(name)
    if known is not None:
        return known
    function = ir.Function(module, ir.FunctionType(format.type, [format.type] * operands), name)
    function.linkage = "internal"
    for attribute in ("alwaysinline", "nounwind"):
        function.attributes.add(attribute)
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    result = emit(*(Real(builder, argument, format) for argument in function.args))
    result.builder.ret(result.value)
    return function
