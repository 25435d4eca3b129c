"""Tangent rules of reductions and running totals."""

from asg_autograd.rules.axes import restore_axes
from asg_autograd.rules.reduction import product_of_others
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_autograd.tangents.terms import multilinear
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Astype, Maximum, Where
from asg_schema.ops.reduction import CumulativeSum, Max, Min, Prod, Sum

__all__: list[str] = []

tangents.define(Sum)(multilinear)
tangents.define(CumulativeSum)(multilinear)


@tangents.define(Max)
def _max(op: Max, at: Perturbation) -> Tangents:
    return (_mean_of_attained(op, at),)


@tangents.define(Min)
def _min(op: Min, at: Perturbation) -> Tangents:
    return (_mean_of_attained(op, at),)


def _mean_of_attained(op: Max | Min, at: Perturbation) -> Value:
    """The mean of the tangents of the elements that attain the result; 0 where none does, because one is NaN."""
    attained = Equal.of(at.x, restore_axes(at.y, op, at.x))
    t = widen(at.t)
    total = Sum.of(Where.of(attained, t, t.scalar(0.0)), axis=op.axis, keepdims=op.keepdims)
    count = Sum.of(Astype.of(attained, dtype=t.dtype), axis=op.axis, keepdims=op.keepdims)
    return narrow(total / Maximum.of(count, count.scalar(1.0)), at.t.dtype)


@tangents.define(Prod)
def _prod(op: Prod, at: Perturbation) -> Tangents:
    others = product_of_others(at.x, op.axes_of(op.axis, at.x.rank))
    return (Sum.of(at.t * others, axis=op.axis, keepdims=op.keepdims),)
