"""Kernels of element-wise arithmetic."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from asg_executor.kernels.conversion import convert
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.pointwise import apply, in_float32, merged, ufunc_kernel
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.op import Op
from asg_schema.ops.elementwise import (
    Abs,
    Add,
    Astype,
    Ceil,
    Divide,
    Floor,
    Maximum,
    Minimum,
    Multiply,
    Negative,
    Pow,
    Remainder,
    Round,
    Sign,
    StopGradient,
    Subtract,
    Where,
)
from asg_schema.ops.elementwise_functions import (
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atan2,
    Atanh,
    Cos,
    Cosh,
    Exp,
    Expm1,
    Log,
    Log1p,
    Rsqrt,
    Sigmoid,
    Sin,
    Sinh,
    Sqrt,
    Tan,
    Tanh,
)

__all__ = ["UFUNCS"]

UFUNCS: dict[type[Op], np.ufunc] = {
    Abs: np.absolute,
    Acos: np.arccos,
    Acosh: np.arccosh,
    Add: np.add,
    Asin: np.arcsin,
    Asinh: np.arcsinh,
    Atan: np.arctan,
    Atan2: np.arctan2,
    Atanh: np.arctanh,
    Cos: np.cos,
    Cosh: np.cosh,
    Divide: np.divide,
    Exp: np.exp,
    Expm1: np.expm1,
    Log: np.log,
    Log1p: np.log1p,
    Maximum: np.maximum,
    Minimum: np.minimum,
    Multiply: np.multiply,
    Negative: np.negative,
    Remainder: np.remainder,
    Sign: np.sign,
    Sin: np.sin,
    Sinh: np.sinh,
    Sqrt: np.sqrt,
    Subtract: np.subtract,
    Tan: np.tan,
    Tanh: np.tanh,
}
"""The ops that one NumPy function computes."""

for _op, _ufunc in UFUNCS.items():
    kernels.define(_op)(ufunc_kernel(_ufunc))


def is_half(array: Array) -> bool:
    """Whether an array holds 16-bit floats; those are computed in single precision."""
    return array.dtype.itemsize == 2


def _rounding_kernel(ufunc: np.ufunc) -> Callable[[Op, Arrays, Arrays, Workspace], Step]:
    """The kernel of a rounding, which leaves integers as they are."""

    def kernel(op: Op, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
        if np.issubdtype(results[0].dtype, np.integer):
            return partial(np.copyto, results[0], operands[0])
        return apply(ufunc, operands, results[0])

    return kernel


for _op, _ufunc in {Floor: np.floor, Ceil: np.ceil, Round: np.rint}.items():
    kernels.define(_op)(_rounding_kernel(_ufunc))


@kernels.define(StopGradient)
def stop_gradient(op: StopGradient, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The step of `stop_gradient`, where it is not a view."""
    return partial(np.copyto, results[0], operands[0])


@kernels.define(Rsqrt)
def rsqrt(op: Rsqrt, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """1 / sqrt(x)."""
    if is_half(results[0]):
        return in_float32(_rsqrt, operands, results[0], workspace)
    return _rsqrt(operands, results[0])


def _rsqrt(operands: Arrays, result: Array) -> Step:
    (x,), target = merged(operands, result)
    return sequence(
        partial(np.sqrt, x, out=target), partial(np.divide, np.asarray(1, target.dtype), target, out=target)
    )


@kernels.define(Sigmoid)
def sigmoid(op: Sigmoid, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """With e = exp(-|x|) the result is 1 / (1 + e) for x ≥ 0 and e / (1 + e) for x < 0; neither overflows."""

    def make(operands: Arrays, result: Array) -> Step:
        (x,), target = merged(operands, result)
        one = np.asarray(1, target.dtype)
        small = workspace.empty(target.shape, target.dtype)
        numerator = workspace.empty(target.shape, target.dtype)
        return sequence(
            partial(np.absolute, x, out=small),
            partial(np.negative, small, out=small),
            # exp(min(x, 0)) is 1 or e; it hands NaN on as well.
            partial(np.minimum, x, np.asarray(0, target.dtype), out=numerator),
            partial(np.exp, numerator, out=numerator),
            partial(np.exp, small, out=small),
            partial(np.add, small, one, out=small),
            partial(np.divide, numerator, small, out=target),
        )

    return in_float32(make, operands, results[0], workspace) if is_half(results[0]) else make(operands, results[0])


@kernels.define(Pow)
def power(op: Pow, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """Integers with a negative exponent yield 0; NumPy refuses them."""
    result = results[0]
    if not np.issubdtype(result.dtype, np.signedinteger):
        return apply(np.power, operands, result)
    (base, exponent), target = merged(operands, result)
    positive = workspace.empty(exponent.shape, exponent.dtype)
    negative = workspace.empty(exponent.shape, np.bool_)
    zero = np.asarray(0, result.dtype)
    return sequence(
        partial(np.less, exponent, zero, out=negative),
        partial(np.maximum, exponent, zero, out=positive),
        partial(np.power, base, positive, out=target),
        partial(np.copyto, target, zero, where=negative),
    )


@kernels.define(Where)
def where(op: Where, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The choice is made bit by bit: second ^ ((first ^ second) & mask), with a mask of ones where first is taken.

    A copy under a mask of bools takes a branch for every element, ten times as long where they are mixed.
    """
    (condition, first, second), target = merged(operands, results[0])
    bits = np.dtype(f"uint{8 * target.itemsize}")
    a, b, to = (array.view(bits) for array in (first, second, target))
    mask = workspace.empty(condition.shape, bits)
    picked = workspace.empty(target.shape, bits)
    return sequence(
        partial(np.copyto, mask, condition),
        partial(np.negative, mask, mask),
        partial(np.bitwise_xor, a, b, out=picked),
        partial(np.bitwise_and, picked, mask, picked),
        partial(np.bitwise_xor, picked, b, to),
    )


@kernels.define(Astype)
def astype(op: Astype, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """See `asg_executor.kernels.conversion`."""
    (x,), target = merged(operands, results[0])
    return convert(x, target, workspace)


def through(function: Callable[..., Any], operands: Arrays, result: Array, workspace: Workspace) -> Step:
    """The step of a function of SciPy, which knows single and double precision."""

    def make(arrays: Arrays, target: Array) -> Step:
        return apply(function, arrays, target)

    return in_float32(make, operands, result, workspace) if is_half(result) else make(operands, result)
