"""Samples of `astype`: every kind of conversion, with what comes out written down."""

import math
from typing import Any

import ml_dtypes
import numpy as np
import numpy.typing as npt

from asg_schema.ops.elementwise import Astype
from op_samples.sample import Array, Sample, expecting, spread

_INF, _NAN = math.inf, math.nan


def _convert(name: str, x: Array, dtype: npt.DTypeLike, *values: Any) -> Sample:
    target = np.dtype(dtype)
    return Sample(
        f"astype.{name}",
        Astype,
        (x,),
        {"dtype": target.name},
        expecting(*values, dtype=target),
        differentiable=False,  # a rounded value has no finite differences; the float64 sample below has
    )


_WIDE = np.array([-1e19, -300.0, -128.7, -1.9, -0.5, 1.9, 300.0, 1e19, _INF, -_INF, _NAN])
_LOW64, _HIGH64 = -(2**63), 2**63 - 1

SAMPLES: list[Sample] = [
    Sample("astype.float64_to_float64", Astype, (spread(2, 3),), {"dtype": "float64"}, lambda x: 1.0 * x),
    _convert("float64_to_int8_saturates", _WIDE, np.int8, -128, -128, -128, -1, 0, 1, 127, 127, 127, -128, 0),
    _convert("float64_to_uint8_saturates", _WIDE, np.uint8, 0, 0, 0, 0, 0, 1, 255, 255, 255, 0, 0),
    _convert(
        "float64_to_int32_saturates",
        _WIDE,
        np.int32,
        *(-(2**31), -300, -128, -1, 0, 1, 300, 2**31 - 1, 2**31 - 1, -(2**31), 0),
    ),
    _convert("float64_to_uint32_saturates", _WIDE, np.uint32, 0, 0, 0, 0, 0, 1, 300, 2**32 - 1, 2**32 - 1, 0, 0),
    _convert(
        "float64_to_int64_saturates",
        _WIDE,
        np.int64,
        *(_LOW64, -300, -128, -1, 0, 1, 300, _HIGH64, _HIGH64, _LOW64, 0),
    ),
    _convert(
        "float32_to_int32_saturates",
        np.array([3e9, -3e9, 2147483648.0, 2147483520.0], np.float32),
        np.int32,
        *(2**31 - 1, -(2**31), 2**31 - 1, 2147483520),
    ),
    _convert(
        "float32_to_int64_saturates",
        np.array([9.3e18, -9.3e18, 9223371487098961920.0], np.float32),
        np.int64,
        *(_HIGH64, _LOW64, 9223371487098961920),
    ),
    _convert("float16_to_int8", np.array([65504.0, -1.5, _NAN], np.float16), np.int8, 127, -1, 0),
    _convert("bfloat16_to_int32", np.array([1e30, -2.5, _NAN], ml_dtypes.bfloat16), np.int32, 2**31 - 1, -2, 0),
    _convert("bfloat16_to_uint8", np.array([1e30, -2.5, 200.0], ml_dtypes.bfloat16), np.uint8, 255, 0, 200),
    _convert("float64_to_bool", np.array([0.0, -0.0, 1e-300, _NAN, _INF]), np.bool_, False, False, True, True, True),
    _convert("bfloat16_to_bool", np.array([0.0, 0.5], ml_dtypes.bfloat16), np.bool_, False, True),
    _convert("float64_to_float32", np.array([0.1, 1e300, -1e-300]), np.float32, 0.1, _INF, -0.0),
    _convert("float64_to_float16", np.array([0.1, 1e6, 65519.0]), np.float16, 0.0999755859375, _INF, 65504.0),
    # 1.01171875 = 1 + 1.5 · 2⁻⁷ lies halfway between two bfloat16 values; the even one is above it.
    _convert(
        "float64_to_bfloat16", np.array([1.01171875, 1.0117, 3.4e38]), ml_dtypes.bfloat16, 1.015625, 1.0078125, _INF
    ),
    _convert("float16_to_float64", np.array([0.1, _INF], np.float16), np.float64, 0.0999755859375, _INF),
    _convert("bfloat16_to_float16", np.array([1.0078125, 1e30], ml_dtypes.bfloat16), np.float16, 1.0078125, _INF),
    _convert("float16_to_bfloat16", np.array([1.0009765625, 3.0], np.float16), ml_dtypes.bfloat16, 1.0, 3.0),
    _convert("int64_to_int8_wraps", np.array([300, -129, 127]), np.int8, 44, 127, 127),
    _convert("int64_to_uint32_wraps", np.array([-1, 2**32 + 5]), np.uint32, 2**32 - 1, 5),
    _convert("uint8_to_int8_wraps", np.array([200, 3], np.uint8), np.int8, -56, 3),
    _convert("int64_to_float32_rounds", np.array([2**24 + 1, -7]), np.float32, 2.0**24, -7.0),
    _convert("uint32_to_float64", np.array([2**32 - 1], np.uint32), np.float64, 4294967295.0),
    _convert("int32_to_bool", np.array([0, -3, 256], np.int32), np.bool_, False, True, True),
    _convert("bool_to_float64", np.array([True, False]), np.float64, 1.0, 0.0),
    _convert("bool_to_bfloat16", np.array([True, False]), ml_dtypes.bfloat16, 1.0, 0.0),
    Sample("astype.rank_0", Astype, (np.array(-0.75),), {"dtype": "float64"}, lambda x: 1.0 * x),
    _convert("bool_to_int8", np.array([True, False]), np.int8, 1, 0),
]
