"""Samples of factorisations: by textbook algorithms in extended precision, other than what LAPACK uses where possible.

Cholesky and LU by their recurrences, QR by orthogonalisation, what completes q by reflections as the definition says,
eigenvalues and singular values by Jacobi's rotations.
"""

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.ops.linalg import Cholesky, Eigh, Lu, Qr, Svd, TriangularSolve
from op_samples.sample import Array, Reference, Sample, indices_of, spread

_INF, _NAN = math.inf, math.nan
_LONG = np.longdouble


def by_matrix(function: Callable[[Array], tuple[Array, ...]]) -> Reference:
    """A reference that applies a function to each matrix in extended precision, and rounds its results."""

    def reference(x: Array) -> tuple[Array, ...]:
        found = [function(x[place].astype(_LONG)) for place in indices_of(x.shape[:-2])]
        if not found:
            shapes = [part.shape for part in function(np.eye(*x.shape[-2:], dtype=_LONG))]
            return tuple(np.zeros((*x.shape[:-2], *shape)) for shape in shapes)
        stacked = [np.array(parts) for parts in zip(*found, strict=True)]
        return tuple(parts.reshape(*x.shape[:-2], *parts.shape[1:]).astype(np.float64) for parts in stacked)

    return reference


def _cholesky(upper: bool = False) -> Reference:
    def factor(x: Array) -> tuple[Array, ...]:
        x = (x + x.T) / 2
        lower = np.zeros_like(x)
        for i in range(len(x)):
            for j in range(i + 1):
                rest = x[i, j] - sum(lower[i, k] * lower[j, k] for k in range(j))
                lower[i, j] = np.sqrt(rest) if i == j else rest / lower[j, j]
        return (lower.T if upper else lower,)

    return by_matrix(factor)


def _substituted(a: Array, b: Array, lower: bool) -> Array:
    """The solution of a triangular system, column by column."""
    x = np.zeros(b.shape, _LONG)
    rows = range(len(a)) if lower else reversed(range(len(a)))
    for i in rows:
        others = range(i) if lower else range(i + 1, len(a))
        for column in range(b.shape[1]):
            x[i, column] = (b[i, column] - sum(a[i, j] * x[j, column] for j in others)) / a[i, i]
    return x


def _triangular_solve(
    upper: bool = False, transpose_a: bool = False, unit_diagonal: bool = False, left: bool = True
) -> Reference:
    def reference(a: Array, b: Array) -> Array:
        batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        systems = np.broadcast_to(a, (*batch, *a.shape[-2:])).astype(_LONG)
        sides = np.broadcast_to(b, (*batch, *b.shape[-2:])).astype(_LONG)
        result = np.empty(sides.shape)
        for place in indices_of(batch):
            system, side = systems[place].copy(), sides[place]
            if unit_diagonal:
                np.fill_diagonal(system, 1)
            turned = transpose_a == left
            found = _substituted(system.T if turned else system, side if left else side.T, upper == turned)
            result[place] = found if left else found.T
        return result

    return reference


def _reflections(x: Array) -> Array:
    """The product of the Householder reflections that make x upper triangular."""
    x, q = x.copy(), np.eye(len(x), dtype=_LONG)
    for i in range(min(x.shape)):
        part = x[i:, i].copy()
        if not part[1:].any():
            continue
        part[0] += np.copysign(np.sqrt(part @ part), part[0])
        reflection = np.eye(len(x), dtype=_LONG)
        reflection[i:, i:] -= 2 * np.outer(part, part) / (part @ part)
        x, q = reflection @ x, q @ reflection
    return q


def _qr(mode: str = "reduced") -> Reference:
    def factors(x: Array) -> tuple[Array, ...]:
        rows, inner = len(x), min(x.shape)
        q = np.zeros((rows, inner), _LONG)
        for i in range(inner):
            column = x[:, i].copy()
            for _ in range(2):  # once more for the digits that the first time cancels
                for j in range(i):
                    column -= (q[:, j] @ column) * q[:, j]
            q[:, i] = column / np.sqrt(column @ column)
        if mode == "complete":
            q = np.concatenate([q, _reflections(x)[:, inner:]], axis=1)
        r = q.T @ x
        return q, np.triu(r)

    return by_matrix(factors)


