"""The table of mathematical functions, and how a kernel's code gets one."""

from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

from llvmlite import ir

from asg_executor.engines.native.math.error_function import erf, erfinv
from asg_executor.engines.native.math.exponential import exp, expm1, sigmoid
from asg_executor.engines.native.math.gamma import digamma, lgamma
from asg_executor.engines.native.math.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from asg_executor.engines.native.math.inverse_trigonometric import acos, asin, atan, atan2
from asg_executor.engines.native.math.logarithm import log, log1p
from asg_executor.engines.native.math.polygamma import polygamma
from asg_executor.engines.native.math.power import pow_float32, pow_float64, remainder
from asg_executor.engines.native.math.rounding import rsqrt
from asg_executor.engines.native.math.trigonometric import cos, sin, tan
from asg_executor.engines.native.math.values import FLOAT32, FLOAT64, FloatFormat, Real, ceil, floor, rint, sqrt
from asg_schema.dtype import DType

__all__ = ["FUNCTIONS", "MathFunction", "math_function", "polygamma_function"]


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


def _binary(emit: Callable[[Real, Real], Real], error_float32: float, error_float64: float) -> MathFunction:
    return MathFunction(emit, 2, error_float32, error_float64)


def _unary(emit: Callable[[Real], Real], error_float32: float, error_float64: float) -> MathFunction:
    return MathFunction(emit, 1, error_float32, error_float64)


def _widened(emit: Callable[[Real], Real]) -> Callable[[Real], Real]:
    """The same function, computed in double precision."""

    def emit_in_double(x: Real) -> Real:
        return emit(x.to(FLOAT64)).to(x.format)

    return emit_in_double


def _power(x: Real, y: Real) -> Real:
    return pow_float32(x, y) if x.format == FLOAT32 else pow_float64(x, y)


FUNCTIONS = MappingProxyType(
    {
        "acos": _unary(acos, 1.5, 1.5),
        "acosh": _unary(_widened(acosh), 1, 2.5),
        "asin": _unary(asin, 2.5, 2.5),
        "asinh": _unary(_widened(asinh), 1, 2),
        "atan": _unary(atan, 2, 2.5),
        "atan2": _binary(atan2, 2, 3),
        "atanh": _unary(_widened(atanh), 1, 2),
        "ceil": _unary(ceil, 0, 0),
        "cos": _unary(cos, 2, 1.5),
        "cosh": _unary(_widened(cosh), 1, 1.5),
        "digamma": _unary(_widened(digamma), 1, 5),
        "erf": _unary(erf, 1.5, 2),
        "erfinv": _unary(_widened(erfinv), 1, 4),
        "exp": _unary(exp, 1, 1),
        "expm1": _unary(expm1, 1.5, 2),
        "floor": _unary(floor, 0, 0),
        "lgamma": _unary(_widened(lgamma), 1, 5),
        "log": _unary(log, 1, 1),
        "log1p": _unary(log1p, 1.5, 1.5),
        "pow": _binary(_power, 1, 1.5),
        "remainder": _binary(remainder, 0.5, 0.5),
        "round": _unary(rint, 0, 0),
        "rsqrt": _unary(rsqrt, 1.5, 1.5),
        "sigmoid": _unary(sigmoid, 2.5, 2.5),
        "sin": _unary(sin, 2, 1.5),
        "sinh": _unary(_widened(sinh), 1, 3),
        "sqrt": _unary(sqrt, 0.5, 0.5),
        "tan": _unary(tan, 4, 2.5),
        "tanh": _unary(tanh, 1.5, 1.5),
    }
)
"""By the name of the op. Subnormal numbers are neither read nor written as 0.

Below 0, `lgamma` and `digamma` have zeros between their poles. There the bound is in units of the last digit not of the
result, but of the largest of what it is the difference of: lgamma(|x|), or digamma(1 - x), or 1.
"""

_FORMATS: dict[DType, FloatFormat] = {format.dtype: format for format in (FLOAT32, FLOAT64)}


def math_function(module: ir.Module, name: str, dtype: DType) -> ir.Function:
    """The function of an op in a module, which is defined there when it is first asked for.

    It takes and returns numbers, is inlined wherever it is called, and calls nothing; but for `remainder`, it has no
    branches. Numbers of 16 bits are to be converted to single precision and back around it.

    Args:
        module: where the call will stand.
        name: of the op, as in `FUNCTIONS`.
        dtype: float32 or float64.

    Raises:
        KeyError: there is no such function, or none of that dtype.
    """
    format, function = _FORMATS[dtype], FUNCTIONS[name]
    return _defined(module, f"{name}.{dtype}", format, function.operands, function.emit)


def polygamma_function(module: ir.Module, order: int, dtype: DType) -> ir.Function:
    """The function of `polygamma` in a module, as `math_function` has the others. It has loops inside.

    Its error is at most 5 + 1.5 n units of the last digit in double precision, and 1 in single. For even n and x < 0 it
    has zeros, and the units are those of the sum of the magnitudes.

    Args:
        module: where the call will stand.
        order: the op's n, of which 0 is digamma.
        dtype: float32 or float64.

    Raises:
        KeyError: there is none of that dtype.
    """
    if order == 0:
        return math_function(module, "digamma", dtype)
    return _defined(module, f"polygamma.{order}.{dtype}", _FORMATS[dtype], 1, _widened(polygamma(order)))


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
