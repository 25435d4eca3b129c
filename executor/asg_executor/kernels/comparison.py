"""Kernels of comparisons, tests and logic."""

import numpy as np

from asg_executor.kernels.kernel import kernels
from asg_executor.kernels.pointwise import ufunc_kernel
from asg_schema.op import Op
from asg_schema.ops.comparison import (
    Equal,
    Greater,
    GreaterEqual,
    IsFinite,
    IsInf,
    IsNan,
    Less,
    LessEqual,
    LogicalAnd,
    LogicalNot,
    LogicalOr,
    LogicalXor,
    NotEqual,
)

__all__ = ["UFUNCS"]

UFUNCS: dict[type[Op], np.ufunc] = {
    Equal: np.equal,
    NotEqual: np.not_equal,
    Less: np.less,
    LessEqual: np.less_equal,
    Greater: np.greater,
    GreaterEqual: np.greater_equal,
    IsNan: np.isnan,
    IsInf: np.isinf,
    IsFinite: np.isfinite,
    LogicalAnd: np.logical_and,
    LogicalOr: np.logical_or,
    LogicalXor: np.logical_xor,
    LogicalNot: np.logical_not,
}
"""The ops that one NumPy function computes."""

for _op, _ufunc in UFUNCS.items():
    kernels.define(_op)(ufunc_kernel(_ufunc))
