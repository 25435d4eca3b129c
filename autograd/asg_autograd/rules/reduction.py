"""Gradient rules of reductions and running totals."""

from asg_autograd.rules.axes import restore_axes
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.dims import Dim, element_count
from asg_schema.editing import Value
from asg_schema.expansion import index_grid, narrow, shift_lines, widen
from asg_schema.ops.comparison import Equal
from asg_schema.ops.elementwise import Astype, Where
from asg_schema.ops.layout import PermuteDims, Reshape
from asg_schema.ops.reduction import CumulativeSum, Max, Min, Prod, Sum

__all__ = ["product_of_others"]

_MOST_MASKED = 16


@rules.define(Sum)
def _sum(op: Sum, at: Application) -> Cotangents:
    return (restore_axes(at.g, op, at.x),)


@rules.define(Max)
def _max(op: Max, at: Application) -> Cotangents:
    return (_share(op, at),)


@rules.define(Min)
def _min(op: Min, at: Application) -> Cotangents:
    return (_share(op, at),)


def _share(op: Max | Min, at: Application) -> Value:
    """The cotangent, shared equally by the elements that attain the result."""
    attained = Equal.of(at.x, restore_axes(at.y, op, at.x))
    g = widen(at.g)
    count = Sum.of(Astype.of(attained, dtype=g.dtype), axis=op.axis, keepdims=op.keepdims)
    return Where.of(attained, restore_axes(narrow(g / count, at.g.dtype), op, at.x), at.g.scalar(0.0))


@rules.define(CumulativeSum)
def _cumulative_sum(op: CumulativeSum, at: Application) -> Cotangents:
    return (CumulativeSum.of(at.g, axis=op.axis, reverse=not op.reverse, exclusive=op.exclusive),)


@rules.define(Prod)
def _prod(op: Prod, at: Application) -> Cotangents:
    axes = op.axes_of(op.axis, at.x.rank)
    return (restore_axes(at.g, op, at.x) * product_of_others(at.x, axes),)


def product_of_others(x: Value, axes: tuple[int, ...]) -> Value:
    """For each element the product of all others along `axes`.

    No element is divided by, so zeros are no special case, and what is made are products again: derivatives of every
    order are exact.
    """
    kept = tuple(axis for axis in range(x.rank) if axis not in axes)
    order = (*kept, *axes)
    size = element_count(x.shape[axis] for axis in axes)
    lines = Reshape.of(PermuteDims.of(x, axes=order), shape=(*(x.shape[axis] for axis in kept), size))
    if isinstance(size, int) and size > _MOST_MASKED:
        others = _products_before(lines, 1) * _products_before(lines, -1)
    else:
        others = _masked_products(lines, size)
    inverse = tuple(order.index(axis) for axis in range(x.rank))
    return PermuteDims.of(Reshape.of(others, shape=tuple(x.shape[axis] for axis in order)), axes=inverse)


def _masked_products(lines: Value, size: Dim) -> Value:
    """Along the last axis: n products of n elements, the i-th of which has 1 in place of element i.

    This needs n² elements, which is little for few elements; where n is a symbol there is no shorter way, because the
    number of steps of a scan would depend on it.
    """
    row, column = index_grid(lines.editor, size, size)
    repeated = Reshape.of(lines, shape=(*lines.shape[:-1], 1, size))
    return Prod.of(Where.of(Equal.of(row, column), lines.scalar(1.0), repeated), axis=(-1,))


def _products_before(lines: Value, direction: int) -> Value:
    """Along the last axis: the product of all elements before each (direction 1), or behind it (direction -1).

    A scan by doubling (Hillis and Steele, "Data parallel algorithms", 1986): log₂ n steps of n products.
    """
    size = lines.shape[-1]
    assert isinstance(size, int)
    result = shift_lines(lines, direction, 1.0)
    distance = 1
    while distance < size:
        result = result * shift_lines(result, direction * distance, 1.0)
        distance *= 2
    return result
