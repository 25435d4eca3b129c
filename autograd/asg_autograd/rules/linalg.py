"""Gradient rules of factorisations; the formulas and their sources stand in the ops' docstrings.

float16 and bfloat16 are computed in float32 from factors that were not rounded, and rounded once at the end.
"""

from asg_autograd.rules.factors import (
    as_column,
    as_row,
    columns_between,
    diagonal_matrix,
    on_diagonal_only,
    over_differences,
    refuse_undetermined_columns,
    refuse_undetermined_vectors,
    rows_between,
    symmetrized,
    wide_factors,
)
from asg_autograd.rules.matrices import transpose
from asg_autograd.rules.table import Application, Cotangents, rules
from asg_autograd.sums import total
from asg_schema.composites.indexing import Tril, Triu
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import Concat
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve

__all__: list[str] = []


def _wide_cotangents(at: Application) -> tuple[Value | None, ...]:
    return tuple(None if g is None else widen(g) for g in at.cotangents)


@rules.define(Cholesky)
def _cholesky(op: Cholesky, at: Application) -> Cotangents:
    (factor,), g = wide_factors(op, at.operands, at.results), widen(at.g)
    lower, g = (transpose(factor), transpose(g)) if op.upper else (factor, g)
    product = transpose(lower) @ g
    halved = Tril.of(product) - on_diagonal_only(product) * 0.5
    left = TriangularSolve.of(lower, halved, transpose_a=True)
    return (narrow(symmetrized(TriangularSolve.of(lower, left, left=False)), at.x.dtype),)


@rules.define(TriangularSolve)
def _triangular_solve(op: TriangularSolve, at: Application) -> Cotangents:
    a, b = at.operands
    (solution,), g = wide_factors(op, at.operands, at.results), widen(at.g)
    by_b = TriangularSolve.of(
        widen(a),
        g,
        upper=op.upper,
        transpose_a=not op.transpose_a,
        unit_diagonal=op.unit_diagonal,
        left=op.left,
    )
    product = by_b @ transpose(solution) if op.left else transpose(solution) @ by_b
    if op.transpose_a:
        product = transpose(product)
    inside = 1 if op.unit_diagonal else 0
    triangle = Triu.of(product, k=inside) if op.upper else Tril.of(product, k=-inside)
    return narrow(-triangle, a.dtype), narrow(by_b, b.dtype)


@rules.define(Qr)
def _qr(op: Qr, at: Application) -> Cotangents:
    rows, columns = at.x.shape[-2:]
    if 0 in (rows, columns):  # nothing has a derivative
        return (None,)
    wider = columns - rows
    refuse_undetermined_columns(op, wider)
    q, r = wide_factors(op, at.operands, at.results)
    by_q, by_r = _wide_cotangents(at)
    if isinstance(wider, int) and wider <= 0:
        return (narrow(_by_tall(q, r, by_q, by_r), at.x.dtype),)
    x = widen(at.x)
    r_left, x_right = columns_between(r, 0, rows), columns_between(x, rows, columns)
    if by_r is None:
        right = x.editor.full(x_right.shape, 0.0, x.dtype)
        by_r_left = None
    else:
        by_r_left, by_r_right = columns_between(by_r, 0, rows), columns_between(by_r, rows, columns)
        by_q = total(by_q, x_right @ transpose(by_r_right))
        right = q @ by_r_right
    return (narrow(Concat.of(_by_tall(q, r_left, by_q, by_r_left), right, axis=-1), at.x.dtype),)


def _by_tall(q: Value, r: Value, by_q: Value | None, by_r: Value | None) -> Value:
    """The cotangent of a matrix with as many columns as r."""
    by_both = total(
        None if by_r is None else r @ transpose(by_r),
        None if by_q is None else -(transpose(by_q) @ q),
    )
    assert by_both is not None, "a rule is asked only where a cotangent is given"
    mirrored = Tril.of(by_both) + transpose(Tril.of(by_both, k=-1))
    summed = q @ mirrored if by_q is None else by_q + q @ mirrored
    return TriangularSolve.of(r, summed, upper=True, transpose_a=True, left=False)


@rules.define(Eigh)
def _eigh(op: Eigh, at: Application) -> Cotangents:
    values, vectors = wide_factors(op, at.operands, at.results)
    by_values, by_vectors = _wide_cotangents(at)
    turned = transpose(vectors)
    inner = total(
        None if by_values is None else diagonal_matrix(by_values),
        None if by_vectors is None else over_differences(turned @ by_vectors, values),
    )
    assert inner is not None, "a rule is asked only where a cotangent is given"
    return (narrow(symmetrized(vectors @ inner @ turned), at.x.dtype),)


