"""Samples of outer products, similarities, distances and rotary embedding, vector by vector."""

import cmath
import math
from typing import Any

import numpy as np

from asg_schema.composites.contraction_products import CosineSimilarity, Outer, PairwiseDistance
from asg_schema.composites.contraction_rotary import RotaryEmbedding
from op_samples.sample import Array, Reference, Sample, indices_of, spread

_INF = math.inf


def _outer(a: Array, b: Array) -> Array:
    return np.array([[x * y for y in b] for x in a], a.dtype).reshape(len(a), len(b))


def _cosine_similarity(axis: int = 1, eps: float = 1e-8) -> Reference:
    def reference(a: Array, b: Array) -> Array:
        first, second = (np.moveaxis(x, axis, -1) for x in np.broadcast_arrays(a, b))
        result = np.empty(first.shape[:-1])
        for index in indices_of(result.shape):
            x, y = first[index].tolist(), second[index].tolist()
            lengths = [max(math.hypot(*vector), eps) for vector in (x, y)]
            result[index] = math.fsum(p * q for p, q in zip(x, y, strict=True)) / (lengths[0] * lengths[1])
        return result

    return reference


def _distance_of(values: list[float], p: float) -> float:
    sizes = [abs(value) for value in values]
    if math.isinf(p):
        return max(sizes) if p > 0 else min(sizes)
    if p == 0:
        return float(sum(size != 0 for size in sizes))
    return math.fsum(size**p for size in sizes) ** (1.0 / p)


def _pairwise_distance(p: float = 2.0, eps: float = 1e-6, keepdims: bool = False) -> Reference:
    def reference(a: Array, b: Array) -> Array:
        first, second = np.broadcast_arrays(a, b)
        result = np.empty(first.shape[:-1])
        for index in indices_of(result.shape):
            pairs = zip(first[index].tolist(), second[index].tolist(), strict=True)
            result[index] = _distance_of([x - y + eps for x, y in pairs], p)
        return result[..., None] if keepdims else result

    return reference


def _rotary(base: float = 10000.0, interleaved: bool = False) -> Reference:
    """Each pair as a complex number, multiplied by one of length 1."""

    def reference(x: Array, positions: Array | None = None) -> Array:
        counted: Array = np.array(range(x.shape[-2]), np.int64) if positions is None else positions
        where = np.broadcast_to(counted, x.shape[:-1])
        width, result = x.shape[-1], np.empty_like(x)
        for index in indices_of(x.shape[:-1]):
            for pair in range(width // 2):
                u, v = (2 * pair, 2 * pair + 1) if interleaved else (pair, pair + width // 2)
                angle = int(where[index]) * base ** (-2.0 * pair / width)
                turned = complex(x[(*index, u)], x[(*index, v)]) * cmath.exp(1j * angle)
                result[(*index, u)], result[(*index, v)] = turned.real, turned.imag
        return result

    return reference


def _cosine_case(name: str, a: Array, b: Array, *, smooth: bool = True, **attributes: Any) -> Sample:
    reference = _cosine_similarity(**attributes)
    return Sample(f"cosine_similarity.{name}", CosineSimilarity, (a, b), attributes, reference, smooth)


def _distance_case(name: str, a: Array, b: Array, **attributes: Any) -> Sample:
    return Sample(f"pairwise_distance.{name}", PairwiseDistance, (a, b), attributes, _pairwise_distance(**attributes))


def _rotary_case(name: str, *operands: Array, **attributes: Any) -> Sample:
    return Sample(f"rotary_embedding.{name}", RotaryEmbedding, operands, attributes, _rotary(**attributes))


_A, _B = spread(2, 3), spread(2, 3) * 0.7 + 0.4

_OUTER = [
    Sample("outer.vectors", Outer, (spread(2), spread(3) + 0.3), {}, _outer),
    Sample("outer.empty", Outer, (np.zeros(0), spread(3)), {}, _outer),
    Sample("outer.int32", Outer, (np.array([2, -3], np.int32), np.array([5, 7, 2], np.int32)), {}, _outer),
]

_COSINE = [
    _cosine_case("rows", _A, _B),
    _cosine_case("vectors", spread(4), spread(4) + 0.3, axis=0),
    _cosine_case("last_axis", spread(2, 2, 3), spread(2, 2, 3) * 0.7 + 0.4, axis=-1),
    _cosine_case("broadcast", _A, spread(3) + 0.3, axis=-1),
    _cosine_case("axis_broadcast", spread(2, 1), spread(2, 3)),
    _cosine_case("shorter_than_eps", _A, _B, eps=100.0),
    # Their higher derivatives are of the size of eps ** -2.
    _cosine_case("zeros", np.zeros((2, 3)), _B, smooth=False),
    _cosine_case("two_zeros", np.zeros((1, 2)), np.zeros((1, 2)), smooth=False),
    _cosine_case("no_rows", np.zeros((0, 3)), np.zeros((0, 3))),
    Sample(
        "cosine_similarity.no_elements",
        CosineSimilarity,
        (np.zeros((2, 0)), np.zeros((2, 0))),
        {},
        lambda a, b: np.zeros(2),
    ),
]

_DISTANCE = [
    _distance_case("rows", _A, _B),
    _distance_case("vectors", spread(3), spread(3) * 0.7 + 0.4),
    _distance_case("broadcast", spread(2, 2, 3), spread(3) + 0.3),
    _distance_case("kept", _A, _B, keepdims=True),
    _distance_case("p_1", _A, _B, p=1.0),
    _distance_case("p_3", _A, _B, p=3.0),
    _distance_case("p_inf", _A, _B, p=_INF),
    _distance_case("p_minus_1", _A, _B, p=-1.0),
    _distance_case("p_0", _A, _B, p=0.0),
    _distance_case("eps", _A, _B, eps=0.25),
    _distance_case("no_rows", np.zeros((0, 3)), np.zeros((0, 3))),
    Sample(
        "pairwise_distance.equal",
        PairwiseDistance,
        (_A, _A),
        {"eps": 0.0},
        lambda a, b: np.zeros(2),
        differentiable=False,
    ),
]

_ROTARY = [
    _rotary_case("half_split", spread(3, 4)),
    _rotary_case("interleaved", spread(3, 4), interleaved=True),
    _rotary_case("base", spread(2, 3, 6), base=100.0),
    _rotary_case("positions", spread(2, 3, 4), np.array([5, 0, 1000])),
    _rotary_case("positions_of_batches", spread(2, 2, 3, 2), np.array([[[0, 1, 2]], [[7, 8, 9]]], np.int32)),
    _rotary_case("interleaved_positions", spread(3, 4), np.array([-2, 4, 4]), interleaved=True, base=10.0),
    _rotary_case("one_position", spread(3, 2), np.array(3)),
    _rotary_case("no_length", np.zeros((2, 0, 4))),
    _rotary_case("no_width", np.zeros((2, 3, 0))),
]

SAMPLES: list[Sample] = [*_OUTER, *_COSINE, *_DISTANCE, *_ROTARY]
