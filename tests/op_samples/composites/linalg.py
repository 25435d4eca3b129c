"""Samples of linear equations, inverses and determinants: exactly, in rational numbers, from the definition."""

import math
from fractions import Fraction
from itertools import permutations
from typing import Any, TypeAlias

import numpy as np

from asg_schema.composites.linalg import Det, Inv, Slogdet, Solve
from op_samples.linalg import regular
from op_samples.sample import Array, Sample, indices_of, spread

_Matrix: TypeAlias = list[list[Fraction]]


def _rational(x: Array) -> _Matrix:
    return [[Fraction(value) for value in row] for row in x.tolist()]


def _determinant(x: _Matrix) -> Fraction:
    """Σ ± ∏ over all permutations."""
    total = Fraction(0)
    for order in permutations(range(len(x))):
        wrong = sum(order[i] > order[j] for j in range(len(x)) for i in range(j))
        total += (-1) ** wrong * math.prod((x[i][order[i]] for i in range(len(x))), start=Fraction(1))
    return total


def _solution(a: _Matrix, b: list[Fraction]) -> list[float]:
    """By Cramer's rule."""
    determinant = _determinant(a)
    return [
        float(_determinant([[*row[:i], value, *row[i + 1 :]] for row, value in zip(a, b, strict=True)]) / determinant)
        for i in range(len(a))
    ]


def _solve(a: Array, b: Array) -> Array:
    if b.ndim == 1:
        return _solve(a, b[:, None])[..., 0]
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    matrices, sides = np.broadcast_to(a, (*batch, *a.shape[-2:])), np.broadcast_to(b, (*batch, *b.shape[-2:]))
    result = np.empty(sides.shape)
    for place in indices_of(batch):
        for column in range(b.shape[-1]):
            known = [Fraction(value) for value in sides[place][:, column].tolist()]
            result[(*place, slice(None), column)] = _solution(_rational(matrices[place]), known)
    return result


def _inv(x: Array) -> Array:
    return _solve(x, np.eye(x.shape[-1]))


def _det(x: Array) -> Array:
    values = [float(_determinant(_rational(x[place]))) for place in indices_of(x.shape[:-2])]
    return np.array(values, np.float64).reshape(x.shape[:-2])


def _slogdet(x: Array) -> tuple[Array, Array]:
    values = _det(x)
    logarithms = [math.log(abs(value)) if value else -math.inf for value in values.reshape(-1).tolist()]
    return np.sign(values), np.array(logarithms, np.float64).reshape(values.shape)


_SQUARE: list[tuple[str, Array]] = [
    ("2", regular(2, 2)),
    ("3", regular(3, 3)),
    ("4", regular(4, 4)),
    ("pivots", np.array([[0.0, 2.0, 1.0], [1.0, -1.0, 0.5], [-4.0, 1.0, 2.0]])),
    ("1", np.array([[-2.0]])),
    ("batch", regular(2, 3, 3)),
    ("empty", np.zeros((0, 0))),
    ("batch_of_empty", np.zeros((2, 0, 0))),
    ("no_batches", np.zeros((0, 2, 2))),
]
_SYSTEMS: list[tuple[str, Array, Array]] = [
    ("matrix", regular(3, 3), spread(3, 2)),
    ("vector", regular(3, 3), spread(3)),
    ("vector_for_a_batch", regular(2, 3, 3), spread(3)),
    ("batch", regular(2, 2, 2), spread(2, 2, 3)),
    ("batches_broadcast", regular(2, 1, 2, 2), spread(3, 2, 1)),
    ("1", np.array([[2.0]]), spread(1, 2)),
    ("empty", np.zeros((0, 0)), np.zeros((0, 2))),
    ("no_columns", regular(2, 2), np.zeros((2, 0))),
]
_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])


def _all(op: Any, function: Any) -> list[Sample]:
    return [Sample(f"{op.name}.{name}", op, (x,), {}, function) for name, x in _SQUARE]


SAMPLES: list[Sample] = [
    *(Sample(f"solve.{name}", Solve, (a, b), {}, _solve) for name, a, b in _SYSTEMS),
    *_all(Inv, _inv),
    *_all(Det, _det),
    *_all(Slogdet, _slogdet),
    Sample("det.singular", Det, (_SINGULAR,), {}, _det, False),
    Sample("slogdet.singular", Slogdet, (_SINGULAR,), {}, _slogdet, False),
]