@rules.define(Svd)
def _svd(op: Svd, at: Application) -> Cotangents:
    u, s, vh = wide_factors(op, at.operands, at.results)
    by_u, by_s, by_vh = _wide_cotangents(at)
    rows, columns = at.x.shape[-2:]
    if op.full_matrices and rows != columns:
        refuse_undetermined_vectors(op, by_u is not None, by_vh is not None)
        u, vh = columns_between(u, 0, s.shape[-1]), rows_between(vh, 0, s.shape[-1])
    ut, v, squares, by_v = transpose(u), transpose(vh), s * s, None if by_vh is None else transpose(by_vh)
    inner = total(
        None if by_u is None else over_differences(_skew(ut @ by_u), squares) * as_row(s),
        None if by_v is None else as_column(s) * over_differences(_skew(vh @ by_v), squares),
        None if by_s is None else diagonal_matrix(by_s),
    )
    assert inner is not None, "a rule is asked only where a cotangent is given"
    outside_u = None if by_u is None or rows == s.shape[-1] else (by_u - u @ (ut @ by_u)) / as_row(s) @ vh
    outside_v = None if by_v is None or columns == s.shape[-1] else u @ transpose((by_v - v @ (vh @ by_v)) / as_row(s))
    result = total(u @ inner @ vh, outside_u, outside_v)
    assert result is not None, "its first term is there"
    return (narrow(result, at.x.dtype),)


def _skew(x: Value) -> Value:
    return x - transpose(x)


@rules.define(Lu)
def _lu(op: Lu, at: Application) -> Cotangents:
    p, lower, upper = wide_factors(op, at.operands, at.results)
    _, by_lower, by_upper = _wide_cotangents(at)
    if by_lower is None and by_upper is None:
        return (None,)
    rows, columns = at.x.shape[-2:]
    wider = columns - rows
    if wider == 0:
        by_permuted = _by_square(lower, upper, by_lower, by_upper)
    elif isinstance(wider, int) and wider > 0:
        by_permuted = _by_wide(lower, upper, by_lower, by_upper)
    else:
        by_permuted = _by_narrow(lower, upper, by_lower, by_upper)
    return (narrow(p @ by_permuted, at.x.dtype),)


def _by_square(lower: Value, upper: Value, by_lower: Value | None, by_upper: Value | None) -> Value:
    """The cotangent of l · u for square factors."""
    inner = total(
        None if by_lower is None else Tril.of(transpose(lower) @ by_lower, k=-1),
        None if by_upper is None else Triu.of(by_upper @ transpose(upper)),
    )
    assert inner is not None, "a rule is asked only where a cotangent is given"
    left = TriangularSolve.of(lower, inner, transpose_a=True, unit_diagonal=True)
    return TriangularSolve.of(upper, left, upper=True, transpose_a=True, left=False)


def _by_wide(lower: Value, upper: Value, by_lower: Value | None, by_upper: Value | None) -> Value:
    """The cotangent of l · u for more columns than rows."""
    side, columns = upper.shape[-2:]
    left = columns_between(upper, 0, side)
    if by_upper is None:
        square = _by_square(lower, left, by_lower, None)
        return Concat.of(square, square.editor.full((*square.shape[:-1], columns - side), 0.0, square.dtype), axis=-1)
    right, by_right = columns_between(upper, side, columns), columns_between(by_upper, side, columns)
    by_rest = TriangularSolve.of(lower, by_right, transpose_a=True, unit_diagonal=True)
    by_lower = total(by_lower, -(by_rest @ transpose(right)))
    return Concat.of(_by_square(lower, left, by_lower, columns_between(by_upper, 0, side)), by_rest, axis=-1)


def _by_narrow(lower: Value, upper: Value, by_lower: Value | None, by_upper: Value | None) -> Value:
    """The cotangent of l · u for more rows than columns."""
    rows, side = lower.shape[-2:]
    above = rows_between(lower, 0, side)
    if by_lower is None:
        square = _by_square(above, upper, None, by_upper)
        zeros = square.editor.full((*square.shape[:-2], rows - side, side), 0.0, square.dtype)
        return Concat.of(square, zeros, axis=-2)
    below, by_below = rows_between(lower, side, rows), rows_between(by_lower, side, rows)
    by_rest = TriangularSolve.of(upper, by_below, upper=True, transpose_a=True, left=False)
    by_upper = total(by_upper, -(transpose(below) @ by_rest))
    return Concat.of(_by_square(above, upper, rows_between(by_lower, 0, side), by_upper), by_rest, axis=-2)
