"""Gradient rule of the matrix product."""

from asg_autograd.rules.matrices import rows, transpose
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_schema.editing import Value
from asg_schema.ops.contraction import Matmul
from asg_schema.ops.layout import Reshape

__all__: list[str] = []


@rules.define(Matmul)
def _matmul(op: Matmul, at: Application) -> Cotangents:
    a, b = at.operands
    if a.rank == 1 and b.rank == 1:
        return at.g * b, at.g * a
    if a.rank == 1:
        return _row_times_matrix(a, b, at.g)
    if b.rank == 1:
        return _matrix_times_column(a, b, at.g)
    # A matrix that all of a batch shares gets its cotangent by one product over all rows of the batch.
    by_b = transpose(rows(a)) @ rows(at.g) if b.rank == 2 else transpose(a) @ at.g
    return at.g @ transpose(b), by_b


def _row_times_matrix(a: Value, b: Value, g: Value) -> Cotangents:
    """For a [k], b […, k, n], g […, n]."""
    column = Reshape.of(g, shape=(*g.shape, 1))
    row = Reshape.of(g, shape=(*g.shape[:-1], 1, *g.shape[-1:]))
    return Reshape.of(b @ column, shape=b.shape[:-1]), Reshape.of(a, shape=(*a.shape, 1)) * row


def _matrix_times_column(a: Value, b: Value, g: Value) -> Cotangents:
    """For a […, m, k], b [k], g […, m]."""
    column = Reshape.of(g, shape=(*g.shape, 1))
    flat = rows(a)
    return column * b, Reshape.of(g, shape=flat.shape[:1]) @ flat
