"""Gradient rule of the reciprocal standard deviation. `std` and `norm` are differentiated by their expansions."""

from asg_autograd.rules.axes import count, restore_axes
from asg_autograd.rules.standardization import standardized
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.reduction_norms import Rstd
from asg_schema.expansion import narrow, widen

__all__: list[str] = []


@rules.define(Rstd)
def _rstd(op: Rstd, at: Application) -> Cotangents:
    x, g = widen(at.x), widen(at.g)
    y = at.y if at.y.dtype is x.dtype else Rstd.of(x, axis=op.axis, keepdims=op.keepdims, eps=op.eps)
    axes = op.axes_of(op.axis, x.rank)
    share = -(g * y * y) / count(x, axes, g.dtype)
    return (narrow(restore_axes(share, op, x) * standardized(op, x, y), at.x.dtype),)
