"""Kernels of factorisations, by LAPACK.

A matrix with inf or NaN is replaced by the identity, because LAPACK may not end on it, and its factors by NaN.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from typing import Any, TypeVar

import numpy as np

from asg_executor.allowance import current_allowance
from asg_executor.errors import RunError
from asg_executor.kernels.elementwise import is_half
from asg_executor.kernels.kernel import Arrays, Step, kernels
from asg_executor.kernels.workspace import Workspace
from asg_executor.plan.arrays import Array
from asg_schema.op import Op
from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve

__all__: list[str] = []

OpT = TypeVar("OpT", bound=Op)

_scipy: Any = import_module("scipy.linalg")  # SciPy comes without types

_DECISIVE = 0.3  # of the largest magnitude in a column: the first element of as much decides the column's sign
_PIECE_OPERATIONS = 1_000_000  # they take about a millisecond
_MOST_BY_LAPACK = 16  # systems: more are solved together, row by row


def _define(op: type[OpT]) -> Callable[[Callable[..., tuple[Array, ...]]], Callable[..., tuple[Array, ...]]]:
    """Enter a function from the op and float32 or float64 arrays to its results as a kernel."""

    def enter(compute: Callable[..., tuple[Array, ...]]) -> Callable[..., tuple[Array, ...]]:
        def kernel(op: OpT, operands: Arrays, results: Arrays, workspace: Workspace) -> Step:
            # LAPACK and NumPy take copies of what they read and what they make.
            size = sum(array.size * max(array.itemsize, 4) for array in (*operands, *results))
            workspace.reserve(4 * size)
            return partial(_run, compute, op, operands, results)

        kernels.define(op)(kernel)
        return compute

    return enter


def _run(compute: Callable[..., tuple[Array, ...]], op: Op, operands: Arrays, results: Arrays) -> None:
    wide = [operand.astype(np.float32) if is_half(operand) else operand for operand in operands]
    for result, found in zip(results, compute(op, *wide), strict=True):
        np.copyto(result, found, casting="unsafe")


def _symmetric(x: Array) -> Array:
    return x * 0.5 + x.swapaxes(-1, -2) * 0.5


def _made_finite(x: Array) -> tuple[Array, Array]:
    """The matrices with the identity for those that hold inf or NaN, and which those are, […, 1, 1]."""
    broken: Array = np.logical_not(np.isfinite(x).all(axis=(-2, -1), keepdims=True))
    return (np.where(broken, np.eye(*x.shape[-2:], dtype=x.dtype), x) if broken.any() else x), broken


def _spoiled(x: Array, broken: Array) -> Array:
    """The factors with NaN for those of broken matrices."""
    return np.where(broken, x.dtype.type(math.nan), x) if broken.any() else x


def _name(place: "tuple[int, ...]") -> str:
    return f"matrix {[int(i) for i in place]}" if place else "the matrix"


def _piecewise(factorise: Callable[[Array], "Sequence[Array]"], matrices: Array) -> tuple[Array, ...]:
    """The factors of many matrices, of some at a time, so that it can be stopped in between."""
    *batch, rows, columns = matrices.shape
    each = max(1, _PIECE_OPERATIONS // max(1, max(rows, columns) ** 2 * min(rows, columns)))
    count = math.prod(batch)
    if count <= each:
        return tuple(factorise(matrices))
    line = matrices.reshape(count, rows, columns)
    allowance = current_allowance()
    pieces: list[Sequence[Array]] = []
    for begin in range(0, count, each):
        allowance.check_time()
        pieces.append(factorise(line[begin : begin + each]))
    return tuple(_joined(parts, batch) for parts in zip(*pieces, strict=True))


def _joined(parts: "Sequence[Array]", batch: "Sequence[int]") -> Array:
    return np.concatenate(parts).reshape(*batch, *parts[0].shape[1:])


@_define(Cholesky)
def _cholesky(op: Cholesky, x: Array) -> tuple[Array, ...]:
    matrices, broken = _made_finite(_symmetric(x))
    try:
        (lower,) = _piecewise(lambda some: (np.linalg.cholesky(some),), matrices)
    except np.linalg.LinAlgError:
        raise _not_positive_definite(op, matrices) from None
    lower = np.tril(_spoiled(lower, broken))
    return (lower.swapaxes(-1, -2) if op.upper else lower,)


def _not_positive_definite(op: Cholesky, matrices: Array) -> RunError:
    (factorise,) = _scipy.get_lapack_funcs(("potrf",), (matrices,))
    orders = ((place, int(factorise(matrices[place], lower=True)[1])) for place in np.ndindex(matrices.shape[:-2]))
    place, order = next((place, order) for place, order in orders if order > 0)
    return RunError(
        op.id,
        op.name,
        f"{_name(place)} is not positive definite: its leading minor of order {order} is not positive; "
        "a symmetric positive definite matrix is needed",
    )


@_define(TriangularSolve)
def _triangular_solve(op: TriangularSolve, a: Array, b: Array) -> tuple[Array, ...]:
    if not op.unit_diagonal:
        _refuse_singular(op, a)
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    side = a.shape[-1]
    # X · op(a) = b is op(a)ᵀ · Xᵀ = bᵀ.
    transposed = op.transpose_a is op.left
    matrix, known = (a.swapaxes(-1, -2) if transposed else a), (b if op.left else b.swapaxes(-1, -2))
    matrix = np.broadcast_to(matrix, (*batch, side, side))
    known = np.broadcast_to(known, (*batch, *known.shape[-2:]))
    solve = _substitute if math.prod(batch) > _MOST_BY_LAPACK else _solve_each
    found = solve(matrix, known, op.upper is transposed, op.unit_diagonal)
    return (found if op.left else found.swapaxes(-1, -2),)


def _refuse_singular(op: TriangularSolve, a: Array) -> None:
    zeros = np.argwhere(np.diagonal(a, axis1=-2, axis2=-1) == 0)
    if len(zeros):
        *place, element = zeros[0]
        raise RunError(
            op.id,
            op.name,
            f"{_name(tuple(place))} is singular: element {element} of its triangle's diagonal is 0; a "
            "matrix without a 0 there is needed",
        )


def _solve_each(matrix: Array, known: Array, lower: bool, unit: bool) -> Array:
    """Solve one triangular system after another."""
    found = np.empty(known.shape, known.dtype)
    if found.size == 0:
        return found
    (solve,) = _scipy.get_blas_funcs(("trsm",), (matrix, known))
    allowance = current_allowance()
    for place in np.ndindex(known.shape[:-2]):
        allowance.check_time()
        found[place] = solve(1.0, matrix[place], known[place], lower=lower, diag=unit)
    return found


def _substitute(matrix: Array, known: Array, lower: bool, unit: bool) -> Array:
    """Solve all triangular systems together, one row of each after another."""
    found = np.empty(known.shape, known.dtype)
    side = matrix.shape[-1]
    allowance = current_allowance()
    for row in range(side) if lower else reversed(range(side)):
        allowance.check_time()
        done = slice(0, row) if lower else slice(row + 1, side)
        rest = known[..., row, :] - (matrix[..., row : row + 1, done] @ found[..., done, :])[..., 0, :]
        found[..., row, :] = rest if unit else rest / matrix[..., row, row][..., None]
    return found


@_define(Qr)
def _qr(op: Qr, x: Array) -> tuple[Array, ...]:
    matrices, broken = _made_finite(x)
    q, r = _piecewise(lambda some: np.linalg.qr(some, op.mode), matrices)
    diagonal = np.diagonal(r, axis1=-2, axis2=-1)
    sign = np.where(diagonal < 0, -1, 1).astype(x.dtype)
    count = sign.shape[-1]
    q[..., :count] *= sign[..., None, :]
    r[..., :count, :] *= sign[..., None]
    return _spoiled(q, broken), np.triu(_spoiled(r, broken))


def _signs(columns: Array) -> Array:
    """For each column 1 or -1, by which its first decisive element becomes positive."""
    magnitudes = np.abs(columns)
    decisive = magnitudes >= _DECISIVE * magnitudes.max(axis=-2, keepdims=True, initial=0.0)
    if columns.shape[-2] == 0:
        return np.ones((*columns.shape[:-2], 1, columns.shape[-1]), columns.dtype)
    first = np.take_along_axis(columns, np.argmax(decisive, axis=-2)[..., None, :], axis=-2)
    return np.where(first < 0, -1, 1).astype(columns.dtype)


def _converged(op: Op, decompose: Callable[[Array], "tuple[Array, ...]"], matrices: Array) -> tuple[Array, ...]:
    try:
        return _piecewise(decompose, matrices)
    except np.linalg.LinAlgError as error:
        raise RunError(op.id, op.name, f"x has a matrix whose decomposition cannot be computed: {error}") from None


@_define(Eigh)
def _eigh(op: Eigh, x: Array) -> tuple[Array, ...]:
    matrices, broken = _made_finite(_symmetric(x))
    values, vectors = _converged(op, np.linalg.eigh, matrices)
    vectors = vectors * _signs(vectors)
    return _spoiled(values, broken[..., 0]), _spoiled(vectors, broken)


@_define(Svd)
def _svd(op: Svd, x: Array) -> tuple[Array, ...]:
    matrices, broken = _made_finite(x)
    u, s, vh = _converged(op, partial(np.linalg.svd, full_matrices=False), matrices)
    sign = _signs(u)
    u, vh = u * sign, vh * sign.swapaxes(-1, -2)
    if op.full_matrices:
        u, vh = _completed(u), _completed(vh.swapaxes(-1, -2)).swapaxes(-1, -2)
    return _spoiled(u, broken), _spoiled(s, broken[..., 0]), _spoiled(vh, broken)


def _completed(columns: Array) -> Array:
    """Orthonormal columns, and behind them what makes them a basis."""
    rows, count = columns.shape[-2:]
    if rows == count:
        return columns
    (whole,) = _piecewise(lambda some: (np.linalg.qr(some, "complete")[0],), columns)
    return np.concatenate([columns, whole[..., count:]], axis=-1)


@_define(Lu)
def _lu(op: Lu, x: Array) -> tuple[Array, ...]:
    *batch, rows, columns = x.shape
    inner = min(rows, columns)
    if x.size == 0:  # SciPy gives a matrix without rows in place of a permutation
        p = np.broadcast_to(np.eye(rows, dtype=x.dtype), (*batch, rows, rows))
        return p, np.zeros((*batch, rows, inner), x.dtype), np.zeros((*batch, inner, columns), x.dtype)
    matrices, broken = _made_finite(x)
    p, lower, upper = _piecewise(lambda some: _scipy.lu(some, check_finite=False), matrices)
    lower = np.tril(_spoiled(lower, broken), -1) + np.eye(rows, inner, dtype=x.dtype)
    return p, lower, np.triu(_spoiled(upper, broken))
