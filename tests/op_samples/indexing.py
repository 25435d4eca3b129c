"""Samples of gathers and scatters."""

from typing import Any

import numpy as np
import numpy.typing as npt

from asg_schema.ops.indexing import IndexAdd, ScatterAddAlongAxis, Take, TakeAlongAxis
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _take(axis: int) -> Reference:
    def reference(x: Array, indices: Array) -> Array:
        axis_ = axis % x.ndim
        result = np.empty((*x.shape[:axis_], *indices.shape, *x.shape[axis_ + 1 :]), x.dtype)
        for index in indices_of(result.shape):
            chosen = indices[index[axis_ : axis_ + indices.ndim]]
            result[index] = x[(*index[:axis_], chosen, *index[axis_ + indices.ndim :])]
        return result

    return reference


def _sum_in_dtype(a: Any, b: Any) -> Any:
    return a + b if a.dtype.kind == "f" else (int(a) + int(b)) % 256  # the only integers here are uint8


def _index_add(axis: int) -> Reference:
    def reference(x: Array, indices: Array, source: Array) -> Array:
        axis_ = axis % x.ndim
        result = x.copy()
        for index in indices_of(source.shape):
            chosen = indices[index[axis_ : axis_ + indices.ndim]]
            place = (*index[:axis_], chosen, *index[axis_ + indices.ndim :])
            result[place] = _sum_in_dtype(result[place], source[index])
        return result

    return reference


def _along(index: tuple[int, ...], axis: int, chosen: int) -> tuple[int, ...]:
    return (*index[:axis], int(chosen), *index[axis + 1 :])


def _take_along_axis(axis: int) -> Reference:
    def reference(x: Array, indices: Array) -> Array:
        result = np.empty(indices.shape, x.dtype)
        for index in indices_of(indices.shape):
            result[index] = x[_along(index, axis % x.ndim, indices[index])]
        return result

    return reference


def _scatter_add_along_axis(axis: int) -> Reference:
    def reference(x: Array, indices: Array, source: Array) -> Array:
        result = x.copy()
        for index in indices_of(indices.shape):
            place = _along(index, axis % x.ndim, indices[index])
            result[place] = _sum_in_dtype(result[place], source[index])
        return result

    return reference


def _indices(values: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> Array:
    return np.array(values, dtype)


_X = spread(3, 2)
_CUBE = spread(2, 3, 2)
_UINT8 = np.array([[1, 2], [100, 200], [5, 6]], np.uint8)

_TAKE: list[tuple[str, Array, Array, int]] = [
    ("rows_repeated", _X, _indices([2, 0, 2]), 0),
    ("negative_axis_and_indices", _CUBE, _indices([-1, 0], np.int32), -2),
    ("indices_of_rank_2", _X, _indices([[0, 1], [2, -3]]), 0),
    ("indices_of_rank_0", _CUBE, _indices(1), 1),
    ("no_indices", _X, _indices([]), 1),
    ("bool", np.array([True, False, True]), _indices([1, 2]), 0),
    ("uint8", _UINT8, _indices([1]), 0),
]
_INDEX_ADD: list[tuple[str, Array, Array, Array, int]] = [
    ("rows_repeated", _X, _indices([2, 0, 2]), spread(3, 2) + 5.0, 0),
    ("negative_axis_and_indices", _CUBE, _indices([-1, 0], np.int32), spread(2, 2, 2), -2),
    ("indices_of_rank_2", _X, _indices([[0, 1], [2, -3]]), spread(2, 2, 2), 0),
    ("indices_of_rank_0", _CUBE, _indices(1), spread(2, 2), 1),
    ("no_indices", _X, _indices([]), np.zeros((3, 0)), 1),
    ("uint8_wraps", _UINT8, _indices([1, 1]), np.array([[100, 30], [60, 30]], np.uint8), 0),
    ("repeated_often", np.zeros(2), _indices([0] * 9 + [1]), np.full(10, 0.1), 0),
]
_ALONG: list[tuple[str, Array, Array, Array, int]] = [
    ("repeated", _X, _indices([[0, 2], [0, 1]]), spread(2, 2) + 5.0, 0),
    ("negative_axis_and_indices", _CUBE, _indices([[[-1], [0], [1]], [[0], [0], [-2]]], np.int32), spread(2, 3, 1), -1),
    ("middle_axis_longer", spread(1, 2, 2), _indices([[[0, 1], [1, 1], [0, 0]]]), spread(1, 3, 2), 1),
    ("vector", spread(4), _indices([3, 3, 3]), spread(3), 0),
    ("no_indices", _X, np.zeros((3, 0), np.int64), np.zeros((3, 0)), 1),
    ("uint8_wraps", _UINT8, _indices([[1, 1]]), np.array([[200, 100]], np.uint8), 0),
]

SAMPLES: list[Sample] = [
    *(Sample(f"take.{name}", Take, (x, i), {"axis": axis}, _take(axis)) for name, x, i, axis in _TAKE),
    Sample("take.default_axis", Take, (_X, _indices([1])), {}, _take(0)),
    *(
        Sample(f"index_add.{name}", IndexAdd, (x, i, source), {"axis": axis}, _index_add(axis))
        for name, x, i, source, axis in _INDEX_ADD
    ),
    *(
        Sample(f"take_along_axis.{name}", TakeAlongAxis, (x, i), {"axis": axis}, _take_along_axis(axis))
        for name, x, i, _, axis in _ALONG
    ),
    Sample(
        "take_along_axis.bool",
        TakeAlongAxis,
        (np.array([True, False, True]), _indices([1, 0])),
        {},
        _take_along_axis(-1),
    ),
    Sample("index_add.default_axis", IndexAdd, (_X, _indices([1]), spread(1, 2) + 3.0), {}, _index_add(0)),
    Sample("take_along_axis.default_axis", TakeAlongAxis, (_X, _indices([[1], [0], [1]])), {}, _take_along_axis(-1)),
    *(
        Sample(
            f"scatter_add_along_axis.{name}",
            ScatterAddAlongAxis,
            (x, i, source),
            {"axis": axis},
            _scatter_add_along_axis(axis),
        )
        for name, x, i, source, axis in _ALONG
    ),
    Sample(
        "scatter_add_along_axis.default_axis",
        ScatterAddAlongAxis,
        (_X, _indices([[1], [0], [1]]), spread(3, 1)),
        {},
        _scatter_add_along_axis(-1),
    ),
]
