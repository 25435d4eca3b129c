"""Samples of the number of elements."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from asg_schema.composites.creation import Size
from asg_schema.dtype import DType
from op_samples.sample import Array, Sample, array_dtype, spread

__all__ = ["SAMPLES"]


def _case(name: str, x: Array, **attributes: Any) -> Sample:
    axis: Sequence[int] | None = attributes.get("axis")
    dtype: DType = attributes.get("dtype", DType.INT64)

    def reference(x: Array) -> Array:
        axes = range(x.ndim) if axis is None else axis
        count = math.prod(x.shape[place] for place in axes)
        return np.array(count).astype(array_dtype(dtype))

    return Sample(f"size.{name}", Size, (x,), attributes, reference)


SAMPLES: list[Sample] = [
    _case("all", spread(2, 3)),
    _case("axis", spread(2, 3, 4), axis=[0, -1]),
    _case("no_axis", spread(2, 3), axis=[]),
    _case("float32", spread(2, 3), dtype=DType.FLOAT32),
    _case("bfloat16", spread(2, 3), axis=[1], dtype=DType.BFLOAT16),
    _case("uint8", spread(20, 13), dtype=DType.UINT8),  # 260 wraps around
    _case("rank_0", np.array(1.5)),
    _case("int32", np.zeros((3, 2), np.int32)),
    _case("empty_bool", np.zeros((3, 0), np.bool_)),
]
