"""Gradient rule of running products.

Nothing is divided by, so that zeros are no special case, and what is made is sums and products: derivatives of every
order are exact.
"""

from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.composites.reduction_products import CumulativeProd, axis_from_end, axis_to_end
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import index_grid, narrow, shift_lines, widen
from asg_schema.ops.comparison import Greater, GreaterEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Flip, Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


@rules.define(CumulativeProd)
def _cumulative_prod(op: CumulativeProd, at: Application) -> Cotangents:
    if at.x.shape[op.axis] == 0:
        return (at.g,)
    lines, g = (axis_to_end(widen(value), op.axis) for value in (at.x, at.g))
    if op.reverse:
        lines, g = Flip.of(lines, axis=(-1,)), Flip.of(g, axis=(-1,))
    if op.exclusive:  # the running product of elements that are one place further on
        lines = shift_lines(lines, 1, 1.0)
    size = lines.shape[-1]
    weighted = _sums_by_doubling(lines, g, size) if isinstance(size, int) else _masked_sums(lines, g, size)
    cotangent = CumulativeProd.of(lines, axis=-1, exclusive=True) * weighted
    if op.exclusive:
        cotangent = shift_lines(cotangent, -1, 0.0)
    if op.reverse:
        cotangent = Flip.of(cotangent, axis=(-1,))
    return (narrow(axis_from_end(cotangent, op.axis), at.x.dtype),)


def _sums_by_doubling(lines: Value, g: Value, size: int) -> Value:
    """s[k] = g[k] + x[k+1] · s[k+1], as a scan by doubling over affine maps (Blelloch, "Prefix sums", 1990).

    After a step of distance d, `sums` holds the terms of the next d cotangents, and `factors` the product of the next d
    elements.
    """
    sums, factors = g, shift_lines(lines, -1, 1.0)
    distance = 1
    while distance < size:
        sums = sums + factors * shift_lines(sums, -distance, 0.0)
        factors = factors * shift_lines(factors, -distance, 1.0)
        distance *= 2
    return sums


def _masked_sums(lines: Value, g: Value, size: Dim) -> Value:
    """s[k] = Σ_{i≥k} g[i] · ∏_{k<j≤i} x[j], from a matrix of all these products: for a symbolic size."""
    row, column = index_grid(lines.editor, size, size)
    shape = (*lines.shape[:-1], 1, size)
    factors = Where.of(Greater.of(column, row), Reshape.of(lines, shape=shape), lines.scalar(1.0))
    terms = CumulativeProd.of(factors, axis=-1) * Reshape.of(g, shape=shape)
    return Sum.of(Where.of(GreaterEqual.of(column, row), terms, terms.scalar(0.0)), axis=(-1,))
