"""Kernels of the special functions: the error function, its inverse, and the gamma function's family."""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from asg_executor.kernels.elementwise import is_half, through
from asg_executor.kernels.kernel import Arrays, Step, kernels, sequence
from asg_executor.kernels.pointwise import in_float32, merged
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.elementwise_functions import Digamma, Erf, Erfinv, Lgamma, Polygamma

__all__ = ["polygamma_values"]

special: Any = import_module("scipy.special")  # SciPy comes without types


# tanh(x · P(x²)) is erf(x) to within 2.3 units of eps, relative, for every single-precision x. P was fitted to
# artanh(erf(x)) / x on [0, 4.3], weighted by how far an error of it enters the result; its last coefficient is
# positive, so that beyond the result is ±1.
_ERF_FACTOR = tuple(
    np.float32(coefficient)
    for coefficient in (
        1.12837923,
        0.102769054,
        -1.91831481e-04,
        -6.19784114e-04,
        8.76371341e-05,
        -5.66844619e-06,
        1.41850634e-07,
    )
)

_FEW = 256  # elements, below which the calls for the terms of P take longer than SciPy's function


@kernels.define(Erf)
def erf(op: Erf, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """SciPy's function in double precision; in single precision one that takes a tenth of its time on large arrays."""
    result = results[0]
    if result.dtype == np.float64 or result.size < _FEW:
        return through(special.erf, operands, result, workspace)

    def make(arrays: Arrays, target: Array) -> Step:
        return _single_erf(arrays, target, workspace)

    return in_float32(make, operands, result, workspace) if is_half(result) else make(operands, result)


def _single_erf(operands: Arrays, result: Array, workspace: Workspace) -> Step:
    (x,), target = merged(operands, result)
    square = workspace.empty(x.shape, np.float32)
    factor = workspace.empty(x.shape, np.float32)
    *lower, last = (np.asarray(coefficient) for coefficient in _ERF_FACTOR)
    steps: list[Step] = [partial(np.multiply, x, x, square), partial(np.multiply, square, last, factor)]
    for coefficient in reversed(lower[1:]):
        steps.append(partial(np.add, factor, coefficient, factor))
        steps.append(partial(np.multiply, factor, square, factor))
    return sequence(
        *steps,
        partial(np.add, factor, lower[0], factor),
        partial(np.multiply, factor, x, factor),
        partial(np.tanh, factor, out=target),
    )


@kernels.define(Erfinv)
def erfinv(op: Erfinv, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The inverse error function."""
    return through(special.erfinv, operands, results[0], workspace)


@kernels.define(Lgamma)
def lgamma(op: Lgamma, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The logarithm of |Γ|. At -inf SciPy's function is -inf; the limit, and C's lgamma, are inf."""
    lowest = workspace.empty(results[0].shape, np.bool_)
    return sequence(
        partial(np.isneginf, operands[0], out=lowest),
        through(special.gammaln, operands, results[0], workspace),
        partial(np.copyto, results[0], np.inf, where=lowest),
    )


@kernels.define(Digamma)
def digamma(op: Digamma, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The logarithmic derivative of Γ."""
    return through(special.digamma, operands, results[0], workspace)


@kernels.define(Polygamma)
def polygamma(op: Polygamma, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """ψ⁽ⁿ⁾(x) = (-1)ⁿ⁺¹ n! ζ(n + 1, x) (https://dlmf.nist.gov/25.11.E12)."""
    if op.n == 0:
        return through(special.digamma, operands, results[0], workspace)
    (x,), result = operands, results[0]
    wide = workspace.empty(x.shape, np.float64)
    return partial(_store_polygamma, op.n, x, wide, result)


def _store_polygamma(order: int, x: Array, wide: Array, result: Array) -> None:
    np.copyto(wide, x, casting="unsafe")
    np.copyto(result, polygamma_values(order, wide), casting="unsafe")


def polygamma_values(order: int, x: Array) -> Array:
    """ψ⁽ⁿ⁾ in double precision for n ≥ 1."""
    sign = 1.0 if order % 2 else -1.0
    return sign * special.gamma(order + 1.0) * special.zeta(order + 1.0, x)
