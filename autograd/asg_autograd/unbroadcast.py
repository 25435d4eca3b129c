"""Undoing broadcasting: the one place where a cotangent is brought to the shape of its operand."""

from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import BroadcastTo, Reshape
from asg_schema.ops.reduction import Sum

__all__ = ["unbroadcast"]


def unbroadcast(cotangent: Value, shape: tuple[Dim, ...]) -> Value:
    """The cotangent of an operand of shape `shape`, from one that broadcasts with it.

    Along the axes on which the operand was repeated, the cotangent is summed; along those on which the cotangent is
    still shorter than the operand, because the rule left it at size 1 or left it out, it is repeated.

    Args:
        cotangent: a value whose shape broadcasts with `shape`; symbolic dims are compared as they stand.
        shape: the operand's shape.
    """
    if cotangent.shape == shape:
        return cotangent
    added = cotangent.rank - len(shape)
    axes = tuple(
        axis for axis, dim in enumerate(cotangent.shape) if axis < added or (shape[axis - added] == 1 and dim != 1)
    )
    if axes:
        kept = tuple(1 if axis in axes else dim for axis, dim in enumerate(cotangent.shape) if axis >= added)
        total = Sum.of(widen(cotangent), axis=axes, keepdims=added <= 0)
        cotangent = Reshape.of(narrow(total, cotangent.dtype), shape=kept)
    return BroadcastTo.of(cotangent, shape=shape)
