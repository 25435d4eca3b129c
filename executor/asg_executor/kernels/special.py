"""Kernels of the special functions: the error function, its inverse, and the gamma function's family."""

from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from asg_executor.kernels.elementwise import through
from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.ops.elementwise import Digamma, Erf, Erfinv, Lgamma, Polygamma

__all__ = ["polygamma_values"]

special: Any = import_module("scipy.special")  # SciPy comes without types


@kernels.define(Erf)
def erf(op: Erf, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The error function."""
    return through(special.erf, operands, results[0], workspace)


@kernels.define(Erfinv)
def erfinv(op: Erfinv, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The inverse error function."""
    return through(special.erfinv, operands, results[0], workspace)


@kernels.define(Lgamma)
def lgamma(op: Lgamma, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
    """The logarithm of |Γ|."""
    return through(special.gammaln, operands, results[0], workspace)


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