def _eigen(x: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix by Jacobi's rotations."""
    x, vectors, side = x.copy(), np.eye(len(x), dtype=_LONG), len(x)
    for _ in range(60):
        for i in range(side):
            for j in range(i + 1, side):
                if abs(x[i, j]) <= _LONG(1e-24) * abs(x).max():
                    continue
                slope = (x[j, j] - x[i, i]) / (2 * x[i, j])
                tangent = (1 if slope >= 0 else -1) / (abs(slope) + np.sqrt(slope * slope + 1))
                cosine = 1 / np.sqrt(tangent * tangent + 1)
                rotation = np.eye(side, dtype=_LONG)
                rotation[i, i] = rotation[j, j] = cosine
                rotation[i, j], rotation[j, i] = tangent * cosine, -tangent * cosine
                x, vectors = rotation.T @ x @ rotation, vectors @ rotation
    order = np.argsort(np.diag(x))
    return np.diag(x)[order], vectors[:, order]


def _signed(columns: Array) -> Array:
    """For each column the sign by which its first element of at least 0.3 of its largest magnitude becomes positive."""
    signs = [
        np.sign(next(value for value in column if abs(value) >= _LONG(0.3) * max(abs(column)))) for column in columns.T
    ]
    return np.array(signs, _LONG)


def _eigh(x: Array) -> tuple[Array, ...]:
    values, vectors = _eigen((x + x.T) / 2)
    return values, vectors * _signed(vectors)


def _svd(full_matrices: bool = False) -> Reference:
    def factors(x: Array) -> tuple[Array, ...]:
        rows, columns = x.shape
        inner = min(rows, columns)
        squares, vectors = _eigen(x.T @ x if columns <= rows else x @ x.T)
        s, vectors = np.sqrt(squares[::-1]), vectors[:, ::-1]
        u, v = (x @ vectors / s, vectors) if columns <= rows else (vectors, x.T @ vectors / s)
        sign = _signed(u)
        u, v = u * sign, v * sign
        if full_matrices:
            u = np.concatenate([u, _reflections(u)[:, inner:]], axis=1)
            v = np.concatenate([v, _reflections(v)[:, inner:]], axis=1)
        return u, s, v.T

    return by_matrix(factors)


def _lu(x: Array) -> tuple[Array, ...]:
    rows, columns = x.shape
    inner, order, upper = min(rows, columns), list(range(rows)), x.copy()
    lower = np.zeros((rows, inner), _LONG)
    for i in range(inner):
        pivot = max(range(i, rows), key=lambda row, i=i: (abs(upper[row, i]), -row))
        for table in (upper, lower):
            table[[i, pivot]] = table[[pivot, i]]
        order[i], order[pivot] = order[pivot], order[i]
        lower[i, i] = 1
        for row in range(i + 1, rows):
            if upper[row, i] != 0:
                lower[row, i] = upper[row, i] / upper[i, i]
                upper[row] = upper[row] - lower[row, i] * upper[i]
    p = np.zeros((rows, rows), _LONG)
    for place, row in enumerate(order):
        p[row, place] = 1
    return p, lower, np.triu(upper[:inner])


def regular(*shape: int) -> Array:
    """Matrices far from singular, whose singular values differ."""
    rows, columns = shape[-2:]
    return spread(*shape) * 0.5 + np.eye(rows, columns) * np.linspace(1.5, 3.0, columns)


def positive_definite(*shape: int) -> Array:
    """Symmetric positive definite matrices, whose eigenvalues differ."""
    x = spread(*shape) * 0.4
    return x @ x.swapaxes(-1, -2) + np.eye(shape[-1]) * np.linspace(1.0, 2.5, shape[-1])


def symmetric(*shape: int) -> Array:
    """Symmetric matrices with eigenvalues of both signs, which differ."""
    x = spread(*shape)
    return (x + x.swapaxes(-1, -2)) * 0.25 + np.eye(shape[-1]) * np.linspace(-2.0, 2.5, shape[-1])


def _skewed(x: Array) -> Array:
    """The same symmetric part, and another beside it."""
    other = spread(*x.shape) * 0.3
    return x + other - other.swapaxes(-1, -2)


def _with_nan(x: Array) -> Array:
    spoiled = x.copy()
    spoiled[1] = _NAN
    return spoiled


def _samples(op: Any, function: Reference, cases: list[tuple[str, Array]], **attributes: Any) -> list[Sample]:
    suffix = "".join(f"_{key}_{value}".lower() for key, value in attributes.items())
    return [Sample(f"{op.name}.{name}{suffix}", op, (x,), attributes, function) for name, x in cases]


def _spoiled(reference: Reference, matrix: int, *results: tuple[int, Callable[[Array], Array]]) -> Reference:
    """A reference in which for one matrix of a batch some results are NaN where they may be other than 0."""
    apply: Any = reference

    def changed(x: Array) -> tuple[Array, ...]:
        parts = apply(np.where(np.isfinite(x), x, np.eye(*x.shape[-2:])))
        for index, mask in results:
            ones: Array = np.ones_like(parts[index][matrix])
            parts[index][matrix][mask(ones) != 0] = _NAN
        return parts

    return changed


def _everywhere(x: Array) -> Array:
    return x


def _below(x: Array) -> Array:
    return np.tril(x, -1)


_SQUARE = [("empty", np.zeros((0, 0))), ("no_batches", np.zeros((0, 2, 2)))]
_POSITIVE = [
    ("2", positive_definite(2, 2)),
    ("4", positive_definite(4, 4)),
    ("batch", positive_definite(2, 3, 3)),
    ("1", np.array([[4.0]])),
    ("not_symmetric", _skewed(positive_definite(3, 3))),
    *_SQUARE,
]
_SHAPES = [
    ("square", regular(3, 3)),
    ("tall", regular(4, 2)),
    ("wide", regular(2, 4)),
    ("1", np.array([[-2.0]])),
    ("row", regular(1, 3)),
    ("column", regular(3, 1)),
    ("batch", regular(2, 3, 2)),
    ("no_rows", np.zeros((0, 3))),
    ("no_columns", np.zeros((2, 0))),
    *_SQUARE,
]
_SYMMETRIC = [
    ("2", symmetric(2, 2)),
    ("4", symmetric(4, 4)),
    ("batch", symmetric(2, 3, 3)),
    ("1", np.array([[-4.0]])),
    ("not_symmetric", _skewed(symmetric(3, 3))),
    ("opposite_elements", np.array([[2.0, 1.0], [1.0, 2.0]])),
    *_SQUARE,
]
_PIVOTED = [*_SHAPES, ("pivots", np.array([[0.0, 2.0, 1.0], [1.0, -1.0, 0.5], [-4.0, 1.0, 2.0]]))]
_DETERMINED = [case for case in _SHAPES if case[1].shape[-2] <= case[1].shape[-1]]

_TRIANGULAR: list[tuple[str, Array, Array, dict[str, Any]]] = [
    ("lower", regular(3, 3), spread(3, 2), {}),
    ("upper", regular(3, 3), spread(3, 2), {"upper": True}),
    ("transposed", regular(3, 3), spread(3, 2), {"transpose_a": True}),
    ("upper_transposed", regular(3, 3), spread(3, 1), {"upper": True, "transpose_a": True}),
    ("right", regular(2, 2), spread(3, 2), {"left": False}),
    ("right_upper", regular(2, 2), spread(3, 2), {"left": False, "upper": True}),
    ("right_transposed", regular(2, 2), spread(3, 2), {"left": False, "transpose_a": True}),
    ("unit", spread(3, 3) * 0.5, spread(3, 2), {"unit_diagonal": True}),
    (
        "right_upper_transposed_unit",
        spread(3, 3) * 0.5,
        spread(2, 3),
        {"left": False, "upper": True, "transpose_a": True, "unit_diagonal": True},
    ),
    ("unit_with_zeros", np.zeros((2, 2)), spread(2, 2), {"unit_diagonal": True}),
    ("batch", regular(2, 2, 2), spread(2, 2, 3), {}),
    ("batches_broadcast", regular(2, 1, 2, 2), spread(3, 2, 1), {"upper": True}),
    ("one_matrix_for_all", regular(2, 2), spread(3, 2, 2), {}),
    ("many", regular(18, 2, 2), spread(18, 2, 1), {}),
    ("many_right", regular(2, 2), spread(18, 1, 2), {"left": False, "upper": True}),
    ("1", np.array([[2.0]]), spread(1, 2), {}),
    ("empty", np.zeros((0, 0)), np.zeros((0, 2)), {}),
    ("no_columns", regular(2, 2), np.zeros((2, 0)), {}),
    ("no_batches", np.zeros((0, 2, 2)), np.zeros((0, 2, 1)), {}),
]

SAMPLES: list[Sample] = [
    *_samples(Cholesky, _cholesky(), _POSITIVE),
    *_samples(Cholesky, _cholesky(upper=True), _POSITIVE, upper=True),
    *_samples(Qr, _qr(), _SHAPES),
    *_samples(Qr, _qr("complete"), _DETERMINED, mode="complete"),
    *_samples(Eigh, by_matrix(_eigh), _SYMMETRIC),
    *_samples(Svd, _svd(), _SHAPES),
    *_samples(
        Svd, _svd(full_matrices=True), [case for case in _SHAPES if case[0] in ("square", "1")], full_matrices=True
    ),
    *_samples(Lu, by_matrix(_lu), _PIVOTED),
    *(
        Sample(f"triangular_solve.{name}", TriangularSolve, (a, b), attributes, _triangular_solve(**attributes))
        for name, a, b, attributes in _TRIANGULAR
    ),
    # Where there is no derivative, or none that is finite.
    *(
        Sample(f"qr.{name}_mode_complete", Qr, (x,), {"mode": "complete"}, _qr("complete"), False)
        for name, x in [("tall", regular(4, 2)), ("column", regular(3, 1)), ("tall_batch", regular(2, 4, 3))]
    ),
    *(
        Sample(f"svd.{name}_full_matrices", Svd, (x,), {"full_matrices": True}, _svd(full_matrices=True), False)
        for name, x in [("tall", regular(4, 2)), ("wide", regular(2, 4)), ("batch", regular(2, 4, 3))]
    ),
    Sample("lu.singular", Lu, (np.array([[1.0, 2.0], [2.0, 4.0]]),), {}, by_matrix(_lu), False),
    Sample("lu.zeros", Lu, (np.zeros((2, 3)),), {}, by_matrix(_lu), False),
    Sample(
        "cholesky.nan",
        Cholesky,
        (_with_nan(positive_definite(2, 2, 2)),),
        {},
        _spoiled(_cholesky(), 1, (0, np.tril)),
        False,
    ),
    Sample("qr.nan", Qr, (_with_nan(regular(2, 2, 3)),), {}, _spoiled(_qr(), 1, (0, _everywhere), (1, np.triu)), False),
    Sample(
        "eigh.nan",
        Eigh,
        (_with_nan(symmetric(2, 2, 2)),),
        {},
        _spoiled(by_matrix(_eigh), 1, (0, _everywhere), (1, _everywhere)),
        False,
    ),
    Sample(
        "lu.nan", Lu, (_with_nan(regular(2, 3, 2)),), {}, _spoiled(by_matrix(_lu), 1, (1, _below), (2, np.triu)), False
    ),
]
