"""Samples of gathers and scatters by index tuples, tuple by tuple."""

from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from asg_schema.op import Op
from asg_schema.ops.indexing_nd import GatherNd, ScatterNdAdd, ScatterNdSet
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _places(indices: Array, batch_dims: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Where each tuple stands, and the place in x that it names, tuples in row-major order."""
    for index in indices_of(indices.shape[:-1]):
        yield index, (*index[:batch_dims], *(int(i) for i in indices[index]))


def _gather_nd(batch_dims: int = 0) -> Reference:
    def reference(x: Array, indices: Array) -> Array:
        result = np.empty((*indices.shape[:-1], *x.shape[batch_dims + indices.shape[-1] :]), x.dtype)
        for index, place in _places(indices, batch_dims):
            result[index] = x[place]
        return result

    return reference


def _scatter_nd_add(batch_dims: int = 0) -> Reference:
    def reference(x: Array, indices: Array, source: Array) -> Array:
        wide = x.astype(np.int64) if x.dtype.kind in "iu" else x.copy()
        for index, place in _places(indices, batch_dims):
            wide[place] += source[index]
        return wide.astype(x.dtype)  # which wraps around

    return reference


def _scatter_nd_set(batch_dims: int = 0) -> Reference:
    def reference(x: Array, indices: Array, source: Array) -> Array:
        result = x.copy()
        for index, place in _places(indices, batch_dims):
            result[place] = source[index]
        return result

    return reference


def _indices(values: npt.ArrayLike, dtype: npt.DTypeLike = np.int64) -> Array:
    return np.array(values, dtype)


_CUBE = spread(2, 3, 4)
_CASES: list[tuple[str, Array, Array, Array, int]] = [
    ("elements", spread(3, 4), _indices([[0, 1], [2, 3]]), spread(2) + 5.0, 0),
    ("slices", _CUBE, _indices([[1, 2], [0, 0], [1, 0]]), spread(3, 4) + 5.0, 0),
    ("repeated", spread(3, 2), _indices([[2], [0], [2], [2]]), spread(4, 2) + 5.0, 0),
    ("negative_int32", _CUBE, _indices([[[-1, -3]], [[0, -1]]], np.int32), spread(2, 1, 4), 0),
    ("batch", spread(2, 3, 2), _indices([[[0], [2]], [[1], [1]]]), spread(2, 2, 2) + 5.0, 1),
    ("batches", spread(2, 2, 3), _indices([[[2], [0]], [[1], [-1]]]), spread(2, 2) + 5.0, 2),
    ("vector_by_one_tuple", spread(4), _indices([2]), np.array(7.5), 0),
    ("empty_tuples", spread(2, 2), np.zeros((3, 0), np.int64), spread(3, 2, 2) + 5.0, 0),
    ("rank_0_by_empty_tuples", np.array(1.5), np.zeros((2, 0), np.int64), spread(2) + 5.0, 0),
    ("no_tuples", spread(3, 2), np.zeros((0, 1), np.int64), np.zeros((0, 2)), 0),
    ("no_elements", np.zeros((3, 0)), _indices([[1]]), np.zeros((1, 0)), 0),
    ("no_batches", np.zeros((0, 3)), np.zeros((0, 2, 1), np.int64), np.zeros((0, 2)), 1),
]
_UINT8 = (np.array([1, 200, 5], np.uint8), _indices([[1], [1], [2]]), np.array([100, 60, 255], np.uint8))
_BOOL = (np.array([True, False, True]), _indices([[0], [1]]), np.array([False, True]))
_REFERENCES: dict[type[Op], Callable[[int], Reference]] = {
    GatherNd: _gather_nd,
    ScatterNdAdd: _scatter_nd_add,
    ScatterNdSet: _scatter_nd_set,
}


def _sample(op: type[Op], name: str, x: Array, indices: Array, source: Array, batch_dims: int) -> Sample:
    operands = (x, indices) if op is GatherNd else (x, indices, source)
    attributes = {"batch_dims": batch_dims} if batch_dims or name == "elements" else {}
    return Sample(f"{op.name}.{name}", op, operands, attributes, _REFERENCES[op](batch_dims))


SAMPLES: list[Sample] = [
    *(_sample(op, *case) for op in _REFERENCES for case in _CASES),
    *(_sample(op, "uint8", *_UINT8, 0) for op in _REFERENCES),
    *(_sample(op, "bool", *_BOOL, 0) for op in (GatherNd, ScatterNdSet)),
]
