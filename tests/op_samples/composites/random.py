"""Samples of dropout and of distributions, from the plain-integer generator."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

from asg_schema.composites.random import Dropout
from asg_schema.composites.random_distributions import Bernoulli, Categorical, Normal, Uniform
from asg_schema.dtype import DType
from op_samples.sample import Array, Reference, Sample, array_dtype, floats, indices_of, spread
from op_samples.threefry import random_word, threefry_2x32

_KEY = np.array([0x13198A2E, 0x03707344], np.uint32)


def _dropout(p: float = 0.5, *, shared: tuple[int, ...] = ()) -> Reference:
    def reference(x: Array, key: Array) -> Array:
        first, second = key.tolist()
        drawn = [1 if axis in shared else size for axis, size in enumerate(x.shape)]
        result = np.empty(x.shape)
        for place in indices_of(x.shape):
            counter = 0
            for axis, size in enumerate(drawn):
                counter = counter * size + (0 if axis in shared else place[axis])
            u = random_word((first, second), counter) / 2**32
            result[place] = x[place] / (1.0 - p) if u >= p else 0.0
        return result

    return reference


def _unit(key: Array, counter: int, dtype: DType) -> float:
    """The number in [0, 1) that belongs to a counter: bits shifted to the right until only those of the point stay."""
    first, second = key.tolist()
    if dtype is DType.FLOAT64:
        a, b = threefry_2x32((first, second), (counter >> 32, counter % 2**32))
        return ((a << 32 | b) >> 12) / 2**52
    word = random_word((first, second), counter)
    if dtype is DType.FLOAT32:
        return (word >> 9) / 2**23
    return ((word & 0xFFFF) >> 6) / 2**10 if dtype is DType.FLOAT16 else ((word & 0xFF) >> 1) / 2**7


def _drawn(key: Array, shape: tuple[int, ...], dtype: DType, function: Callable[[float], float]) -> Array:
    values = [function(_unit(key, counter, dtype)) for counter in range(math.prod(shape))]
    return np.array(values, np.float64).reshape(shape).astype(array_dtype(dtype))


def _uniform(name: str, shape: tuple[int, ...], **attributes: Any) -> Sample:
    def reference(key: Array) -> Array:
        low, high = attributes.get("low", 0.0), attributes.get("high", 1.0)
        dtype = DType(attributes.get("dtype", "float32"))
        return _drawn(key, shape, dtype, lambda u: low + u * (high - low))

    return Sample(f"uniform.{name}", Uniform, (_KEY,), {"shape": shape, **attributes}, reference)


def _normal(name: str, shape: tuple[int, ...], **attributes: Any) -> Sample:
    def reference(key: Array) -> Array:
        distribution = NormalDist(attributes.get("mean", 0.0), attributes.get("std", 1.0))
        dtype = DType(attributes.get("dtype", "float32"))
        # P(Z < z) = (1 + v) / 2, and v = 2u - 1 + 2 ** -precision.
        return _drawn(key, shape, dtype, lambda u: distribution.inv_cdf(u + 2.0 ** -(dtype.precision + 1)))

    return Sample(f"normal.{name}", Normal, (_KEY,), {"shape": shape, **attributes}, reference)


def _draw_dtype(operand: Array) -> DType:
    """Narrow dtypes are widened to float32 before anything is drawn."""
    return DType.FLOAT64 if operand.dtype == np.float64 else DType.FLOAT32


def _bernoulli(name: str, p: Array, shape: tuple[int, ...] | None = None) -> Sample:
    def reference(key: Array, p: Array) -> Array:
        wanted = p.shape if shape is None else shape
        units = [_unit(key, counter, _draw_dtype(p)) for counter in range(math.prod(wanted))]
        probabilities = np.broadcast_to(p, wanted).astype(np.float64).ravel().tolist()
        return np.array([u < q for u, q in zip(units, probabilities, strict=True)], np.bool_).reshape(wanted)

    attributes = {} if shape is None else {"shape": shape}
    return Sample(f"bernoulli.{name}", Bernoulli, (_KEY, p), attributes, reference, of_its_dtype=True)


def _categorical(name: str, logits: Array, axis: int | None = None, shape: tuple[int, ...] | None = None) -> Sample:
    def reference(key: Array, logits: Array) -> Array:
        place = (-1 if axis is None else axis) % logits.ndim - logits.ndim + 1  # from the end of the result's shape
        dtype = _draw_dtype(logits)
        classes = np.moveaxis(logits.astype(np.float64), -1 if axis is None else axis, -1)
        wanted = classes.shape[:-1] if shape is None else shape
        lines = np.broadcast_to(classes, (*wanted, classes.shape[-1]))
        noise_shape = list(wanted)
        noise_shape.insert(len(wanted) + place, classes.shape[-1])
        result = np.empty(wanted, np.int64)
        for index in indices_of(wanted):
            scores: list[float] = []
            for number in range(classes.shape[-1]):
                at = list(index)
                at.insert(len(wanted) + place, number)
                u = _unit(key, int(np.ravel_multi_index(at, noise_shape)), dtype)
                scores.append(float(lines[index][number]) - math.log(-math.log(u)))
            result[index] = scores.index(max(scores))
        return result

    attributes = {k: v for k, v in {"axis": axis, "shape": shape}.items() if v is not None}
    return Sample(f"categorical.{name}", Categorical, (_KEY, logits), attributes, reference, of_its_dtype=True)


_HALF = (DType.FLOAT16, DType.BFLOAT16)
_P = np.linspace(0.05, 0.95, 12).reshape(3, 4)

SAMPLES: list[Sample] = [
    Sample("dropout.default", Dropout, (spread(3, 4), _KEY), {}, _dropout()),
    Sample("dropout.quarter", Dropout, (spread(2, 3, 2), _KEY), {"p": 0.25}, _dropout(0.25)),
    Sample("dropout.nothing", Dropout, (spread(4), _KEY), {"p": 0.0}, lambda x, key: x),
    Sample("dropout.everything", Dropout, (spread(4), _KEY), {"p": 1.0}, lambda x, key: 0.0 * x),
    Sample(
        "dropout.channels",
        Dropout,
        (spread(2, 3, 2, 2), _KEY),
        {"broadcast_axes": (2, -1)},
        _dropout(shared=(2, 3)),
    ),
    Sample(
        "dropout.first_axis_together",
        Dropout,
        (spread(2, 5), _KEY),
        {"p": 0.3, "broadcast_axes": (0,)},
        _dropout(0.3, shared=(0,)),
    ),
    Sample("dropout.all_together", Dropout, (spread(3), _KEY), {"broadcast_axes": (0,)}, _dropout(shared=(0,))),
    Sample("dropout.rank_0", Dropout, (np.array(1.5), _KEY), {"p": 1.0 / math.pi}, _dropout(1.0 / math.pi)),
    _uniform("default", (3, 5)),
    *(_uniform(dtype.value, (40,), dtype=dtype.value) for dtype in (*_HALF, DType.FLOAT64)),
    *(
        _uniform(f"{dtype.value}_between", (40,), dtype=dtype.value, low=-0.3, high=2.6)
        for dtype in DType
        if dtype.is_floating
    ),
    _uniform("low", (4,), low=-1.5),
    _uniform("high", (4,), high=7.25),
    _uniform("constant", (4,), low=0.1, high=0.1, dtype="float64"),
    _uniform("rank_0", ()),
    _uniform("empty", (0, 2), dtype="float16"),
    _normal("default", (3, 5)),
    *(_normal(dtype.value, (40,), dtype=dtype.value) for dtype in (*_HALF, DType.FLOAT64)),
    *(
        _normal(f"{dtype.value}_scaled", (40,), dtype=dtype.value, mean=-3.1, std=0.7)
        for dtype in DType
        if dtype.is_floating
    ),
    _normal("mean", (4,), mean=2.0),
    _normal("std", (4,), std=0.5),
    _normal("rank_0", ()),
    _normal("empty", (2, 0)),
    _bernoulli("float64", _P),
    *(_bernoulli(dtype.value, _P.astype(array_dtype(dtype))) for dtype in (*_HALF, DType.FLOAT32)),
    _bernoulli("shape", np.array([0.4]), (3, 5)),
    _bernoulli("rank_0_to_shape", np.array(0.4), (6,)),
    _bernoulli("rank_0", np.array(0.4)),
    _bernoulli("edges", floats(0.0, -0.0, 1.0, 2.0, -1.0, math.nan, math.inf, -math.inf)),
    _bernoulli("empty", np.zeros((0, 2))),
    _categorical("float64", spread(5, 4)),
    *(_categorical(dtype.value, spread(5, 4).astype(array_dtype(dtype))) for dtype in (*_HALF, DType.FLOAT32)),
    _categorical("vector", spread(6)),
    _categorical("first_axis", spread(4, 5), axis=0),
    _categorical("middle_axis", spread(2, 4, 3), axis=-2),
    _categorical("shape", spread(1, 4), shape=(7,)),
    _categorical("more_samples", spread(4), shape=(3, 2)),
    _categorical("axis_and_shape", spread(4, 1), axis=0, shape=(2, 3)),
    _categorical("impossible_classes", np.array([[-math.inf, 0.0, -math.inf], [-math.inf] * 3])),
    _categorical("one_class", spread(3, 1)),
    _categorical("empty", np.zeros((0, 3))),
]
