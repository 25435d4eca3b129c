"""Tangent rule of the reciprocal standard deviation. `std` and `norm` are differentiated by their expansions."""

from asg_autograd.rules.standardization import standardized
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.reduction import Mean
from asg_schema.composites.reduction_norms import Rstd
from asg_schema.expansion import narrow, widen

__all__: list[str] = []


@tangents.define(Rstd)
def _rstd(op: Rstd, at: Perturbation) -> Tangents:
    x, t = widen(at.x), widen(at.t)
    y = at.y if at.y.dtype is x.dtype else Rstd.of(x, axis=op.axis, keepdims=op.keepdims, eps=op.eps)
    covariance = Mean.of(t * standardized(op, x, y), axis=op.axis, keepdims=op.keepdims)
    return (narrow(-(y * y * covariance), at.x.dtype),)
