"""Samples of the matrix product, by explicit sums over the inner index."""

import math

import numpy as np

from asg_schema.ops.contraction import Matmul
from op_samples.sample import Array, Sample, expecting, indices_of, spread


def matrix_product(a: Array, b: Array) -> Array:
    """The product over the last two axes, each element the exactly rounded sum of its terms."""
    left = a[np.newaxis, :] if a.ndim == 1 else a
    right = b[:, np.newaxis] if b.ndim == 1 else b
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, (*batch, *left.shape[-2:]))
    right = np.broadcast_to(right, (*batch, *right.shape[-2:]))
    result = np.empty((*batch, left.shape[-2], right.shape[-1]), a.dtype)
    total = math.fsum if a.dtype.kind == "f" else sum
    for index in indices_of(result.shape):
        row, column = left[index[:-1]].tolist(), right[(*index[:-2], slice(None), index[-1])].tolist()
        result[index] = np.array(total(x * y for x, y in zip(row, column, strict=True))).astype(a.dtype)
    if a.ndim == 1:
        result = result[..., 0, :]
    return result[..., 0] if b.ndim == 1 else result


def _case(name: str, a: Array, b: Array) -> Sample:
    return Sample(f"matmul.{name}", Matmul, (a, b), {}, matrix_product)


SAMPLES: list[Sample] = [
    _case("matrices", spread(2, 3), spread(3, 4)),
    _case("vectors", spread(3), spread(3) + 0.5),
    _case("vector_matrix", spread(3), spread(3, 2)),
    _case("matrix_vector", spread(2, 3), spread(3)),
    _case("batches", spread(2, 2, 3), spread(2, 3, 2)),
    _case("batch_broadcast_right", spread(2, 2, 3), spread(3, 2)),
    _case("batch_broadcast_left", spread(2, 3), spread(2, 3, 2)),
    _case("batch_broadcast_both", spread(2, 1, 1, 3), spread(1, 3, 3, 1)),
    _case("batch_of_size_1", spread(1, 2, 2), spread(3, 2, 2)),
    _case("vector_batch", spread(3), spread(2, 3, 2)),
    _case("batch_vector", spread(2, 2, 3), spread(3)),
    _case("empty_inner", np.zeros((2, 0)), np.zeros((0, 3))),
    _case("empty_rows", np.zeros((0, 3)), spread(3, 2)),
    _case("one_element", spread(1, 1), spread(1, 1) + 2.0),
    _case("int64_beyond_float64", np.array([[2**53 + 1, 1]]), np.array([[1], [2]])),
    _case("int32", np.arange(6, dtype=np.int32).reshape(2, 3), np.arange(6, dtype=np.int32).reshape(3, 2) - 3),
    Sample(
        "matmul.uint8_wraps",
        Matmul,
        (np.array([16, 1], np.uint8), np.array([[16, 2], [5, 7]], np.uint8)),
        {},
        expecting(5, 39, dtype=np.uint8),
    ),
    Sample(
        "matmul.not_finite",
        Matmul,
        (np.array([[math.inf, 1.0], [1.0, math.nan]]), np.array([0.0, 2.0])),
        {},
        expecting(math.nan, math.nan),
        differentiable=False,
    ),
    Sample(
        "matmul.column_not_finite_times_zero",
        Matmul,
        (np.array([[math.inf], [math.nan], [1.0]]), np.array([[0.0]])),
        {},
        lambda a, b: np.array([[math.nan], [math.nan], [0.0]]),
        differentiable=False,
    ),
    Sample(
        "matmul.zero_times_row_not_finite",
        Matmul,
        (np.array([[[0.0]]]), np.array([[-math.inf, math.nan, 1.0]])),
        {},
        lambda a, b: np.array([[[math.nan, math.nan, 0.0]]]),
        differentiable=False,
    ),
]
