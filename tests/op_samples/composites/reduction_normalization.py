"""Samples of normalisations: group by group, from the definition, in plain loops."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from asg_schema.composites.reduction_normalization import BatchNorm, GroupNorm, InstanceNorm, RmsNorm
from op_samples.sample import Array, Reference, Sample, indices_of, spread


def _standardized(x: Array, groups: Iterable[Any], eps: float) -> Array:
    """(x - mean) / sqrt(var + eps) of each group of indices."""
    result = np.full_like(x, math.nan)
    for group in groups:
        values = x[group].reshape(-1).tolist()
        mean = math.fsum(values) / len(values)
        variance = math.fsum((value - mean) ** 2 for value in values) / len(values)
        result[group] = (x[group] - mean) / math.sqrt(variance + eps)
    return result


def _by_channel(result: Array, weight: Any, bias: Any) -> Array:
    """Each channel times its weight plus its bias."""
    for channel in range(result.shape[1]):
        factor = 1.0 if weight is None else weight[channel]
        result[:, channel] = result[:, channel] * factor + (0.0 if bias is None else bias[channel])
    return result


def _rms_norm(axes: int, eps: float = 2.0**-52) -> Reference:
    def reference(x: Array, weight: Any = 1.0) -> Array:
        result = np.empty_like(x)
        for index in indices_of(x.shape[: x.ndim - axes]):
            values = x[index].reshape(-1).tolist()
            result[index] = x[index] / math.sqrt(math.fsum(v * v for v in values) / len(values) + eps)
        return result * weight

    return reference


def _group_norm(num_groups: int, eps: float = 1e-5) -> Reference:
    def reference(x: Array, weight: Any = None, bias: Any = None) -> Array:
        size = x.shape[1] // num_groups
        groups = [(n, slice(i * size, (i + 1) * size)) for n in range(x.shape[0]) for i in range(num_groups)]
        return _by_channel(_standardized(x, groups, eps), weight, bias)

    return reference


def _instance_norm(eps: float = 1e-5) -> Reference:
    def reference(x: Array, weight: Any = None, bias: Any = None) -> Array:
        return _by_channel(_standardized(x, indices_of(x.shape[:2]), eps), weight, bias)

    return reference


def _batch_norm(axis: int = 1, eps: float = 1e-5) -> Reference:
    def reference(x: Array, mean: Array, var: Array, *affine: Array) -> Array:
        result = np.empty_like(x)
        for index in indices_of(x.shape):
            channel = index[axis]
            value = (x[index] - mean[channel]) / math.sqrt(var[channel] + eps)
            value = value * affine[0][channel] if affine else value
            result[index] = value + affine[1][channel] if len(affine) == 2 else value
        return result

    return reference


_VARIANCES = np.array([0.5, 2.0, 0.25])

_RMS_NORM = [
    Sample("rms_norm.plain", RmsNorm, (spread(2, 3),), {"normalized_shape": [3]}, _rms_norm(1)),
    Sample(
        "rms_norm.weight",
        RmsNorm,
        (spread(2, 2, 4), spread(4) + 0.3),
        {"normalized_shape": [4], "eps": 0.1},
        _rms_norm(1, 0.1),
    ),
    Sample(
        "rms_norm.two_axes",
        RmsNorm,
        (spread(3, 2, 3), spread(2, 3)),
        {"normalized_shape": [2, 3], "eps": 1e-5},
        _rms_norm(2, 1e-5),
    ),
    Sample("rms_norm.whole", RmsNorm, (spread(5),), {"normalized_shape": [5], "eps": 0.0}, _rms_norm(1, 0.0)),
    # With eps absent its derivative is 2²⁶ there, and the next one has no meaning.
    Sample("rms_norm.zeros", RmsNorm, (np.zeros((2, 3)),), {"normalized_shape": [3]}, lambda x: x, False),
    Sample("rms_norm.no_groups", RmsNorm, (np.zeros((0, 3)),), {"normalized_shape": [3]}, lambda x: x),
]

_BATCH_NORM = [
    Sample("batch_norm.plain", BatchNorm, (spread(4, 3), spread(3), _VARIANCES), {}, _batch_norm()),
    Sample("batch_norm.weight", BatchNorm, (spread(2, 3), spread(3), _VARIANCES, spread(3) + 0.3), {}, _batch_norm()),
    Sample(
        "batch_norm.weight_and_bias",
        BatchNorm,
        (spread(2, 3, 2, 2), spread(3), _VARIANCES, spread(3) + 0.3, spread(3) - 0.7),
        {"eps": 0.1},
        _batch_norm(1, 0.1),
    ),
    Sample(
        "batch_norm.last_axis",
        BatchNorm,
        (spread(2, 2, 3), spread(3), _VARIANCES, spread(3) + 0.3, spread(3) - 0.7),
        {"axis": -1},
        _batch_norm(-1),
    ),
    Sample("batch_norm.vector", BatchNorm, (spread(3), spread(3) + 0.1, _VARIANCES), {"axis": 0}, _batch_norm(0)),
    Sample("batch_norm.no_batch", BatchNorm, (np.zeros((0, 3)), spread(3), _VARIANCES), {}, lambda x, mean, var: x),
]

_GROUP_NORM = [
    Sample("group_norm.plain", GroupNorm, (spread(2, 4, 3),), {"num_groups": 2}, _group_norm(2)),
    Sample("group_norm.weight", GroupNorm, (spread(2, 6), spread(6) + 0.3), {"num_groups": 2}, _group_norm(2)),
    Sample(
        "group_norm.weight_and_bias",
        GroupNorm,
        (spread(2, 4, 2, 2), spread(4) + 0.3, spread(4) - 0.7),
        {"num_groups": 2, "eps": 0.1},
        _group_norm(2, 0.1),
    ),
    Sample("group_norm.one_group", GroupNorm, (spread(2, 3, 2),), {"num_groups": 1}, _group_norm(1)),
    Sample("group_norm.a_group_a_channel", GroupNorm, (spread(2, 3, 4),), {"num_groups": 3}, _group_norm(3)),
    Sample("group_norm.no_batch", GroupNorm, (np.zeros((0, 4, 3)),), {"num_groups": 2}, lambda x: x),
]

_INSTANCE_NORM = [
    Sample("instance_norm.plain", InstanceNorm, (spread(2, 3, 4),), {}, _instance_norm()),
    Sample("instance_norm.weight", InstanceNorm, (spread(2, 2, 5), spread(2) + 0.3), {}, _instance_norm()),
    Sample(
        "instance_norm.weight_and_bias",
        InstanceNorm,
        (spread(2, 3, 2, 3), spread(3) + 0.3, spread(3) - 0.7),
        {"eps": 0.1},
        _instance_norm(0.1),
    ),
    Sample("instance_norm.no_batch", InstanceNorm, (np.zeros((0, 2, 3)),), {}, lambda x: x),
]

SAMPLES: list[Sample] = [*_RMS_NORM, *_BATCH_NORM, *_GROUP_NORM, *_INSTANCE_NORM]
