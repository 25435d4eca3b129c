"""Tangent rules of factorisations.

The formulas come from differentiating the equation that defines the factors, and are the adjoints of the gradient
rules. float16 and bfloat16 are computed in float32 from factors that were not rounded, and rounded once at the end.
"""

from asg_autograd.rules.factors import (
    as_column,
    as_row,
    columns_between,
    on_diagonal_only,
    over_differences,
    refuse_undetermined_columns,
    refuse_undetermined_vectors,
    rows_between,
    symmetrized,
    wide_factors,
)
from asg_autograd.rules.matrices import transpose
from asg_autograd.sums import total
from asg_autograd.tangents.table import Perturbation, Tangents, tangents
from asg_schema.composites.indexing import Diagonal, Tril, Triu
from asg_schema.editing import Value
from asg_schema.expansion import narrow, widen
from asg_schema.ops.layout import Concat
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve

__all__: list[str] = []


@tangents.define(Cholesky)
def _cholesky(op: Cholesky, at: Perturbation) -> Tangents:
    (factor,) = wide_factors(op, at.operands, at.results)
    lower = transpose(factor) if op.upper else factor
    left = TriangularSolve.of(lower, symmetrized(widen(at.t)))
    inner = TriangularSolve.of(lower, left, transpose_a=True, left=False)
    moved = lower @ (Tril.of(inner) - on_diagonal_only(inner) * 0.5)
    return (narrow(transpose(moved) if op.upper else moved, at.x.dtype),)


@tangents.define(TriangularSolve)
def _triangular_solve(op: TriangularSolve, at: Perturbation) -> Tangents:
    (a, b), (a_moves, b_moves) = at.operands, at.tangents
    (solution,) = wide_factors(op, at.operands, at.results)
    by_a = None
    if a_moves is not None:
        inside = 1 if op.unit_diagonal else 0
        wide = widen(a_moves)
        triangle = Triu.of(wide, k=inside) if op.upper else Tril.of(wide, k=-inside)
        triangle = transpose(triangle) if op.transpose_a else triangle
        by_a = -(triangle @ solution if op.left else solution @ triangle)
    right = total(None if b_moves is None else widen(b_moves), by_a)
    if right is None:
        return (None,)
    attributes = {name: getattr(op, name) for name in op.attributes}
    return (narrow(TriangularSolve.of(widen(a), right, **attributes), b.dtype),)


@tangents.define(Qr)
def _qr(op: Qr, at: Perturbation) -> Tangents:
    rows, columns = at.x.shape[-2:]
    if 0 in (rows, columns):  # nothing moves
        return None, None
    wider = columns - rows
    refuse_undetermined_columns(op, wider)
    q, r = wide_factors(op, at.operands, at.results)
    t = widen(at.t)
    if isinstance(wider, int) and wider <= 0:
        q_moves, r_moves = _of_tall(q, r, t)
    else:
        q_moves, left_moves = _of_tall(q, columns_between(r, 0, rows), columns_between(t, 0, rows))
        right, right_moves = (columns_between(x, rows, columns) for x in (widen(at.x), t))
        r_moves = Concat.of(left_moves, transpose(q_moves) @ right + transpose(q) @ right_moves, axis=-1)
    return narrow(q_moves, at.x.dtype), narrow(r_moves, at.x.dtype)


def _of_tall(q: Value, r: Value, t: Value) -> tuple[Value, Value]:
    """The tangents of the factors of a matrix with as many columns as r: qᵀ · q̇ is skew, ṙ · r⁻¹ upper triangular."""
    over_r = TriangularSolve.of(r, t, upper=True, left=False)
    inner = transpose(q) @ over_r
    below = Tril.of(inner, k=-1)
    upper = inner - below + transpose(below)
    return over_r - q @ upper, upper @ r


