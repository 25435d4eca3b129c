"""Tangent rule of running products.

Nothing is divided by, so that zeros are no special case, and what is made is sums and products: derivatives of every
order are exact.
"""

from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.reduction_products import CumulativeProd, axis_from_end, axis_to_end
from asg_schema.dims import Dim
from asg_schema.editing import Value
from asg_schema.expansion import index_grid, narrow, shift_lines, widen
from asg_schema.ops.comparison import Greater, GreaterEqual
from asg_schema.ops.elementwise import Where
from asg_schema.ops.layout import Flip, Reshape
from asg_schema.ops.reduction import Sum

__all__: list[str] = []


@tangents.define(CumulativeProd)
def _cumulative_prod(op: CumulativeProd, at: Perturbation) -> Tangents:
    if at.x.shape[op.axis] == 0:
        return (at.t,)
    lines, t = (axis_to_end(widen(value), op.axis) for value in (at.x, at.t))
    if op.reverse:
        lines, t = Flip.of(lines, axis=(-1,)), Flip.of(t, axis=(-1,))
    if op.exclusive:  # the running product of elements that are one place further on
        lines, t = shift_lines(lines, 1, 1.0), shift_lines(t, 1, 0.0)
    size, terms = lines.shape[-1], t * CumulativeProd.of(lines, axis=-1, exclusive=True)
    moved = _sums_by_doubling(lines, terms, size) if isinstance(size, int) else _masked_sums(lines, terms, size)
    if op.reverse:
        moved = Flip.of(moved, axis=(-1,))
    return (narrow(axis_from_end(moved, op.axis), at.x.dtype),)


def _sums_by_doubling(lines: Value, terms: Value, size: int) -> Value:
    """s[i] = terms[i] + x[i] · s[i-1], as a scan by doubling over affine maps (Blelloch, "Prefix sums", 1990).

    After a step of distance d, `sums` holds what the last d terms make, and `factors` the product of the last d
    elements.
    """
    sums, factors = terms, lines
    distance = 1
    while distance < size:
        sums = sums + factors * shift_lines(sums, distance, 0.0)
        factors = factors * shift_lines(factors, distance, 1.0)
        distance *= 2
    return sums


def _masked_sums(lines: Value, terms: Value, size: Dim) -> Value:
    """s[i] = Σ_{k≤i} terms[k] · ∏_{k<j≤i} x[j], from a matrix of all these products: for a symbolic size."""
    row, column = index_grid(lines.editor, size, size)
    factors = Where.of(
        Greater.of(column, row), Reshape.of(lines, shape=(*lines.shape[:-1], 1, size)), lines.scalar(1.0)
    )
    products = CumulativeProd.of(factors, axis=-1) * Reshape.of(terms, shape=(*terms.shape, 1))
    return Sum.of(Where.of(GreaterEqual.of(column, row), products, products.scalar(0.0)), axis=(-2,))
