"""Samples of rows of tables, diagonals and triangles: element by element."""

from collections.abc import Callable
from typing import Any

import numpy as np

from asg_schema.composites.indexing import Diag, Diagonal, Embedding, OneHot, Tril, Triu
from asg_schema.dtype import DType
from op_samples.sample import Array, Reference, Sample, array_dtype, indices_of, spread


def _one_hot(num_classes: int, dtype: str = "float32") -> Reference:
    def reference(x: Array) -> Array:
        result = np.zeros((*x.shape, num_classes), array_dtype(DType(dtype)))
        for index in indices_of(x.shape):
            result[(*index, int(x[index]))] = 1
        return result

    return reference


def _embedding(x: Array, weight: Array) -> Array:
    result = np.empty((*x.shape, weight.shape[1]), weight.dtype)
    for index in indices_of(x.shape):
        result[index] = weight[int(x[index])]
    return result


def _places_on(offset: int, rows: int, columns: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(rows) for j in range(columns) if j - i == offset]


def _diagonal(offset: int = 0) -> Reference:
    def reference(x: Array) -> Array:
        places = _places_on(offset, *x.shape[-2:])
        result = np.empty((*x.shape[:-2], len(places)), x.dtype)
        for number, place in enumerate(places):
            result[..., number] = x[(..., *place)]
        return result

    return reference


def _diag(k: int = 0) -> Reference:
    def reference(x: Array) -> Array:
        if x.ndim == 2:
            return np.array([x[place] for place in _places_on(k, *x.shape)], x.dtype)
        size = len(x) + abs(k)
        result = np.zeros((size, size), x.dtype)
        for number, place in enumerate(_places_on(k, size, size)):
            result[place] = x[number]
        return result

    return reference


def _triangle(kept: Callable[[int, int], bool]) -> Reference:
    def reference(x: Array) -> Array:
        result = np.zeros_like(x)
        for index in indices_of(x.shape):
            if kept(index[-2], index[-1]):
                result[index] = x[index]
        return result

    return reference


def _one_hot_case(name: str, x: Array, **attributes: Any) -> Sample:
    return Sample(f"one_hot.{name}", OneHot, (x,), attributes, _one_hot(**attributes))


_ROWS = np.array([[1, 0], [4, 1]])
_ONE_HOT = [
    _one_hot_case("vector", np.array([2, 0, 1]), num_classes=4),
    _one_hot_case("matrix_int32", np.array([[2, 0], [1, 1]], np.int32), num_classes=3, dtype="int64"),
    _one_hot_case("rank_0_bool", np.array(1), num_classes=2, dtype="bool"),
    _one_hot_case("bfloat16", np.array([1]), num_classes=2, dtype="bfloat16"),
    _one_hot_case("uint8", np.array([1, 0]), num_classes=2, dtype="uint8"),
    _one_hot_case("no_indices", np.zeros(0, np.int64), num_classes=3),
    _one_hot_case("no_classes", np.zeros(0, np.int64), num_classes=0),
]
_EMBEDDING = [
    Sample("embedding.vector", Embedding, (np.array([3, 0, 3]), spread(5, 2)), {}, _embedding),
    Sample("embedding.int32_matrix", Embedding, (_ROWS.astype(np.int32), spread(5, 3)), {}, _embedding),
    Sample("embedding.rank_0", Embedding, (np.array(2), spread(3, 2)), {}, _embedding),
    Sample("embedding.no_indices", Embedding, (np.zeros((2, 0), np.int64), spread(3, 2)), {}, _embedding),
    # The gradient leaves out a row, so that central differences do not see it: see test_indexing_edges.py.
    Sample("embedding.padding", Embedding, (_ROWS, spread(5, 3)), {"padding_idx": 1}, _embedding, False),
    Sample("embedding.padding_from_the_end", Embedding, (_ROWS, spread(5, 3)), {"padding_idx": -1}, _embedding, False),
]
_MATRICES: list[tuple[str, Array, int]] = [
    ("square", spread(3, 3), 0),
    ("wide_above", spread(2, 4), 1),
    ("wide_below", spread(2, 4), -1),
    ("tall_above", spread(4, 3), 1),
    ("tall_below", spread(4, 3), -2),
    ("outside", spread(2, 3), 3),
    ("far_outside", spread(2, 3), -7),
    ("size_1", spread(1, 1), 0),
    ("no_rows", np.zeros((0, 3)), 0),
    ("bool", np.array([[True, False], [False, True]]), 0),
    ("int32", np.array([[1, 2], [3, 4]], np.int32), 1),
]
_BATCHES: list[tuple[str, Array, int]] = [("batch", spread(2, 3, 3), 1), ("no_batches", np.zeros((0, 2, 2)), 0)]
_VECTORS: list[tuple[str, Array, int]] = [
    ("vector", spread(3), 0),
    ("vector_above", spread(2), 2),
    ("vector_below", spread(2), -1),
    ("empty_vector", np.zeros(0), 0),
    ("empty_vector_above", np.zeros(0), 1),
    ("bool_vector", np.array([True, False]), 1),
]


def _with(name: str, value: int) -> dict[str, int]:
    return {name: value} if value else {}


SAMPLES: list[Sample] = [
    *_ONE_HOT,
    *_EMBEDDING,
    *(
        Sample(f"diagonal.{name}", Diagonal, (x,), _with("offset", offset), _diagonal(offset))
        for name, x, offset in [*_MATRICES, *_BATCHES]
    ),
    *(Sample(f"diag.{name}", Diag, (x,), _with("k", k), _diag(k)) for name, x, k in [*_MATRICES, *_VECTORS]),
    *(
        Sample(f"tril.{name}", Tril, (x,), _with("k", k), _triangle(lambda i, j, k=k: j <= i + k))
        for name, x, k in [*_MATRICES, *_BATCHES]
    ),
    *(
        Sample(f"triu.{name}", Triu, (x,), _with("k", k), _triangle(lambda i, j, k=k: j >= i + k))
        for name, x, k in [*_MATRICES, *_BATCHES]
    ),
]