@tangents.define(Eigh)
def _eigh(op: Eigh, at: Perturbation) -> Tangents:
    values, vectors = wide_factors(op, at.operands, at.results)
    inner = transpose(vectors) @ symmetrized(widen(at.t)) @ vectors
    moved = Diagonal.of(inner), vectors @ over_differences(inner, values)
    return tuple(narrow(tangent, at.x.dtype) for tangent in moved)


@tangents.define(Svd)
def _svd(op: Svd, at: Perturbation) -> Tangents:
    u, s, vh = wide_factors(op, at.operands, at.results)
    t, (rows, columns) = widen(at.t), at.x.shape[-2:]
    if op.full_matrices and rows != columns:
        refuse_undetermined_vectors(op, at.needed[0], at.needed[2])
        u, vh = columns_between(u, 0, s.shape[-1]), rows_between(vh, 0, s.shape[-1])
        return None, narrow(Diagonal.of(transpose(u) @ t @ transpose(vh)), at.x.dtype), None
    v = transpose(vh)
    by_v, by_u = t @ v, transpose(t) @ u
    inner, squares = transpose(u) @ by_v, s * s
    turned_u, turned_v = inner * as_row(s), as_column(s) * inner
    u_moves = u @ over_differences(turned_u + transpose(turned_u), squares)
    v_moves = v @ over_differences(turned_v + transpose(turned_v), squares)
    if rows != s.shape[-1]:
        u_moves = u_moves + (by_v - u @ inner) / as_row(s)
    if columns != s.shape[-1]:
        v_moves = v_moves + (by_u - v @ transpose(inner)) / as_row(s)
    moved = u_moves, Diagonal.of(inner), transpose(v_moves)
    return tuple(narrow(tangent, at.x.dtype) for tangent in moved)


@tangents.define(Lu)
def _lu(op: Lu, at: Perturbation) -> Tangents:
    p, lower, upper = wide_factors(op, at.operands, at.results)
    t = transpose(p) @ widen(at.t)
    rows, columns = at.x.shape[-2:]
    wider = columns - rows
    if wider == 0:
        moved = _of_square(lower, upper, t)
    elif isinstance(wider, int) and wider > 0:
        moved = _of_wide(lower, upper, t)
    else:
        moved = _of_narrow(lower, upper, t)
    return None, *(narrow(tangent, at.x.dtype) for tangent in moved)


def _of_square(lower: Value, upper: Value, t: Value) -> tuple[Value, Value]:
    """The tangents of square factors l and u of a product that moves by t: l⁻¹ · l̇ + u̇ · u⁻¹ = l⁻¹ · t · u⁻¹."""
    inner = TriangularSolve.of(upper, TriangularSolve.of(lower, t, unit_diagonal=True), upper=True, left=False)
    return lower @ Tril.of(inner, k=-1), Triu.of(inner) @ upper


def _of_wide(lower: Value, upper: Value, t: Value) -> tuple[Value, Value]:
    """The tangents of the factors of a product with more columns than rows."""
    side, columns = upper.shape[-2:]
    lower_moves, left_moves = _of_square(lower, columns_between(upper, 0, side), columns_between(t, 0, side))
    rest = columns_between(t, side, columns) - lower_moves @ columns_between(upper, side, columns)
    right_moves = TriangularSolve.of(lower, rest, unit_diagonal=True)
    return lower_moves, Concat.of(left_moves, right_moves, axis=-1)


def _of_narrow(lower: Value, upper: Value, t: Value) -> tuple[Value, Value]:
    """The tangents of the factors of a product with more rows than columns."""
    rows, side = lower.shape[-2:]
    above_moves, upper_moves = _of_square(rows_between(lower, 0, side), upper, rows_between(t, 0, side))
    rest = rows_between(t, side, rows) - rows_between(lower, side, rows) @ upper_moves
    below_moves = TriangularSolve.of(upper, rest, upper=True, left=False)
    return Concat.of(above_moves, below_moves, axis=-2), upper_moves
